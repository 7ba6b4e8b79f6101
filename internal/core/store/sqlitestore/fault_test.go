package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/perdure/perdure/internal/core/store"
)

// Each result code of SQLite is told as what it is.
func TestDiagnoses(t *testing.T) {
	const (
		disk      = "the disk fails"
		quota     = "for a quota"
		owner     = "who owns"
		locked    = "has the database locked"
		memory    = "not enough memory"
		corrupted = "is damaged"
		full      = "the disk is full"
		unknown   = ""
	)
	for code, want := range map[int]string{
		sqlite3.SQLITE_FULL: full, sqlite3.SQLITE_CORRUPT: corrupted, sqlite3.SQLITE_NOTADB: corrupted,
		sqlite3.SQLITE_CORRUPT_VTAB: corrupted, sqlite3.SQLITE_CORRUPT_INDEX: corrupted, sqlite3.SQLITE_CORRUPT_SEQUENCE: corrupted,

		sqlite3.SQLITE_IOERR: disk, sqlite3.SQLITE_IOERR_READ: disk, sqlite3.SQLITE_IOERR_SHORT_READ: disk, sqlite3.SQLITE_IOERR_WRITE: quota,
		sqlite3.SQLITE_IOERR_FSYNC: disk, sqlite3.SQLITE_IOERR_DIR_FSYNC: disk, sqlite3.SQLITE_IOERR_TRUNCATE: disk, sqlite3.SQLITE_IOERR_FSTAT: disk,
		sqlite3.SQLITE_IOERR_DELETE: disk, sqlite3.SQLITE_IOERR_CLOSE: disk, sqlite3.SQLITE_IOERR_SHMOPEN: disk, sqlite3.SQLITE_IOERR_SHMMAP: disk,
		sqlite3.SQLITE_IOERR_SHMSIZE: disk, sqlite3.SQLITE_IOERR_MMAP: disk, sqlite3.SQLITE_IOERR_SEEK: disk, sqlite3.SQLITE_IOERR_CORRUPTFS: disk,
		sqlite3.SQLITE_IOERR_ACCESS: disk, sqlite3.SQLITE_IOERR_DATA: disk, sqlite3.SQLITE_IOERR_IN_PAGE: disk,
		sqlite3.SQLITE_IOERR_NOMEM: memory, sqlite3.SQLITE_IOERR_LOCK: locked, sqlite3.SQLITE_IOERR_RDLOCK: locked, sqlite3.SQLITE_IOERR_BLOCKED: locked,

		sqlite3.SQLITE_READONLY: owner, sqlite3.SQLITE_READONLY_RECOVERY: owner, sqlite3.SQLITE_READONLY_CANTLOCK: owner,
		sqlite3.SQLITE_READONLY_CANTINIT: owner, sqlite3.SQLITE_READONLY_ROLLBACK: owner, sqlite3.SQLITE_READONLY_DIRECTORY: "who owns its directory",
		sqlite3.SQLITE_READONLY_DBMOVED: "moved or deleted",

		sqlite3.SQLITE_CANTOPEN: "how many files", sqlite3.SQLITE_CANTOPEN_FULLPATH: "how many files", sqlite3.SQLITE_CANTOPEN_ISDIR: "a directory in place",
		sqlite3.SQLITE_CANTOPEN_SYMLINK: "a symbolic link", sqlite3.SQLITE_CANTOPEN_DIRTYWAL: "how many files",

		sqlite3.SQLITE_BUSY: locked, sqlite3.SQLITE_BUSY_RECOVERY: locked, sqlite3.SQLITE_BUSY_SNAPSHOT: locked, sqlite3.SQLITE_BUSY_TIMEOUT: locked,
		sqlite3.SQLITE_LOCKED: locked, sqlite3.SQLITE_LOCKED_SHAREDCACHE: locked, sqlite3.SQLITE_PROTOCOL: "on a local disk",
		sqlite3.SQLITE_NOMEM: memory, sqlite3.SQLITE_PERM: owner, sqlite3.SQLITE_AUTH: owner, sqlite3.SQLITE_NOLFS: "of that size", sqlite3.SQLITE_TOOBIG: "larger",

		sqlite3.SQLITE_ERROR: unknown, sqlite3.SQLITE_CONSTRAINT_UNIQUE: unknown, sqlite3.SQLITE_MISUSE: unknown, sqlite3.SQLITE_SCHEMA: unknown,
		sqlite3.SQLITE_INTERNAL: unknown, sqlite3.SQLITE_MISMATCH: unknown, sqlite3.SQLITE_RANGE: unknown, sqlite3.SQLITE_ABORT_ROLLBACK: unknown,
	} {
		d, known := diagnoseCode(code)
		got := d.text
		if d.is != nil {
			got = d.is.Error() + ": " + got
		}
		if known != (want != unknown) || !strings.Contains(got, want) {
			t.Errorf("code %d: got %q, want it to say %q", code, got, want)
		}
		if errors.Is(d.is, store.ErrCorrupt) != (want == corrupted) {
			t.Errorf("code %d is told as %v", code, d.is)
		}
	}
	for _, err := range []error{syscall.ENOSPC, syscall.EDQUOT} {
		if err := newFile("x.db").fault(fmt.Errorf("write: %w", err)); !errors.Is(err, store.ErrFull) {
			t.Errorf("got %v, want %v", err, store.ErrFull)
		}
	}
}

// SQLite calls a database damaged that the disk does not give. What is told
// depends on a second look.
func TestExamine(t *testing.T) {
	eio := &os.PathError{Op: "read", Path: "perdure.db", Err: syscall.EIO}
	fine := func(context.Context, string) error { return nil }
	fails := func(err error) func(context.Context, string) error {
		return func(context.Context, string) error { return err }
	}
	slow := func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }
	for name, test := range map[string]struct {
		read, check func(context.Context, string) error
		is          error
		text        string
	}{
		"the disk does not give it":        {fails(eio), fails(errors.New("malformed")), store.ErrDisk, "input/output error"},
		"the disk gave it the second time": {fine, fine, store.ErrDisk, "the database is not damaged"},
		"damaged":                          {fine, fails(errors.New("Tree 5 page 9: btreeInitPage() returns error code 11")), store.ErrCorrupt, "restore it from a backup"},
		"too large to be read":             {slow, fine, store.ErrDisk, "perdure verify"},
		"too large to be checked":          {fine, slow, store.ErrDisk, "perdure verify"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if d := examine("perdure.db", test.read, test.check); d.is != test.is || !strings.Contains(d.text, test.text) {
					t.Errorf("got %v: %s, want %v and %q", d.is, d.text, test.is, test.text)
				}
			})
		})
	}
}

// The files are really read, and really checked.
func TestExamineFiles(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), write("x", 1, 100_000)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "perdure.db")
	if d := examine(path, readThrough, quickCheck); !strings.Contains(d.text, "is not damaged") {
		t.Errorf("an engine's own database: got %v", d)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	bytes, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 5 * 4096; i < len(bytes); i++ {
		bytes[i] = 0xa5
	}
	if err := os.WriteFile(path, bytes, 0o600); err != nil {
		t.Fatal(err)
	}
	if d := examine(path, readThrough, quickCheck); d.is != store.ErrCorrupt {
		t.Errorf("a damaged database: got %v", d)
	}
	const gives = "/proc/self/mem" // opens, and gives EIO when it is read at its beginning
	if _, err := os.ReadFile(gives); !errors.Is(err, syscall.EIO) {
		t.Skip("this system has no file that fails")
	}
	if d := examine(gives, readThrough, quickCheck); d.is != store.ErrDisk || !strings.Contains(d.text, "input/output error") {
		t.Errorf("a file that the disk does not give: got %v", d)
	}
}
