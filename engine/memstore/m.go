package memstore

import (
	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store/memstore"
)

func New() engine.Store { return memstore.New() }
