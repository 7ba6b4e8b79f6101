package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/internal/core/store"
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
			t.Errorf("entry %d of %d bytes came back as entry %d with %d bytes, or others", i+1, sizes[i], got[i].Seq,
				len(got[i].Data))
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
