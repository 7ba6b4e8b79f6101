package engine

import "github.com/perdure/perdure/internal/core/store"

// Store keeps what an engine knows. Packages engine/sqlitestore and
// engine/memstore have one each; others cannot be made outside of this module
// yet, as the contract may still change.
type Store interface {
	contract
	// Close waits for what is being written and releases the store. An engine
	// does not close its store.
	Close() error
}

// contract is what an engine asks of a store.
type contract interface{ store.Store }
