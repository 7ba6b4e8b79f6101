// Package sqlitestore has the store of an engine in an SQLite database, which is
// a directory of its own. It needs no cgo.
package sqlitestore

import (
	"context"
	"log/slog"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store/sqlstore"
)

// Options adjust [Open]. The zero value, like nil, is the default.
type Options struct {
	// Durability says what a checkpoint survives; the default is [Power].
	Durability Durability
	// Owner tells those who find the directory in use who has it, such as
	// "pid 4711". It may be empty.
	Owner string
	// Logger hears of trouble that no caller can be told; nil is nobody.
	Logger *slog.Logger
}

// Durability says what is left of a checkpoint that was acknowledged.
type Durability int

const (
	// Power survives the loss of power: every checkpoint waits for the disk.
	Power Durability = iota
	// Process survives the death of the process. A loss of power may cost the
	// latest checkpoints, and leaves the database whole.
	Process
	// None survives the death of the process, too. A loss of power may cost
	// the whole database.
	None
)

// Open opens the database in the directory dir, and makes both if need be. It
// fails while another store has the directory open, in this process or another.
func Open(ctx context.Context, dir string, opts *Options) (engine.Store, error) {
	if opts == nil {
		opts = &Options{}
	}
	durability := map[Durability]sqlstore.Durability{Power: sqlstore.Power, Process: sqlstore.Process, None: sqlstore.None}
	st, err := sqlstore.Open(ctx, dir, &sqlstore.Options{
		Durability: durability[opts.Durability], Owner: opts.Owner, Logger: opts.Logger,
	})
	if err != nil {
		return nil, err // not a nil *sqlstore.Store, which is not a nil engine.Store
	}
	return st, nil
}
