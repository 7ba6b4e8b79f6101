// Package sqlitestore keeps the executions of an engine in a directory, with SQLite inside. It needs no C compiler, and
// no other process.
package sqlitestore

import (
	"cmp"
	"context"
	"log/slog"

	"github.com/perdure/perdure/engine"
	store "github.com/perdure/perdure/internal/core/store/sqlitestore"
)

// Durability says what an acknowledged change survives.
type Durability int

// The durabilities. Each is faster than the one before.
const (
	// Power: it survives a loss of power. Every commit waits for the disk.
	Power Durability = iota
	// Process: it survives the death of the process. A loss of power may cost the latest changes, but not the database.
	Process
	// None: it survives the death of the process. A loss of power may cost the whole database.
	None
)

// Options change a store. The zero value, like nil, is ready to use.
type Options struct {
	Durability Durability // [Power] by default
	// Logger hears of trouble that concerns no caller; nil is silence.
	Logger *slog.Logger
}

// Open opens the store in a directory; it makes both if need be. It fails while another store has the directory open,
// in this process or another.
func Open(ctx context.Context, dir string, opts *Options) (engine.Store, error) {
	opts = cmp.Or(opts, &Options{})
	durabilities := map[Durability]store.Durability{Power: store.Power, Process: store.Process, None: store.None}
	durability := durabilities[opts.Durability]
	st, err := store.Open(ctx, dir, &store.Options{Durability: durability, Logger: opts.Logger})
	if err != nil {
		return nil, err // and not a nil *store.Store, which is no nil engine.Store
	}
	return st, nil
}
