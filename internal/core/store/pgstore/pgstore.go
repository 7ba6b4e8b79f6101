// Package pgstore keeps executions in PostgreSQL, for one engine or for a fleet of them.
//
// All is in one schema of a database. The server does what it is good at: the fence is a primary key, a commit is one
// statement, and nothing holds a lock while it waits for us. A commit carries what has queued meanwhile, of many
// executions, as arrays; a write that loses in it harms no other. See commit.go.
//
// Nothing depends on the state of a session, but for speed: behind a pooler, such as pgbouncer, statements are planned
// each time, and there are no hints ([Store.Hear]).
//
// A database of a distributed kind that speaks PostgreSQL's protocol may do as well; none was tried.
package pgstore

import (
	"cmp"
	"context"
	"log/slog"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/perdure/perdure/internal/core/store"
)

// Options adjusts [Open]. The zero value is ready to use.
type Options struct {
	// Logger hears of trouble that no caller can be told; nil for silence.
	Logger *slog.Logger
}

// Store is a [store.Store], a [store.Fleet] and [store.Files] in a database of PostgreSQL.
type Store struct {
	reader
	log    *slog.Logger
	oid    int64 // of the schema
	writer *writer
	hints  *hints

	stop    context.CancelFunc // ends what goes on in the background
	working sync.WaitGroup
	closing sync.Once
}

var (
	_ store.Store = (*Store)(nil)
	_ store.Fleet = (*Store)(nil)
	_ store.Files = (*Store)(nil)
)

// Open connects to the database at an address as PostgreSQL's own clients take it, such as
// postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full. What is not in it comes from their environment
// variables and files. Two parameters are ours: schema, which is perdure unless given, and pool_max_conns.
//
// It makes the schema, or makes it newer, if need be. It refuses a server, a database or a schema that cannot be used,
// and says what to do. No error holds the password.
func Open(ctx context.Context, url string, opts *Options) (*Store, error) {
	a, err := parse(url)
	if err != nil {
		return nil, err
	}
	return openAt(ctx, a, cmp.Or(opts, &Options{}))
}

func openAt(ctx context.Context, a *address, opts *Options) (*Store, error) {
	db, err := connect(ctx, a)
	if err != nil {
		return nil, err
	}
	s := &Store{reader: reader{db, db.Pool}, log: cmp.Or(opts.Logger, slog.New(slog.DiscardHandler))}
	if err = db.migrate(ctx, migrations); err == nil {
		s.oid, err = db.identify(ctx)
	}
	if err != nil {
		db.Close()
		return nil, err
	}
	s.begin()
	return s, nil
}

// begin starts what goes on in the background.
func (s *Store) begin() {
	var ctx context.Context
	ctx, s.stop = context.WithCancel(context.Background())
	s.writer = newWriter(s.connections)
	s.hints = newHints()
	s.working.Go(func() { s.tellOn(ctx) })
	s.working.Go(func() { s.purgeOn(ctx) })
}

// Close implements [store.Store].
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.writer.close()
		s.closed.Store(true)
		s.stop()
		s.working.Wait()
		s.Pool.Close()
	})
	return nil
}

// Place names the servers and the database, for people. It holds no user and no password.
func (s *Store) Place() string { return s.place }

// Pooled reports whether there is a pooler, such as pgbouncer, in between.
func (s *Store) Pooled() bool { return s.pooled }

// Commit implements [store.Store].
func (s *Store) Commit(ctx context.Context, writes ...store.Write) error {
	if err := store.Check(writes); err != nil {
		return err
	}
	return s.writer.commit(ctx, writes)
}

// change runs one statement that changes something.
func (s *Store) change(ctx context.Context, sql string, args ...any) error {
	_, err := changed(ctx, s, scanNumber, sql, args...)
	return err
}

// changed runs one statement that changes something, and reads what it returns. An end of ctx stops only one that has
// not begun.
func changed[T any](
	ctx context.Context, s *Store, scan func(pgx.Rows) (T, error), sql string, args ...any,
) (found []T, err error) {
	if s.closed.Load() {
		return nil, store.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	err = s.retry(ctx, func(ctx context.Context) error {
		return s.use(ctx, func(conn *pgxpool.Conn) error {
			rows, err := conn.Query(ctx, s.in(sql), args...)
			if err != nil {
				return err
			}
			found, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (T, error) { return scan(row.(pgx.Rows)) })
			return err
		})
	})
	return found, err
}

// maxTries bounds how often something begins anew that lost a race in the database.
const maxTries = 10

// retry runs f, once more if it certainly changed nothing: the database had to choose among transactions, or the
// connection was found to be broken before anything was sent.
func (c *connections) retry(ctx context.Context, f func(ctx context.Context) error) error {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	for try := 1; ; try++ {
		err := f(bounded)
		if err == nil {
			return nil
		}
		c.renew(err)
		if try == maxTries || bounded.Err() != nil || !mayTryAgain(err) {
			return c.fault(ctx, err)
		}
	}
}

// renew has the pool make new connections if err says that those it has are of no use: they are broken, or lead to a
// server that is a replica since a failover.
func (c *connections) renew(err error) bool {
	useless := isBroken(err) || code(err) == "25006"
	if useless {
		c.Reset()
	}
	return useless
}

// blob keeps empty data from becoming NULL.
func blob(data []byte) []byte {
	if data == nil {
		return []byte{}
	}
	return data
}
