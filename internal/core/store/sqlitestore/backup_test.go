package sqlitestore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// A backup that is made while others write is one moment of the store, with
// every commit whole.
func TestBackupDuringWrites(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(t.Context(), filepath.Join(dir, "data"), &Options{Durability: None})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	pair := func(i int) []store.Write {
		var writes []store.Write
		for _, name := range []string{"a", "b"} { // both or none
			id := fmt.Sprintf("%04d-%s", i, name)
			row := &store.Row{ID: id, ARN: id, Function: "f", Name: id, Status: protocol.ExecutionRunning, Due: 5}
			writes = append(writes, store.Write{ID: id, Entry: store.Entry{Seq: 1, Data: make([]byte, 1000)}, Row: row})
		}
		return writes
	}
	for i := range 50 {
		if err := s.Commit(t.Context(), pair(i)...); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.PutDocument(t.Context(), "k", "n", []byte("v")); err != nil {
		t.Fatal(err)
	}
	var writing sync.WaitGroup
	writing.Go(func() {
		for i := 50; i < 500; i++ {
			if err := s.Commit(t.Context(), pair(i)...); err != nil {
				t.Error(err)
				return
			}
		}
	})
	restored := filepath.Join(dir, "restored")
	if err := os.Mkdir(restored, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(restored, "perdure.db")
	if err := s.Backup(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	writing.Wait()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want a file for its owner only", info.Mode(), err)
	}
	if err := s.Backup(t.Context(), path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a file: got %v, want that it exists", err)
	}

	copied, err := Open(t.Context(), restored, &Options{Durability: None})
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	rows, err := copied.List(t.Context(), store.Query{Limit: 2000})
	if err != nil || len(rows) < 100 || len(rows)%2 != 0 {
		t.Errorf("got %d executions, %v, want pairs", len(rows), err)
	}
	for text, err := range copied.Check(t.Context()) {
		t.Errorf("%s, %v", text, err)
	}
	if v, err := copied.Document(t.Context(), "k", "n"); err != nil || string(v) != "v" {
		t.Errorf("got the document %q, %v", v, err)
	}
}
