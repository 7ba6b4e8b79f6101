package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"time"

	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/perdure/perdure/internal/core/store"
)

// diagnosis says what a result code of SQLite means to people who run an engine.
type diagnosis struct {
	is   error  // an error of package store, or nil
	text string // what happened, and what to do
}

// diagnoses are those of primary result codes.
var diagnoses = map[int]diagnosis{
	sqlite3.SQLITE_FULL:     {store.ErrFull, "free some space"},
	sqlite3.SQLITE_IOERR:    {store.ErrDisk, "look for its errors in the log of the system, and for a quota; nothing says that the database is damaged"},
	sqlite3.SQLITE_CORRUPT:  damaged,
	sqlite3.SQLITE_NOTADB:   damaged,
	sqlite3.SQLITE_READONLY: {nil, "the database cannot be written: look at who owns its file and its directory, at their modes, and whether the disk is mounted for reading only"},
	sqlite3.SQLITE_CANTOPEN: {nil, "the database cannot be opened: look whether its file and its directory are there, who owns them, and how many files the process may have open"},
	sqlite3.SQLITE_PERM:     {nil, "the system does not permit it: look at who owns the database and its directory"},
	sqlite3.SQLITE_AUTH:     {nil, "the system does not permit it: look at who owns the database and its directory"},
	sqlite3.SQLITE_BUSY:     busy,
	sqlite3.SQLITE_LOCKED:   busy,
	sqlite3.SQLITE_NOMEM:    {nil, "there is not enough memory"},
	sqlite3.SQLITE_PROTOCOL: {nil, "the database cannot be locked: it must be on a local disk, not on one of the network"},
	sqlite3.SQLITE_NOLFS:    {nil, "the file system cannot hold a file of that size"},
	sqlite3.SQLITE_TOOBIG:   {nil, "a value is larger than the database takes"},
}

// extended holds the extended result codes that mean something else than their primary code.
var extended = map[int]diagnosis{
	sqlite3.SQLITE_IOERR_NOMEM:        {nil, "there is not enough memory"},
	sqlite3.SQLITE_IOERR_LOCK:         busy,
	sqlite3.SQLITE_IOERR_RDLOCK:       busy,
	sqlite3.SQLITE_IOERR_BLOCKED:      busy,
	sqlite3.SQLITE_READONLY_DBMOVED:   {nil, "the database was moved or deleted while it was open: stop the engine, and put the file back"},
	sqlite3.SQLITE_READONLY_DIRECTORY: {nil, "no file can be made beside the database: look at who owns its directory"},
	sqlite3.SQLITE_CANTOPEN_ISDIR:     {nil, "there is a directory in place of the database"},
	sqlite3.SQLITE_CANTOPEN_SYMLINK:   {nil, "there is a symbolic link in place of the database"},
}

var (
	damaged = diagnosis{store.ErrCorrupt, "restore it from a backup, or move it away to begin anew"}
	busy    = diagnosis{nil, "another program has the database locked: end it, or wait until it is done"}
)

// diagnose returns the meaning of an error of SQLite, if it is known.
func diagnose(err error) (diagnosis, bool) {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return diagnoses[sqlite3.SQLITE_FULL], true
	}
	return diagnoseCode(extendedCode(err))
}

func diagnoseCode(extendedCode int) (diagnosis, bool) {
	d, known := extended[extendedCode]
	if !known {
		d, known = diagnoses[extendedCode&0xff]
	}
	return d, known
}

// fault turns err into the error for the store's caller, and says where.
func (f *file) fault(err error) error {
	if _, damaged := errors.AsType[*store.DamagedError](err); damaged {
		return err // it names the damaged thing itself
	}
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case isClosed(err):
		return store.ErrClosed
	case code(err) == sqlite3.SQLITE_INTERRUPT: // only an end of the context does that
		return fmt.Errorf("%w (%w)", context.Canceled, err)
	}
	d, known := diagnose(err)
	if d.is == store.ErrCorrupt {
		d = f.secondLook()
	}
	switch {
	case !known:
		return fmt.Errorf("%s: %w", f.path, err)
	case d.is == nil:
		return fmt.Errorf("%s: %s (%w)", f.path, d.text, err)
	}
	return fmt.Errorf("%w: %s: %s (%w)", d.is, f.path, d.text, err)
}

// isFull reports whether err says that there is no space. Nothing of the transaction is kept then, even if its end
// failed.
func isFull(err error) bool {
	d, _ := diagnose(err)
	return d.is == store.ErrFull
}

// isClosed reports whether err says that the pool was closed. Package sql has no value for one of its two ways to
// say so.
func isClosed(err error) bool {
	return errors.Is(err, sql.ErrConnDone) || err.Error() == "sql: database is closed"
}

// code returns SQLite's primary result code, or 0.
func code(err error) int { return extendedCode(err) & 0xff }

func extendedCode(err error) int {
	if e, ok := errors.AsType[*driver.Error](err); ok {
		return e.Code()
	}
	return 0
}

// SQLite calls a database damaged both when a page makes no sense and when the disk does not deliver it. People who
// believe that may discard a day's work because of a loose cable. So the files are examined once more, for a few
// seconds at most, and at most once a minute.
const (
	lookFor   = 3 * time.Second
	lookEvery = time.Minute
)

// file is a file of SQLite, with the finding of its last examination.
type file struct {
	path string

	mu       sync.Mutex
	examined time.Time
	found    diagnosis
}

func newFile(path string) *file { return &file{path: path} }

func (f *file) secondLook() diagnosis {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.examined.IsZero() || time.Since(f.examined) > lookEvery {
		f.found = examine(f.path, readThrough, quickCheck)
		f.examined = time.Now()
	}
	return f.found
}

// examine finds out whether the disk fails or the database is damaged. read reads the files; check has SQLite look
// at them; both give up when their context ends.
func examine(path string, read, check func(ctx context.Context, path string) error) diagnosis {
	ctx, cancel := context.WithTimeout(context.Background(), lookFor)
	defer cancel()
	switch err := read(ctx, path); {
	case err == nil:
	case ctx.Err() != nil:
		return unclear
	default:
		return diagnosis{store.ErrDisk, fmt.Sprintf("it cannot be read (%v): look for errors of the disk in the log of the system; nothing says that the database is damaged", err)}
	}
	switch err := check(ctx, path); {
	case err == nil:
		return diagnosis{store.ErrDisk, "what could not be read could be read the second time: look for errors of the disk in the log of the system; the database is not damaged"}
	case ctx.Err() != nil:
		return unclear
	}
	return damaged
}

var unclear = diagnosis{store.ErrDisk, "the disk failed to read it, or it is damaged: look for errors of the disk in the log of the system, and let perdure verify tell before you restore it from a backup"}

// readThrough reads the database and its log to the end.
func readThrough(ctx context.Context, path string) error {
	for _, name := range []string{path, path + "-wal"} {
		f, err := os.Open(name)
		if errors.Is(err, fs.ErrNotExist) && name != path {
			continue
		}
		if err != nil {
			return err
		}
		_, err = io.CopyBuffer(io.Discard, struct{ io.Reader }{untilDone{ctx, f}}, make([]byte, 1<<20))
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// untilDone reads until its context ends.
type untilDone struct {
	ctx context.Context
	io.Reader
}

func (r untilDone) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(b)
}

// quickCheck fails if SQLite finds damage.
func quickCheck(ctx context.Context, path string) error {
	db, err := sqlite{file: newFile(path)}.connect(1, "query_only(1)")
	if err != nil {
		return err
	}
	defer db.Close()
	var found string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&found); err != nil {
		return err
	}
	if found != "ok" {
		return errors.New(found)
	}
	return nil
}
