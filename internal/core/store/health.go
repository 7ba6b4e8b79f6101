package store

import (
	"context"

	"github.com/perdure/perdure/internal/observe/metrics"
)

// Health says how a store does. Its counts begin when the store is opened.
type Health struct {
	Kind       string // for people, such as SQLite
	Durability string // what an acknowledged commit survives, for people
	Bytes      int64  // on disk, with indexes and log; zero if that is not known
	// Commit is the seconds until a transaction was durable, and Group how many changes shared one.
	Commit, Group metrics.Distribution
	Waiting       int // changes that wait for their transaction to begin
}

// Reporter is a [Store] that can say how it does.

type Reporter interface {
	// Health asks the store; what cannot be found out is left out.
	Health(ctx context.Context) Health
}
