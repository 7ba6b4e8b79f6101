package engine

import "github.com/perdure/perdure/internal/core/store"

type contract interface{ store.Store }

// Store is stub.
type Store interface {
	contract
	Close() error
}
