package fleet
import ("testing"; "github.com/perdure/perdure/engine"; "github.com/perdure/perdure/engine/memstore")
func openStore(t *testing.T, address string) engine.Store { return memstore.New() }
