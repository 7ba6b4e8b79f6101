// Package memstore has the store of an engine in memory, for tests and
// programs that keep nothing.
package memstore

import (
	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store/memstore"
)

// New returns an empty store. What is in it ends with the process.
func New() engine.Store { return memstore.New() }
