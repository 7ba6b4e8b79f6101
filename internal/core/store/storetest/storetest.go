// Package storetest checks that a store keeps the contract of package store. Every store runs it.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// Run checks the store that open returns, a new and empty one for each call. Run closes it.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for _, test := range contract {
		t.Run(test.name, func(t *testing.T) {
			s := open(t)
			t.Cleanup(func() { closeStore(t, s) })
			test.run(t, s)
		})
	}
}

// RunPersistent runs [Run], and checks that what was written is there when the store is opened again. Each call of
// prepare makes room for one store; open opens it, and is called again only after that store was closed.
func RunPersistent(t *testing.T, prepare func(t *testing.T) (open func() store.Store)) {
	Run(t, func(t *testing.T) store.Store { return prepare(t)() })
	t.Run("Reopen", func(t *testing.T) { testReopen(t, prepare(t)) })
}

var contract = []struct {
	name string
	run  func(t *testing.T, s store.Store)
}{
	{"Create", testCreate},
	{"Append", testAppend},
	{"AppendKeepsRow", testAppendKeepsRow},
	{"EntryIsNotKept", testEntryIsNotKept},
	{"Identity", testIdentity},
	{"Fence", testFence},
	{"DuplicateID", testDuplicateID},
	{"DuplicateName", testDuplicateName},
	{"AllOrNothing", testAllOrNothing},
	{"SeveralEntriesOfOneExecution", testSeveralEntries},
	{"MalformedWrites", testMalformedWrites},
	{"Delete", testDelete},
	{"DeleteLong", testDeleteLong},
	{"NotFound", testNotFound},
	{"Journal", testJournal},
	{"JournalOfManyEntries", testJournalOfManyEntries},
	{"JournalStopsEarly", testJournalStopsEarly},
	{"JournalAllowsCalls", testJournalAllowsCalls},
	{"EntrySizes", testEntrySizes},
	{"Ownership", testOwnership},
	{"List", testList},
	{"ListPages", testListPages},
	{"ListNeedsLimit", testListNeedsLimit},
	{"ListStuck", testListStuck},
	{"ListMany", testListMany},
	{"Tags", testTags},
	{"Count", testCount},
	{"Agendas", testAgendas},
	{"AgendaPages", testAgendaPages},
	{"AgendaOfCalls", testAgendaOfCalls},
	{"Documents", testDocuments},
	{"DocumentPages", testDocumentPages},
	{"DocumentBounds", testDocumentBounds},
	{"EnsureDocument", testEnsureDocument},
	{"EnsureDocumentRace", testEnsureDocumentRace},
	{"Log", testLog},
	{"LogIsBounded", testLogIsBounded},
	{"LogIsDeleted", testLogIsDeleted},
	{"AppendRace", testAppendRace},
	{"CreateRace", testCreateRace},
	{"IndependentWriters", testIndependentWriters},
	{"ReadersDuringWrites", testReadersDuringWrites},
	{"Canceled", testCanceled},
	{"Close", testClose},
	{"CloseDuringCommits", testCloseDuringCommits},
	{"Model", testModel},
}

var background = context.Background()

func closeStore(t *testing.T, s store.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// newRow returns the row of a running execution of function "f".
func newRow(id string) *store.Row {
	return &store.Row{
		ID: id, ARN: "arn:" + id, Function: "f", Version: "1", Name: "name of " + id,
		Status: protocol.ExecutionRunning, Started: 1000, InputHash: [32]byte{1, 2, 31: 3},
	}
}

// start is the write of entry 1.
func start(row *store.Row) store.Write {
	return store.Write{ID: row.ID, Entry: store.Entry{Seq: 1, Data: []byte("1")}, Row: row}
}

// next is the write of a later entry that leaves the row alone.
func next(id string, seq int64) store.Write {
	return store.Write{ID: id, Entry: store.Entry{Seq: seq, Data: fmt.Append(nil, seq)}}
}

func mustCommit(t testing.TB, s store.Store, writes ...store.Write) {
	t.Helper()
	if err := s.Commit(background, writes...); err != nil {
		t.Fatalf("Commit: %v", err)
	}
}

// mustCreate starts an execution per id.
func mustCreate(t testing.TB, s store.Store, ids ...string) {
	t.Helper()
	for _, id := range ids {
		mustCommit(t, s, start(newRow(id)))
	}
}

func wantRow(t testing.TB, s store.Store, want *store.Row) {
	t.Helper()
	got, err := s.Row(background, want.ID)
	if err != nil {
		t.Fatalf("Row(%q): %v", want.ID, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Row(%q) (-want +got):\n%s", want.ID, diff)
	}
}

// wantJournal compares the whole journal of id with the data of its entries.
func wantJournal(t testing.TB, s store.Store, id string, data ...string) {
	t.Helper()
	var want []store.Entry
	for i, d := range data {
		want = append(want, store.Entry{Seq: int64(i + 1), Data: []byte(d)})
	}
	if diff := cmp.Diff(want, entries(t, s.Journal(background, id, store.Range{}))); diff != "" {
		t.Errorf("Journal(%q) (-want +got):\n%s", id, diff)
	}
}

func entries(t testing.TB, seq iter.Seq2[store.Entry, error]) []store.Entry {
	t.Helper()
	var all []store.Entry
	for e, err := range seq {
		if err != nil {
			t.Fatalf("Journal: %v", err)
		}
		all = append(all, e)
	}
	return all
}

func ids(rows []*store.Row) []string {
	var all []string
	for _, r := range rows {
		all = append(all, r.ID)
	}
	return all
}

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
