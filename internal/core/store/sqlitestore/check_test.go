package sqlitestore

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// checked opens the store in dir and returns what is wrong with it.
func checked(t *testing.T, dir string) string {
	t.Helper()
	s, err := Open(t.Context(), dir, &Options{Durability: None})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var all []string
	for text, err := range s.Check(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(t.Context(), dir, &Options{Durability: None})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a", "b", "c"} {
		row := &store.Row{ID: id, ARN: id, Function: "f", Name: id, Status: protocol.ExecutionRunning}
		if err := s.Commit(t.Context(), store.Write{ID: id, Entry: store.Entry{Seq: 1, Data: []byte("1")}, Row: row}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := checked(t, dir); got != "" {
		t.Errorf("of a sound store: got %q", got)
	}
	spoil(t, dir, "DELETE FROM executions WHERE id = 'a'", "DELETE FROM journal WHERE id = 'b'")
	if got, want := checked(t, dir), "the journal of a belongs to no execution; execution b has no journal"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// spoil executes statements in the database of a store that is closed.
func spoil(t *testing.T, dir string, statements ...string) {
	t.Helper()
	db, err := sqlite{file: newFile(filepath.Join(dir, "perdure.db")), durability: None}.forWriting(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// A database of which much is wrong says so in a hundred sentences of each sort, not in a million.
func TestCheckIsBounded(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(t.Context(), dir, &Options{Durability: None})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 * store.MaxFindings {
		id := fmt.Sprint("x", i)
		row := &store.Row{ID: id, ARN: id, Function: "f", Name: id, Status: protocol.ExecutionRunning}
		if err := s.Commit(t.Context(), store.Write{ID: id, Entry: store.Entry{Seq: 1, Data: []byte("1")}, Row: row}); err != nil {
			t.Fatal(err)
		}
		if err := s.PutDocument(t.Context(), "kind", id, []byte("1")); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	spoil(t, dir, "DELETE FROM executions", "UPDATE documents SET sum = sum + 1")
	told := checked(t, dir)
	for _, sort := range []string{"belongs to no execution", "of kind"} {
		if got := strings.Count(told, sort); got != store.MaxFindings {
			t.Errorf("got %d sentences with %q, want %d", got, sort, store.MaxFindings)
		}
	}
}
