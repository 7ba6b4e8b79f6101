// Package sqlstore keeps executions in an SQL database: an SQLite file in a directory of its own.
//
// One goroutine writes. It takes whatever commits have queued while it wrote the ones before, and makes them
// durable together, so that under load many commits share one flush of the disk, and a single commit never waits
// for company. Readers use connections of their own and see what was committed.
//
// What belongs to SQLite rather than to SQL is in sqlite.go.
package sqlstore

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
	// Owner tells those who find the directory locked who has it, such as
	// "pid 4711, http://127.0.0.1:3001". See [Store.SetOwner].
	Owner string
	// Lock is that of the directory, if the opener has it already. The store
	// gives it back in the end, also if Open fails; nil to take it.
	Lock *Lock
	// Logger hears of trouble that no caller can be told; nil for silence.
	Logger *slog.Logger
}

// Store is a [store.Store] in an SQL database.
type Store struct {
	lock    *Lock
	opened  fs.FileInfo // the database, as it was found
	unwatch func()      // ends the watch, and waits for it
	readers *reader
	writer  *writer
	purger  *purger
	logs    *logs

	closing sync.Once
	closed  error // how closing went
}

var _ store.Store = (*Store)(nil)

// Open opens the database in the directory dir; it makes both if need be. It fails with a [store.LockedError] while
// another Store has the directory open, in this process or another.
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

// SetOwner replaces the text that others see when they find the directory
// locked: an opener may know only later at which address it can be reached.
func (s *Store) SetOwner(owner string) error { return s.lock.setOwner(owner) }

// Close implements [store.Store].
func (s *Store) Close() error {
	s.closing.Do(func() { s.closed = s.release() })
	return s.closed
}

// release undoes what Open has done so far. The readers go first, because the
// writer can empty the write-ahead log only when nobody reads from it.
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
	return s.writer.do(ctx, size, func(tx *transaction) error { return tx.commit(writes) })
}

// statements prepares what a connection runs again and again. The first error sticks, so that callers check once.
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
