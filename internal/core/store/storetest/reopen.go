package storetest

import (
	"errors"
	"testing"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

func testReopen(t *testing.T, open func() store.Store) {
	s := open()
	a, b := newRow("a"), newRow("b")
	mustCommit(t, s, start(a), start(b), start(newRow("gone")))
	a.Status, a.Closed, a.Due, a.Doing, a.Since = protocol.ExecutionTimedOut, 3, 4, 2, 1
	second := next("a", 2)
	second.Row = a
	calling := next("b", 2)
	calling.Calls = []store.Call{{Operation: "1", Function: "g", Version: "1", Wanted: 6}}
	mustCommit(t, s, second, calling)
	if err := s.Delete(background, "gone"); err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, "kind", "key", "kept")
	mustLog(t, s, "a", "one", "two")
	closeStore(t, s)

	for range 2 {
		s = open()
		wantRow(t, s, a)
		wantRow(t, s, b)
		wantJournal(t, s, "a", "1", "2")
		wantJournal(t, s, "gone")
		wantList(t, s, "all", store.Query{Limit: 10}, "ba")
		wantAgenda(t, s, store.Agenda{}, "4a")
		wantAgenda(t, s, store.Agenda{Kind: store.Calls, Function: "g", Version: "1"}, "6b1")
		if err := s.Commit(background, next("a", 2)); !errors.Is(err, store.ErrConflict) {
			t.Errorf("the fence: got %v, want %v", err, store.ErrConflict)
		}
		if got, err := s.EnsureDocument(background, "kind", "key", []byte("new")); err != nil || string(got) != "kept" {
			t.Errorf("EnsureDocument: got %q, %v, want kept", got, err)
		}
		wantDocument(t, s, "kind", "key", "kept")
		wantLog(t, s, "a", "1 one", "2 two")
		closeStore(t, s)
	}
}
