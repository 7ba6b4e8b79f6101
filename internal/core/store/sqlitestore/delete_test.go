package sqlitestore

import (
	"testing"
	"time"

	"github.com/perdure/perdure/internal/core/store"
)

// left counts what deletions have yet to remove.
func left(t *testing.T, s *Store) (entries, deletions int) {
	t.Helper()
	err := s.readers.db.QueryRow("SELECT (SELECT count(*) FROM journal), (SELECT count(*) FROM deletions)").Scan(&entries, &deletions)
	if err != nil {
		t.Fatal(err)
	}
	return entries, deletions
}

// wantNothingLeft waits for the purger.
func wantNothingLeft(t *testing.T, s *Store) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		entries, deletions := left(t, s)
		if entries == 0 && deletions == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d entries and %d deletions are left", entries, deletions)
		}
	}
}

// long commits an execution whose journal no transaction removes whole: of many
// entries, or of large ones.
func long(t *testing.T, s *Store, id string, entries, size int) {
	t.Helper()
	var writes []store.Write
	for seq := range int64(entries) {
		writes = append(writes, write(id, seq+1, size))
	}
	if err := s.Commit(t.Context(), writes...); err != nil {
		t.Fatal(err)
	}
}

func TestDeleteInBits(t *testing.T) {
	s, err := Open(t.Context(), t.TempDir(), &Options{Durability: None})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	long(t, s, "many", 3*maxCutEntries, 10)
	long(t, s, "large", 4, maxCutBytes/2)
	long(t, s, "short", 3, 10)
	s.purger.close()
	for _, test := range []struct {
		id   string
		left int // once the execution is gone for everybody
	}{{"many", 2 * maxCutEntries}, {"large", 2}, {"short", 0}} {
		before, _ := left(t, s)
		length := len(allEntries(t, s, test.id))
		if err := s.Delete(t.Context(), test.id); err != nil {
			t.Fatal(err)
		}
		if after, _ := left(t, s); before-after != length-test.left {
			t.Errorf("%s: the first transaction removed %d of %d entries, want %d to be left", test.id, before-after, length, test.left)
		}
		if n := len(allEntries(t, s, test.id)); n != 0 {
			t.Errorf("%s: %d entries can still be read", test.id, n)
		}
	}
	if entries, deletions := left(t, s); entries != 2*maxCutEntries+2 || deletions != 2 {
		t.Errorf("got %d entries and %d deletions", entries, deletions)
	}
	s.purger = startPurger(s.writer, s.writer.log)
	wantNothingLeft(t, s)
}

// What one store leaves, the next one removes, and an execution that comes
// back meanwhile keeps what it has.
func TestDeletionOutlivesAStore(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	long(t, s, "a", 2*maxCutEntries, 10)
	long(t, s, "b", 2*maxCutEntries, 10)
	s.purger.close() // as if it had never come to it
	for _, id := range []string{"a", "b"} {
		if err := s.Delete(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	long(t, s, "b", 2, 10)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(t.Context(), dir, nil); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Delete(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	wantNothingLeft(t, s)
}

func allEntries(t *testing.T, s *Store, id string) (all []store.Entry) {
	t.Helper()
	for e, err := range s.Journal(t.Context(), id, store.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}
