package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

func testNotFound(t *testing.T, s store.Store) {
	mustCreate(t, s, "a")
	if _, err := s.Row(background, "b"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Row: got %v, want %v", err, store.ErrNotFound)
	}
	for _, n := range [][2]string{{"f", "b"}, {"g", newRow("a").Name}, {"", ""}} {
		if _, err := s.Named(background, n[0], n[1]); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Named(%q): got %v, want %v", n, err, store.ErrNotFound)
		}
	}
	wantJournal(t, s, "b")
}

func testJournal(t *testing.T, s store.Store) {
	mustCommit(t, s, start(newRow("a")), next("a", 2), next("a", 3), next("a", 4), next("a", 5))
	mustCommit(t, s, start(newRow("aa")), start(newRow("b")), next("b", 2)) // neighbours
	for _, test := range []struct {
		part store.Range
		want []int64
	}{
		{store.Range{}, []int64{1, 2, 3, 4, 5}},
		{store.Range{From: 3}, []int64{3, 4, 5}},
		{store.Range{To: 2}, []int64{1, 2}},
		{store.Range{From: 2, To: 4}, []int64{2, 3, 4}},
		{store.Range{From: 3, To: 3}, []int64{3}},
		{store.Range{From: 4, To: 3}, nil},
		{store.Range{From: 6}, nil},
		{store.Range{To: 9, Limit: 9}, []int64{1, 2, 3, 4, 5}},
		{store.Range{Limit: 2}, []int64{1, 2}},
		{store.Range{Reverse: true}, []int64{5, 4, 3, 2, 1}},
		{store.Range{Reverse: true, Limit: 1}, []int64{5}},
		{store.Range{Reverse: true, From: 2, To: 4, Limit: 2}, []int64{4, 3}},
	} {
		var got []int64
		for _, e := range entries(t, s.Journal(background, "a", test.part)) {
			got = append(got, e.Seq)
			if string(e.Data) != fmt.Sprint(e.Seq) {
				t.Errorf("%+v: entry %d holds %q", test.part, e.Seq, e.Data)
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%+v: got %v, want %v", test.part, got, test.want)
		}
	}
}

// testJournalOfManyEntries reads more than a store would like to hold at once.
func testJournalOfManyEntries(t *testing.T, s store.Store) {
	const n = 3000
	writes := []store.Write{start(newRow("a"))}
	for seq := int64(2); seq <= n; seq++ {
		w := next("a", seq)
		w.Entry.Data = bytes.Repeat([]byte{byte(seq)}, 1000)
		writes = append(writes, w)
	}
	mustCommit(t, s, writes...)
	for _, reverse := range []bool{false, true} {
		for _, limit := range []int{0, 2500} {
			all := entries(t, s.Journal(background, "a", store.Range{Reverse: reverse, Limit: limit}))
			if want := max(limit, n*(1-min(limit, 1))); len(all) != want {
				t.Errorf("reverse %v, limit %d: got %d entries, want %d", reverse, limit, len(all), want)
			}
			for i, e := range all {
				want := int64(i + 1)
				if reverse {
					want = int64(n - i)
				}
				if e.Seq != want {
					t.Fatalf("reverse %v, limit %d: got entry %d, want %d", reverse, limit, e.Seq, want)
				}
			}
		}
	}
}

func testJournalStopsEarly(t *testing.T, s store.Store) {
	mustCommit(t, s, start(newRow("a")), next("a", 2), next("a", 3))
	for range 100 { // would exhaust whatever an iteration holds on to
		for e := range s.Journal(background, "a", store.Range{}) {
			if e.Seq == 2 {
				break
			}
		}
	}
	again := s.Journal(background, "a", store.Range{From: 2})
	if a, b := entries(t, again), entries(t, again); !cmp.Equal(a, b) || len(a) != 2 {
		t.Errorf("ranging twice over one sequence: got %v and %v", a, b)
	}
}

// testJournalAllowsCalls reads the store from inside many iterations at once.
func testJournalAllowsCalls(t *testing.T, s store.Store) {
	mustCommit(t, s, start(newRow("a")), next("a", 2))
	var nest func(depth int)
	nest = func(depth int) {
		for range s.Journal(background, "a", store.Range{Limit: 1}) {
			if depth > 0 {
				nest(depth - 1)
			}
		}
		wantRow(t, s, newRow("a"))
	}
	nest(40)
}

func testEntrySizes(t *testing.T, s store.Store) {
	sizes := []int{0, 1, 200, 4 << 10, 70_000, 6 << 20, 0}
	var want []store.Entry
	for i, size := range sizes {
		e := store.Entry{Seq: int64(i + 1), Data: bytes.Repeat([]byte{'a' + byte(i)}, size)}
		w := store.Write{ID: "a", Entry: e}
		if i == 0 {
			w.Entry.Data, w.Row = nil, newRow("a")
		}
		mustCommit(t, s, w)
		want = append(want, e)
	}
	got := entries(t, s.Journal(background, "a", store.Range{}))
	if len(got) != len(want) {
		t.Fatalf("got %d entries, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i].Seq != want[i].Seq || !bytes.Equal(got[i].Data, want[i].Data) {
			t.Errorf("entry %d of %d bytes came back as entry %d with %d bytes, or others", i+1, sizes[i], got[i].Seq, len(got[i].Data))
		}
	}
}

// testOwnership changes everything that it passed in or got back.
func testOwnership(t *testing.T, s store.Store) {
	row, data := newRow("a"), []byte("1")
	mustCommit(t, s, store.Write{ID: "a", Entry: store.Entry{Seq: 1, Data: data}, Row: row})
	spoil(data)
	row.Name, row.InputHash = "spoilt", [32]byte{}
	wantRow(t, s, newRow("a"))
	for _, e := range entries(t, s.Journal(background, "a", store.Range{})) {
		spoil(e.Data)
	}
	wantJournal(t, s, "a", "1")

	for _, read := range []func() (*store.Row, error){
		func() (*store.Row, error) { return s.Row(background, "a") },
		func() (*store.Row, error) { return s.Named(background, "f", newRow("a").Name) },
		func() (*store.Row, error) { return first(s.List(background, store.Query{Limit: 1})) },
	} {
		got, err := read()
		if err != nil {
			t.Fatal(err)
		}
		got.Name, got.Due = "spoilt", 1
		wantRow(t, s, newRow("a"))
	}
}

// spoil changes bytes that a store must not share.
func spoil(b []byte) { copy(b, "XXXXXXXX") }

func first(rows []*store.Row, err error) (*store.Row, error) {
	if err == nil && len(rows) == 0 {
		err = errors.New("no rows")
	}
	if err != nil {
		return nil, err
	}
	return rows[0], nil
}

// library fills the store with executions "0" to "9" that differ in every way a query can ask for.
func library(t *testing.T, s store.Store) {
	statuses := []protocol.ExecutionStatus{protocol.ExecutionRunning, protocol.ExecutionSucceeded, protocol.ExecutionFailed}
	for i := range 10 {
		row := newRow(fmt.Sprint(i))
		row.Started = protocol.Timestamp(100 * (i + 1))
		row.Status = statuses[i%3]
		if i%4 == 0 {
			row.Doing, row.Since = uint32(1<<i), row.Started+50
		}
		if i%2 == 1 {
			row.Function = "g"
		}
		if i >= 5 {
			row.Version = "2"
		}
		mustCommit(t, s, start(row))
	}
}

func testList(t *testing.T, s store.Store) {
	library(t, s)
	for _, test := range []struct {
		name  string
		query store.Query
		want  string // ids, newest first
	}{
		{"all", store.Query{}, "9876543210"},
		{"function", store.Query{Function: "g"}, "97531"},
		{"unknown function", store.Query{Function: "h"}, ""},
		{"version", store.Query{Version: "2"}, "98765"},
		{"function and version", store.Query{Function: "f", Version: "1"}, "420"},
		{"name", store.Query{Name: "name of 4"}, "4"},
		{"function and name", store.Query{Function: "f", Name: "name of 4"}, "4"},
		{"another function's name", store.Query{Function: "g", Name: "name of 4"}, ""},
		{"status", store.Query{Statuses: []protocol.ExecutionStatus{protocol.ExecutionFailed}}, "852"},
		{"statuses", store.Query{Statuses: []protocol.ExecutionStatus{protocol.ExecutionFailed, protocol.ExecutionRunning}}, "9865320"},
		{"every status", store.Query{Statuses: protocol.ExecutionStatuses}, "9876543210"},
		{"function and statuses", store.Query{Function: "f", Statuses: []protocol.ExecutionStatus{protocol.ExecutionFailed, protocol.ExecutionSucceeded}}, "842"},
		{"name prefix", store.Query{NamePrefix: "name of"}, "9876543210"},
		{"whole name as prefix", store.Query{NamePrefix: "name of 4"}, "4"},
		{"name prefix of a function", store.Query{Function: "g", NamePrefix: "name"}, "97531"},
		{"name prefix and status", store.Query{NamePrefix: "name", Statuses: []protocol.ExecutionStatus{protocol.ExecutionFailed}}, "852"},
		{"prefix of no name", store.Query{NamePrefix: "name of 4x"}, ""},
		{"doing one thing", store.Query{Doing: 1 << 4}, "4"},
		{"doing one of several", store.Query{Doing: 1<<4 | 1<<8 | 1<<9}, "84"},
		{"a function's doing", store.Query{Function: "g", Doing: 1<<4 | 1<<8}, ""},
		{"doing and version", store.Query{Doing: 1<<4 | 1<<8, Version: "2"}, "8"},
		{"doing and status", store.Query{Doing: 1<<4 | 1, Statuses: []protocol.ExecutionStatus{protocol.ExecutionRunning}}, "0"},
		{"doing and name prefix", store.Query{Doing: 1<<4 | 1, NamePrefix: "name of 4"}, "4"},
		{"doing anything since", store.Query{Since: 900}, "40"},
		{"doing one thing since", store.Query{Doing: 1<<4 | 1<<8, Since: 900}, "4"},
		{"resumed", store.Query{After: "4"}, "3210"},
		{"resumed behind a missing id", store.Query{After: "45"}, "43210"},
		{"resumed with filter", store.Query{Function: "g", After: "7"}, "531"},
	} {
		for _, limit := range []int{100, 2} {
			test.query.Limit, test.query.OldestFirst = limit, false
			wantList(t, s, test.name, test.query, head(test.want, limit))
		}
		if test.query.After == "" {
			test.query.Limit, test.query.OldestFirst = 100, true
			wantList(t, s, test.name+", oldest first", test.query, reversed(test.want))
		}
	}
	wantList(t, s, "until", store.Query{Until: "7", Limit: 100}, "98")
	wantList(t, s, "between", store.Query{After: "7", Until: "45", Limit: 100}, "65")
	wantList(t, s, "until, oldest first", store.Query{After: "4", Until: "7", OldestFirst: true, Limit: 100}, "56")
	wantList(t, s, "until what is behind", store.Query{After: "4", Until: "7", Limit: 100}, "")
	wantList(t, s, "resumed, oldest first", store.Query{After: "6", OldestFirst: true, Limit: 100}, "789")
	wantList(t, s, "resumed at the end", store.Query{After: "9", OldestFirst: true, Limit: 100}, "")
}

func wantList(t *testing.T, s store.Store, name string, q store.Query, want string) {
	t.Helper()
	rows, err := s.List(background, q)
	if got := strings.Join(ids(rows), ""); err != nil || got != want {
		t.Errorf("%s, limit %d: got %q, %v, want %q", name, q.Limit, got, err, want)
	}
}

func head(s string, n int) string { return s[:min(n, len(s))] }

func reversed(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

func testListPages(t *testing.T, s store.Store) {
	library(t, s)
	for oldestFirst, want := range map[bool]string{false: "86420", true: "02468"} {
		q, got := store.Query{Function: "f", OldestFirst: oldestFirst, Limit: 2}, ""
		for {
			rows, err := s.List(background, q)
			if err != nil {
				t.Fatal(err)
			}
			if len(rows) == 0 {
				break
			}
			got += strings.Join(ids(rows), "")
			q.After = rows[len(rows)-1].ID
		}
		if got != want {
			t.Errorf("oldest first %v: got %q, want %q", oldestFirst, got, want)
		}
	}
}

func testListNeedsLimit(t *testing.T, s store.Store) {
	mustCreate(t, s, "a")
	for _, limit := range []int{0, -1} {
		if rows, err := s.List(background, store.Query{Limit: limit}); err == nil {
			t.Errorf("limit %d: got %v, want an error", limit, ids(rows))
		}
	}
}

func testCount(t *testing.T, s store.Store) {
	for i, kind := range []struct {
		function, version string
		status            protocol.ExecutionStatus
	}{
		{"g", "1", protocol.ExecutionRunning}, {"f", "2", protocol.ExecutionRunning}, {"f", "$LATEST", protocol.ExecutionFailed},
		{"f", "2", protocol.ExecutionRunning}, {"f", "2", protocol.ExecutionPaused}, {"f", "2", protocol.ExecutionSucceeded},
	} {
		row := newRow(fmt.Sprint(i))
		row.Function, row.Version, row.Status = kind.function, kind.version, kind.status
		mustCommit(t, s, start(row))
	}
	got, err := s.Count(background, []protocol.ExecutionStatus{protocol.ExecutionPaused, protocol.ExecutionRunning, protocol.ExecutionFailed})
	want := []store.Count{
		{Function: "f", Version: "$LATEST", Status: protocol.ExecutionFailed, N: 1},
		{Function: "f", Version: "2", Status: protocol.ExecutionPaused, N: 1},
		{Function: "f", Version: "2", Status: protocol.ExecutionRunning, N: 2},
		{Function: "g", Version: "1", Status: protocol.ExecutionRunning, N: 1},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	if got, err := s.Count(background, nil); len(got) != 0 || err != nil {
		t.Errorf("of no status: got %v, %v, want none", got, err)
	}
}
