// Package postgres keeps the executions of engines in a database of PostgreSQL, 14 or later. Several engines, in any
// number of processes and on any number of machines, may have one database open: then they are the nodes of a fleet,
// each answers for all, and what one leaves behind another goes on with.
package postgres

import (
	"cmp"
	"context"
	"log/slog"

	"github.com/perdure/perdure/engine"
	store "github.com/perdure/perdure/internal/core/store/pgstore"
)

// Options change a store. The zero value, like nil, is ready to use.
type Options struct {
	// Logger hears of trouble that concerns no caller; nil is silence.
	Logger *slog.Logger
}

// Open connects to a database, and makes the tables in it if need be, or makes them newer. It fails with what to do if
// the database cannot be used: it cannot be reached within ten seconds, the user lacks rights, it only reads, its
// encoding is not UTF8, PostgreSQL is too old, or the tables are another program's or were made for a newer Perdure. No
// error, and nothing that is logged, holds the password.
//
// The url is an address as PostgreSQL's own clients take it:
// postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full, or words such as "host=db dbname=perdure". What it
// does not say comes from PostgreSQL's environment variables and files: PGHOST, PGPASSWORD, PGSERVICE, ~/.pgpass.
// Several hosts, separated by commas, with target_session_attrs=read-write, are a primary with its replicas. Two
// parameters are ours:
//
//   - schema is the schema of the tables, "perdure" unless given. Each fleet has one of its own.
//   - pool_max_conns is how many connections are made at most, 10 unless given. Hearing of other engines takes one
//     more.
//
// A pooler such as pgbouncer may be in between, in any of its modes; engines then hear of each other's work only when
// they look, which takes them longer.
//
// A change is durable when PostgreSQL says so, by its own settings: with fsync or synchronous_commit turned off, or
// where a replica that does not follow synchronously takes over, the last changes may be lost, although they were
// acknowledged. What is left is consistent.
//
// While the database is away, whatever needs it fails within ten seconds with an error that says so, and works again
// once the database is back.
func Open(ctx context.Context, url string, opts *Options) (engine.Store, error) {
	opts = cmp.Or(opts, &Options{})
	st, err := store.Open(ctx, url, &store.Options{Logger: opts.Logger})
	if err != nil {
		return nil, err // and not a nil *store.Store, which is no nil engine.Store
	}
	return st, nil
}
