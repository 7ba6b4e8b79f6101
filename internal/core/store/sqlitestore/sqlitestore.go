// Package sqlitestore keeps executions in an SQL database: an SQLite file in a directory of its own.
//
// One caller at a time writes. It makes the commits that queued during the last write durable together, so under load
// many commits share one flush of the disk, and a single commit never waits for company, nor for another goroutine.
// Readers have connections of their own and see committed data.
//
// sqlite.go holds what is about SQLite as a whole rather than about one query.
package sqlitestore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync"

	"github.com/perdure/perdure/internal/core/store"
)

// Database is the name of the database in a data directory.
const Database = "perdure.db"

// Options adjusts [Open]. The zero value is ready to use.
type Options struct {
	// Durability says what a commit survives; the default is [Power].
	Durability Durability
	// Owner is the text for others who find the directory locked, such as "pid 4711, http://127.0.0.1:3001". See
	// [Lock.SetOwner].
	Owner string
	// Lock is the directory's lock, if the opener has it already; nil to take it. The store releases it in the end,
	// also if Open fails.
	Lock *Lock
	// Logger hears of trouble that no caller can be told; nil for silence.
	Logger *slog.Logger
}

// Store is a [store.Store] in an SQL database.
type Store struct {
	lock    *Lock
	opened  fs.FileInfo // the database file as it was opened
	unwatch func()      // ends the watch, and waits for it
	readers *reader
	writer  *writer
	purger  *purger
	logs    *logs

	closing sync.Once
	closed  error // how closing went
}

var _ store.Store = (*Store)(nil)

// Open opens the database in the directory dir, and makes both if need be. It fails with a [store.LockedError]
// while another Store, in any process, has the directory open.
func Open(ctx context.Context, dir string, opts *Options) (*Store, error) {
	if opts == nil {
		opts = &Options{}
	}
	lock := opts.Lock
	if lock == nil {
		var err error
		if lock, err = TakeLock(dir, opts.Owner); err != nil {
			return nil, err
		}
	}
	s := &Store{lock: lock}
	if err := s.open(ctx, filepath.Join(lock.dir, Database), opts); err != nil {
		s.release()
		return nil, err
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, path string, opts *Options) (err error) {
	if _, err := own(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file := sqlite{file: newFile(path), durability: opts.Durability}
	logger := cmp.Or(opts.Logger, slog.New(slog.DiscardHandler))
	s.logs = &logs{file: newFile(filepath.Join(filepath.Dir(path), Logs)), logger: logger}
	if s.writer, err = startWriter(ctx, file, logger); err != nil {
		return err
	}
	if s.readers, err = openReader(ctx, file); err != nil {
		return err
	}
	if s.opened, err = own(path); err != nil {
		return err
	}
	s.purger = startPurger(s.writer, logger)
	watching, cancel := context.WithCancel(context.Background())
	var watch sync.WaitGroup
	watch.Go(func() { s.watch(watching, logger) })
	s.unwatch = func() { cancel(); watch.Wait() }
	return nil
}

// Close implements [store.Store].
func (s *Store) Close() error {
	s.closing.Do(func() { s.closed = s.release() })
	return s.closed
}

// release undoes Open. The readers go first: the writer can empty the write-ahead log only when nobody reads it.
func (s *Store) release() error {
	var errs []error
	if s.unwatch != nil {
		s.unwatch()
	}
	if s.purger != nil {
		s.purger.close()
	}
	if s.readers != nil {
		errs = append(errs, s.readers.close())
	}
	if s.writer != nil {
		errs = append(errs, s.writer.close())
	}
	if s.logs != nil {
		errs = append(errs, s.logs.close())
	}
	return errors.Join(append(errs, s.lock.Release())...)
}

// Commit implements [store.Store].
func (s *Store) Commit(ctx context.Context, writes ...store.Write) error {
	if err := store.Check(writes); err != nil {
		return err
	}
	size := 0
	for _, w := range writes {
		size += len(w.Entry.Data)
	}
	return s.writer.commit(ctx, size, writes)
}

// statements prepares statements for a connection. The first error sticks, so that callers check once.
type statements struct {
	prepare func(ctx context.Context, query string) (*sql.Stmt, error)
	all     []*sql.Stmt
	err     error
}

func (s *statements) of(ctx context.Context, query string) *sql.Stmt {
	if s.err != nil {
		return nil
	}
	stmt, err := s.prepare(ctx, query)
	if err != nil {
		s.err = fmt.Errorf("preparing %q: %w", query, err)
		return nil
	}
	s.all = append(s.all, stmt)
	return stmt
}

func (s *statements) close() {
	for _, stmt := range s.all {
		stmt.Close()
	}
}
