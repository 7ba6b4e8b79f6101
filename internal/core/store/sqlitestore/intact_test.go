package sqlitestore

import (
	"bytes"
	"database/sql"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perdure/perdure/internal/core/store"
)

// A store says when its files are no longer those at their paths.
func TestIntact(t *testing.T) {
	for name, change := range map[string]func(dir string) error{
		"removed":        func(dir string) error { return os.Remove(filepath.Join(dir, Database)) },
		"moved":          func(dir string) error { return os.Rename(dir, dir+"-elsewhere") },
		"replaced":       func(dir string) error { return replace(filepath.Join(dir, Database)) },
		"a link instead": func(dir string) error { return os.Rename(filepath.Join(dir, Database), filepath.Join(dir, "x")) },
		"lock removed":   func(dir string) error { return os.Remove(filepath.Join(dir, LockFile)) },
		"lock replaced":  func(dir string) error { return replace(filepath.Join(dir, LockFile)) },
	} {
		dir := filepath.Join(t.TempDir(), "data")
		s := reopened(t, dir)
		if err := s.Intact(); err != nil {
			t.Errorf("%s: before: %v", name, err)
		}
		if err := change(dir); err != nil {
			t.Fatal(err)
		}
		if name == "a link instead" {
			if err := os.Symlink("x", filepath.Join(dir, Database)); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Intact(); err == nil || !strings.Contains(err.Error(), "was removed or replaced beneath the engine") {
			t.Errorf("%s: got %v", name, err)
		}
		copied := filepath.Join(t.TempDir(), Database)
		if err := s.Backup(t.Context(), copied); err == nil {
			t.Errorf("%s: there is a backup of what the store does not hold", name)
		}
		if _, err := os.Stat(copied); err == nil {
			t.Errorf("%s: a backup that failed left a file", name)
		}
		s.Close()
	}
}

// Where the database was, no connection makes another one.
func TestNoDatabaseIsMadeBeneathAStore(t *testing.T) {
	dir := t.TempDir()
	reopened(t, dir).Close()
	path := filepath.Join(dir, Database)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if db, err := (sqlite{file: newFile(path)}).forReading(t.Context()); err == nil {
		db.Close()
		t.Error("a database that is gone was opened")
	}
	if _, err := os.Lstat(path); err == nil {
		t.Error("a database was made")
	}
}

// What is put in the place of the database is not read, by no connection.
func TestReadersStayWithTheirFile(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	reopened(t, other).Close()
	s := reopened(t, dir)
	defer s.Close()
	err := s.Commit(t.Context(), store.Write{ID: "a", Entry: store.Entry{Seq: 1, Data: []byte("x")}, Row: &store.Row{ID: "a", Function: "f", Name: "a"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(other, Database), filepath.Join(dir, Database)); err != nil {
		t.Fatal(err)
	}
	var held []*sql.Conn // so that each read has a connection of its own
	for i := range s.readers.db.Stats().MaxOpenConnections {
		conn, err := s.readers.db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, conn)
		var n int
		if err := conn.QueryRowContext(t.Context(), "SELECT count(*) FROM executions").Scan(&n); err != nil || n != 1 {
			t.Errorf("connection %d reads %d executions, %v, want the 1 that the store holds", i, n, err)
		}
	}
	for _, conn := range held {
		conn.Close()
	}
}

// replace puts a copy in the place of a file.
func replace(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".copy", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".copy", path)
}

// logText is what a store logs, to be read while it does.
type logText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// The log hears of it without anybody asking, once.
func TestLostFilesAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logText
		dir := t.TempDir()
		s, err := Open(t.Context(), dir, &Options{Durability: None, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, Database), filepath.Join(dir, "aside")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := strings.Count(log.String(), "the data of this engine is gone"); n != 1 {
			t.Errorf("told %d times: %s", n, &log)
		}
		if err := os.Rename(filepath.Join(dir, "aside"), filepath.Join(dir, Database)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if !strings.Contains(log.String(), "is back") {
			t.Errorf("got %s", &log)
		}
		s.Close()
	})
}

// The logs of another program stay as they are.
func TestForeignLogsStay(t *testing.T) {
	dir := sampleStore(t)
	logs := sqlite{file: newFile(filepath.Join(dir, Logs))}
	logs.makePrivate()
	db, err := logs.connect(1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE theirs (x)"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	before, err := os.ReadFile(filepath.Join(dir, Logs))
	if err != nil {
		t.Fatal(err)
	}
	s := reopened(t, dir)
	err = s.AppendLog(t.Context(), store.LogWrite{ID: "a", Lines: []store.LogLine{{Text: "x"}}})
	if err == nil || !strings.Contains(err.Error(), "another program") {
		t.Errorf("got %v", err)
	}
	s.Close()
	if after, err := os.ReadFile(filepath.Join(dir, Logs)); err != nil || !bytes.Equal(before, after) {
		t.Errorf("it was changed: %v", err)
	}
}
