package sqlitestore

import (
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
	db, err := sqlite{file: newFile(filepath.Join(dir, "perdure.db")), durability: None}.forWriting(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"DELETE FROM executions WHERE id = 'a'", "DELETE FROM journal WHERE id = 'b'"} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := checked(t, dir), "the journal of a belongs to no execution; execution b has no journal"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
