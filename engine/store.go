package engine

import "github.com/perdure/perdure/internal/core/store"

// contract is what an engine needs of a store. It is not public, because it
// changes with the engine.
type contract interface{ store.Store }

// Store keeps the executions of an engine: one of package sqlitestore or
// memstore. An engine is its only user at a time, and does not close it.
type Store interface {
	contract
	// Close ends what the store does in the background, and gives its files
	// back. The engine must be closed before.
	Close() error
}
