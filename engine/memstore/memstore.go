// Package memstore keeps the executions of an engine in memory, for tests: they end with the process.
package memstore

import (
	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store/memstore"
)

// New returns an empty store.
func New() engine.Store { return memstore.New() }
