package storetest

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

func testCreate(t *testing.T, s store.Store) {
	row := newRow("a")
	row.Due, row.Wanted, row.Expires, row.Closed, row.Doing, row.Since = 77, 78, 79, 99, 5, 66
	mustCommit(t, s, start(row))
	wantRow(t, s, row)
	wantJournal(t, s, "a", "1")

	named, err := s.Named(background, "f", row.Name)
	if err != nil || named.ID != "a" {
		t.Errorf("Named: got %v, %v, want execution a", named, err)
	}
}

func testAppend(t *testing.T, s store.Store) {
	mustCreate(t, s, "a")
	row := newRow("a")
	row.Status, row.Closed, row.Due, row.Doing, row.Since = protocol.ExecutionFailed, 2000, 3000, 1<<31, 2500
	row.Error, row.Message, row.Redriven = "Busy", "no place", true
	row.Wanted, row.Expires = 3001, 3002
	write := next("a", 2)
	write.Row = row
	mustCommit(t, s, write)
	wantRow(t, s, row)

	row.Due, row.Wanted, row.Expires, row.Closed, row.Doing, row.Since = 0, 0, 0, 0, 0, 0
	write = next("a", 3)
	write.Row = row
	mustCommit(t, s, write)
	wantRow(t, s, row)
	wantJournal(t, s, "a", "1", "2", "3")
}

// The memory of an entry is its caller's again once it is committed.
func testEntryIsNotKept(t *testing.T, s store.Store) {
	for i, size := range []int{1, 5000, 300_000} {
		id := string(rune('a' + i))
		for seq := int64(1); seq <= 2; seq++ {
			w := next(id, seq)
			if seq == 1 {
				w = start(newRow(id))
			}
			w.Entry.Data = bytes.Repeat([]byte{'x'}, size)
			mustCommit(t, s, w)
			clear(w.Entry.Data)
		}
		wantJournal(t, s, id, strings.Repeat("x", size), strings.Repeat("x", size))
	}
}

func testAppendKeepsRow(t *testing.T, s store.Store) {
	row := newRow("a")
	row.Due, row.Wanted, row.Expires, row.Doing, row.Since = 5, 6, 7, 1, 4
	mustCommit(t, s, start(row))
	mustCommit(t, s, next("a", 2))
	wantRow(t, s, row)
}

// testIdentity tries to change with a later row what names the execution.
func testIdentity(t *testing.T, s store.Store) {
	mustCreate(t, s, "a")
	write := next("a", 2)
	write.Row = &store.Row{ID: "a", Function: "g", Name: "new", Started: 7, Status: protocol.ExecutionFailed, Due: 3}
	mustCommit(t, s, write)
	want := newRow("a")
	want.Status, want.Due = protocol.ExecutionFailed, 3
	wantRow(t, s, want)
	if _, err := s.Named(background, "g", "new"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Named: got %v, want %v", err, store.ErrNotFound)
	}
}

// testFence lets two writers that read entry 2 both append entry 3.
func testFence(t *testing.T, s store.Store) {
	mustCreate(t, s, "a")
	mustCommit(t, s, next("a", 2))
	mustCommit(t, s, next("a", 3))
	late := store.Write{ID: "a", Entry: store.Entry{Seq: 3, Data: []byte("late")}, Row: newRow("a")}
	late.Row.Status = protocol.ExecutionStopped
	for name, w := range map[string]store.Write{
		"same entry": late, "older entry": next("a", 2), "gap": next("a", 5), "unknown execution": next("b", 2),
	} {
		if err := s.Commit(background, w); !errors.Is(err, store.ErrConflict) {
			t.Errorf("%s: got %v, want %v", name, err, store.ErrConflict)
		}
	}
	wantJournal(t, s, "a", "1", "2", "3")
	wantRow(t, s, newRow("a"))
	mustCommit(t, s, next("a", 4))
}

func testDuplicateID(t *testing.T, s store.Store) {
	mustCreate(t, s, "a")
	again := newRow("a")
	again.Name = "another name"
	if err := s.Commit(background, start(again)); !errors.Is(err, store.ErrConflict) {
		t.Errorf("got %v, want %v", err, store.ErrConflict)
	}
	wantRow(t, s, newRow("a"))
	if _, err := s.Named(background, "f", "another name"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the loser's name: got %v, want %v", err, store.ErrNotFound)
	}
}

func testDuplicateName(t *testing.T, s store.Store) {
	mustCreate(t, s, "a")
	b := newRow("b")
	b.Name = newRow("a").Name
	if err := s.Commit(background, start(b)); !errors.Is(err, store.ErrConflict) {
		t.Errorf("same function: got %v, want %v", err, store.ErrConflict)
	}
	wantJournal(t, s, "b")

	b.Function = "another function"
	mustCommit(t, s, start(b))
	wantRow(t, s, b)

	c, d := newRow("c"), newRow("d")
	d.Name = c.Name
	if err := s.Commit(background, start(c), start(d)); !errors.Is(err, store.ErrConflict) {
		t.Errorf("twice in one commit: got %v, want %v", err, store.ErrConflict)
	}
	wantJournal(t, s, "c")
}

func testAllOrNothing(t *testing.T, s store.Store) {
	mustCreate(t, s, "a", "b")
	changed := next("a", 2)
	changed.Row = newRow("a")
	changed.Row.Due = 9
	for name, writes := range map[string][]store.Write{
		"last loses":   {changed, start(newRow("c")), next("b", 3)},
		"first loses":  {next("b", 3), changed, start(newRow("c"))},
		"middle loses": {changed, start(newRow("b")), start(newRow("c"))},
	} {
		if err := s.Commit(background, writes...); !errors.Is(err, store.ErrConflict) {
			t.Errorf("%s: got %v, want %v", name, err, store.ErrConflict)
		}
		wantJournal(t, s, "a", "1")
		wantJournal(t, s, "b", "1")
		wantJournal(t, s, "c")
		wantRow(t, s, newRow("a"))
	}
	mustCommit(t, s, changed, next("b", 2), start(newRow("c")))
	wantJournal(t, s, "a", "1", "2")
	wantJournal(t, s, "b", "1", "2")
	wantJournal(t, s, "c", "1")
	wantRow(t, s, changed.Row)

	mustCommit(t, s) // nothing to write
}

func testSeveralEntries(t *testing.T, s store.Store) {
	mustCommit(t, s, start(newRow("a")), next("a", 2), next("a", 3))
	wantJournal(t, s, "a", "1", "2", "3")
	for name, writes := range map[string][]store.Write{
		"twice": {next("a", 4), next("a", 4)}, "out of order": {next("a", 5), next("a", 4)},
	} {
		if err := s.Commit(background, writes...); !errors.Is(err, store.ErrConflict) {
			t.Errorf("%s: got %v, want %v", name, err, store.ErrConflict)
		}
	}
	wantJournal(t, s, "a", "1", "2", "3")
}

func testMalformedWrites(t *testing.T, s store.Store) {
	mustCreate(t, s, "a")
	for name, w := range map[string]store.Write{
		"no id":         {Entry: store.Entry{Seq: 2}},
		"no number":     {ID: "a"},
		"start, no row": {ID: "b", Entry: store.Entry{Seq: 1}},
		"another's row": {ID: "a", Entry: store.Entry{Seq: 2}, Row: newRow("b")},
	} {
		if err := s.Commit(background, next("a", 2), w); err == nil || errors.Is(err, store.ErrConflict) {
			t.Errorf("%s: got %v, want a refusal that is not a conflict", name, err)
		}
	}
	wantJournal(t, s, "a", "1")
}

func testDelete(t *testing.T, s store.Store) {
	a := newRow("a")
	a.Due = 5
	mustCommit(t, s, start(a), next("a", 2))
	mustCreate(t, s, "b")
	for range 2 { // an unknown id is not an error
		if err := s.Delete(background, "a"); err != nil {
			t.Fatalf("Delete: %v", err)
		}
	}
	wantJournal(t, s, "a")
	wantJournal(t, s, "b", "1")
	if _, err := s.Row(background, "a"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Row: got %v, want %v", err, store.ErrNotFound)
	}
	wantAgenda(t, s, store.Agenda{}, "")
	if err := s.Commit(background, next("a", 3)); !errors.Is(err, store.ErrConflict) {
		t.Errorf("append to it: got %v, want %v", err, store.ErrConflict)
	}

	c := newRow("c")
	c.Name = a.Name
	mustCommit(t, s, start(c)) // the name is free again
	a.Name = "anew"
	mustCommit(t, s, start(a)) // and so is the id
	wantJournal(t, s, "a", "1")
}

// A long journal is gone as soon as a short one, and leaves room for another execution, of the same id even.
func testDeleteLong(t *testing.T, s store.Store) {
	const length = 1100
	writes := []store.Write{start(newRow("a"))}
	for seq := int64(2); seq <= length; seq++ {
		writes = append(writes, next("a", seq))
	}
	writes[7].Entry.Data = make([]byte, 5<<20)
	mustCommit(t, s, writes...)
	mustCreate(t, s, "b")
	if err := s.Delete(background, "a"); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	wantJournal(t, s, "a")
	if got := entries(t, s.Journal(background, "a", store.Range{Reverse: true, Limit: 1})); got != nil {
		t.Errorf("the journal still has entry %d", got[0].Seq)
	}
	for _, seq := range []int64{2, length, length + 1} {
		if err := s.Commit(background, next("a", seq)); !errors.Is(err, store.ErrConflict) {
			t.Errorf("append of entry %d: got %v, want %v", seq, err, store.ErrConflict)
		}
	}
	mustCommit(t, s, start(newRow("a")), next("a", 2))
	wantJournal(t, s, "a", "1", "2")
	wantJournal(t, s, "b", "1")
}
