package sqlitestore_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/sqlitestore"
)

// filled returns a directory with a database of some pages, closed.
func filled(t *testing.T) (dir, path string) {
	t.Helper()
	dir = t.TempDir()
	s := open(t, dir, nil)
	for seq := range int64(50) {
		if err := s.Commit(t.Context(), entry("x", seq+1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, filepath.Join(dir, "perdure.db")
}

func TestFilesArePrivateAndTidy(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "with space ?#%20")
	s := open(t, dir, nil)
	if err := s.Commit(t.Context(), entry("x", 1)); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("got %v, %v, want a directory for its owner only", info.Mode(), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var names []string
	files, _ := os.ReadDir(dir)
	for _, f := range files {
		names = append(names, f.Name())
	}
	if got, want := fmt.Sprint(names), "[perdure.db perdure.lock]"; got != want {
		t.Errorf("after Close: got %v, want %v", got, want)
	}
}

// TestFilesArePrivateWhereverTheyAre: the directory may be one that others can
// enter, such as a volume of a container.
func TestFilesArePrivateWhereverTheyAre(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes say nothing on Windows")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, nil)
	if err := s.Commit(t.Context(), entry("x", 1)); err != nil {
		t.Fatal(err)
	}
	if err := s.AppendLog(t.Context(), store.LogWrite{ID: "x", Lines: []store.LogLine{{Text: "secret"}}}); err != nil {
		t.Fatal(err)
	}
	found := 0
	files, _ := os.ReadDir(dir)
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: got %v, %v, want a file for its owner only", f.Name(), info.Mode(), err)
		}
		found++
	}
	if found < 4 {
		t.Errorf("got %v, want the database and the log, each with what is beside it", files)
	}
}

func TestLockedInOneProcess(t *testing.T) {
	dir := t.TempDir()
	lock, err := sqlitestore.TakeLock(dir, "pid 1, starting; a long text")
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, &sqlitestore.Options{Lock: lock})
	for _, owner := range []string{"pid 1, http://127.0.0.1:3001", ""} {
		if err := lock.SetOwner(owner); err != nil {
			t.Fatal(err)
		}
		_, err := sqlitestore.Open(t.Context(), dir, nil)
		want := store.LockedError{Path: dir, Owner: owner}
		if locked, ok := errors.AsType[*store.LockedError](err); !ok || *locked != want {
			t.Errorf("got %v, want %v", err, &want)
		}
	}
	if err := s.Commit(t.Context(), entry("x", 1)); err != nil {
		t.Errorf("the owner goes on: %v", err)
	}
	s.Close()
	open(t, dir, nil)
}

func TestCorruptFiles(t *testing.T) {
	for name, harm := range map[string]func(file []byte) []byte{
		"not a database": func([]byte) []byte { return bytes.Repeat([]byte("This is no database. "), 1000) },
		"short":          func([]byte) []byte { return []byte("SQLite") },
		"no first page":  func(b []byte) []byte { clear(b[100:4096]); return b },
		"header only":    func(b []byte) []byte { return b[:100] },
		"truncated":      func(b []byte) []byte { return b[:len(b)/2] },
		"last page lost": func(b []byte) []byte { return b[:len(b)-8192] },
	} {
		t.Run(name, func(t *testing.T) {
			dir, path := filled(t)
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			harmed := harm(file)
			if err := os.WriteFile(path, harmed, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err = sqlitestore.Open(t.Context(), dir, nil)
			if !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want %v and the path", err, store.ErrCorrupt)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(after, harmed) {
				t.Errorf("the damaged file was changed")
			}
			if _, err := sqlitestore.Open(t.Context(), dir, nil); !errors.Is(err, store.ErrCorrupt) {
				t.Errorf("again: got %v, want %v", err, store.ErrCorrupt)
			}
		})
	}
}

// Damage inside is found when it is read.
func TestCorruptPages(t *testing.T) {
	dir, path := filled(t)
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 10 * 4096; i < len(file); i++ {
		file[i] = 0xa5
	}
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, nil)
	var last error
	for _, last = range s.Journal(t.Context(), "x", store.Range{}) {
	}
	if !errors.Is(last, store.ErrCorrupt) {
		t.Errorf("Journal: got %v, want %v", last, store.ErrCorrupt)
	}
}

func TestForeignFiles(t *testing.T) {
	for name, test := range map[string]struct{ sql, want string }{
		"another program's":          {"CREATE TABLE t (x)", "another program"},
		"another application id":     {"PRAGMA application_id = 7", "another program"},
		"a version and nothing else": {"PRAGMA user_version = 7", "another program"},
		"newer":                      {"PRAGMA application_id = 0x50455244; PRAGMA user_version = 99", "newer"},
		"older":                      {"PRAGMA application_id = 0x50455244; PRAGMA user_version = 1", "before the first release"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "perdure.db")
			execute(t, path, test.sql)
			before, _ := os.ReadFile(path)
			_, err := sqlitestore.Open(t.Context(), dir, nil)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want %q and the path", err, test.want)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
				t.Errorf("the file was changed")
			}
		})
	}
}

// execute runs SQL on a database file behind the store's back.
func execute(t *testing.T, path, query string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(query); err != nil {
		t.Fatal(err)
	}
}

func TestUnusableDirectories(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlitestore.Open(t.Context(), file, nil); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a file: got %v, want an error with its path", err)
	}

	if os.Geteuid() == 0 {
		t.Skip("nothing is read-only for root")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlitestore.Open(t.Context(), dir, nil); err == nil ||
		!strings.Contains(err.Error(), "cannot write to the data directory") {
		t.Errorf("a read-only directory: got %v, want an error that says so", err)
	}
}

func TestDurabilityText(t *testing.T) {
	for _, d := range []sqlitestore.Durability{sqlitestore.Power, sqlitestore.Process, sqlitestore.None} {
		text, err := d.MarshalText()
		var back sqlitestore.Durability
		if err := errors.Join(err, back.UnmarshalText(text)); err != nil || back != d {
			t.Errorf("%v came back as %v, %v", d, back, err)
		}
	}
	var d sqlitestore.Durability
	if err := d.UnmarshalText([]byte("full")); err == nil || !strings.Contains(err.Error(), "power, process, none") {
		t.Errorf("got %v, want an error that names the choices", err)
	}
}
