package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// wantAgenda compares a whole agenda, each item as its time, id and operation.
func wantAgenda(t testing.TB, s store.Store, agenda store.Agenda, want string) {
	t.Helper()
	wantPage(t, s, agenda, store.Item{}, 1000, want)
}

func wantPage(t testing.TB, s store.Store, agenda store.Agenda, after store.Item, limit int, want string) {
	t.Helper()
	items, err := s.Agenda(background, agenda, after, limit)
	var got []string
	for _, i := range items {
		got = append(got, fmt.Sprint(int64(i.At), i.ID, i.Operation))
	}
	if got := strings.Join(got, " "); err != nil || got != want {
		t.Errorf("agenda %+v, %d after %+v: got %q, %v, want %q", agenda, limit, after, got, err, want)
	}
}

func ofFunction(kind store.AgendaKind, function, version string) store.Agenda {
	return store.Agenda{Kind: kind, Function: function, Version: version}
}

func testAgendas(t *testing.T, s store.Store) {
	moments, removals := store.Agenda{Kind: store.Moments}, store.Agenda{Kind: store.Removals}
	for id, row := range map[string]store.Row{
		"a": {Due: 50, Wanted: 7}, "b": {Due: 10, Expires: 3}, "c": {}, "d": {Due: 30, Wanted: 5}, "e": {Due: 30},
		"f": {Expires: 2, Wanted: 6, Function: "g"}, "h": {Wanted: 1, Version: "2"},
	} {
		r := newRow(id)
		r.Due, r.Wanted, r.Expires = row.Due, row.Wanted, row.Expires
		if row.Function != "" {
			r.Function = row.Function
		}
		if row.Version != "" {
			r.Version = row.Version
		}
		mustCommit(t, s, start(r))
	}
	wantAgenda(t, s, moments, "10b 30d 30e 50a")
	wantAgenda(t, s, removals, "2f 3b")
	wantAgenda(t, s, ofFunction(store.Invocations, "f", "1"), "5d 7a")
	wantAgenda(t, s, ofFunction(store.Invocations, "f", "2"), "1h")
	wantAgenda(t, s, ofFunction(store.Invocations, "g", "1"), "6f")
	wantAgenda(t, s, ofFunction(store.Invocations, "g", "2"), "")
	wantAgenda(t, s, ofFunction(store.Calls, "f", "1"), "")

	moved, cleared := next("a", 2), next("b", 2)
	moved.Row, cleared.Row = newRow("a"), newRow("b")
	moved.Row.Due, moved.Row.Wanted = 5, 4
	mustCommit(t, s, moved, cleared)
	wantAgenda(t, s, moments, "5a 30d 30e")
	wantAgenda(t, s, removals, "2f")
	wantAgenda(t, s, ofFunction(store.Invocations, "f", "1"), "4a 5d")
	if err := s.Delete(background, "d"); err != nil {
		t.Fatal(err)
	}
	wantAgenda(t, s, moments, "5a 30e")
	wantAgenda(t, s, ofFunction(store.Invocations, "f", "1"), "4a")
}

// testAgendaPages reads an agenda whose items are mostly due at one time.
func testAgendaPages(t *testing.T, s store.Store) {
	const n = 2500
	var writes []store.Write
	var want []store.Item
	for i := range n {
		row := newRow(fmt.Sprintf("%04d", i))
		row.Due = protocol.Timestamp(1 + i/2000)
		writes = append(writes, start(row))
		want = append(want, store.Item{At: row.Due, ID: row.ID})
	}
	mustCommit(t, s, writes...)
	var got []store.Item
	for after := (store.Item{}); len(got) <= n; {
		page, err := s.Agenda(background, store.Agenda{}, after, 100)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		got, after = slices.Concat(got, page), page[len(page)-1]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the pages together (-want +got):\n%s", diff)
	}
	wantPage(t, s, store.Agenda{}, store.Item{At: 2, ID: "2497"}, 100, "22498 22499")
	wantPage(t, s, store.Agenda{}, store.Item{At: 1, ID: "1999"}, 1, "22000")
	for _, limit := range []int{0, -1} {
		wantPage(t, s, store.Agenda{}, store.Item{}, limit, "")
	}
}

func testAgendaOfCalls(t *testing.T, s store.Store) {
	f, g := ofFunction(store.Calls, "f", "1"), ofFunction(store.Calls, "g", "$LATEST")
	first := start(newRow("a"))
	first.Calls = []store.Call{
		{Operation: "2", Function: "f", Version: "1", Wanted: 9}, {Operation: "1", Function: "f", Version: "1", Wanted: 9},
		{Operation: "3", Function: "g", Version: "$LATEST", Wanted: 8},
	}
	other := start(newRow("b"))
	other.Calls = []store.Call{{Operation: "1", Function: "f", Version: "1", Wanted: 7}}
	mustCommit(t, s, first, other)
	wantAgenda(t, s, f, "7b1 9a1 9a2")
	wantAgenda(t, s, g, "8a3")
	wantPage(t, s, f, store.Item{At: 9, ID: "a", Operation: "1"}, 10, "9a2")
	calls, err := s.Calls(background, "a")
	if diff := cmp.Diff([]store.Call{first.Calls[1], first.Calls[0], first.Calls[2]}, calls); err != nil || diff != "" {
		t.Errorf("the calls of a: %v (-want +got):\n%s", err, diff)
	}
	if calls, err := s.Calls(background, "nobody"); err != nil || len(calls) != 0 {
		t.Errorf("the calls of nobody: got %v, %v", calls, err)
	}

	second := next("a", 2)
	second.Calls = []store.Call{
		{Operation: "1"}, {Operation: "unknown"}, {Operation: "3", Function: "f", Version: "1", Wanted: 5},
		{Operation: "4", Function: "g", Version: "$LATEST", Wanted: 6}, {Operation: "4"},
	}
	mustCommit(t, s, second)
	wantAgenda(t, s, f, "5a3 7b1 9a2")
	wantAgenda(t, s, g, "")
	late := next("a", 2) // a write that loses changes nothing
	late.Calls = []store.Call{{Operation: "3"}, {Operation: "5", Function: "g", Version: "$LATEST", Wanted: 6}}
	if err := s.Commit(background, late, next("b", 2)); err == nil {
		t.Error("a write that lost was accepted")
	}
	wantAgenda(t, s, f, "5a3 7b1 9a2")
	wantAgenda(t, s, g, "")
	if err := s.Delete(background, "a"); err != nil {
		t.Fatal(err)
	}
	wantAgenda(t, s, f, "7b1")
}
