package fleet

import (
	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/engine/memstore"
	"testing"
)

func openStore(t *testing.T, address string) engine.Store { return memstore.New() }
