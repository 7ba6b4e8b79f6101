package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// RunFleet checks what a fleet needs of a store. Each call of open returns two handles on one new and empty store, as
// two nodes have them; they may be the same. RunFleet closes them.
func RunFleet(t *testing.T, open func(t *testing.T) (a, b store.Fleet)) {
	for _, test := range fleetContract {
		t.Run(test.name, func(t *testing.T) {
			a, b := open(t)
			t.Cleanup(func() {
				closeStore(t, a)
				closeStore(t, b)
			})
			test.run(t, a, b)
		})
	}
}

var fleetContract = []struct {
	name string
	run  func(t *testing.T, a, b store.Fleet)
}{
	{"Beat", testBeat},
	{"BeatsTakeTurns", testBeatsTakeTurns},
	{"LeaseEnds", testLeaseEnds},
	{"Leave", testLeave},
	{"OwnerOfCommits", testOwnerOfCommits},
	{"OwnedPages", testOwnedPages},
	{"Release", testRelease},
	{"ClaimDue", testClaimDue},
	{"ClaimWanted", testClaimWanted},
	{"ClaimLeft", testClaimLeft},
	{"ClaimCalls", testClaimCalls},
	{"ClaimRace", testClaimRace},
	{"Waiting", testWaiting},
	{"Last", testLast},
	{"DocumentsRevision", testDocumentsRevision},
	{"Exclusively", testExclusively},
	{"Hints", testHints},
	{"FenceOfTwoHandles", testFenceOfTwoHandles},
	{"DeleteRace", testDeleteRace},
}

// long is a lease that does not end during a test.
const long = time.Hour

// join makes a node a member.
func join(t testing.TB, s store.Fleet, node store.NodeID, lease time.Duration) {
	t.Helper()
	err := s.Beat(background, node, true, lease, func(*store.Census) []byte { return fmt.Append(nil, "node ", node) })
	if err != nil {
		t.Fatalf("Beat of node %d: %v", node, err)
	}
}

// die makes a node a member and waits until its lease is over.
func die(t testing.TB, s store.Fleet, node store.NodeID) {
	t.Helper()
	join(t, s, node, time.Millisecond)
	awaitDeath(t, s, node)
}

func awaitDeath(t testing.TB, s store.Fleet, node store.NodeID) {
	t.Helper()
	for range 10_000 {
		if n := member(t, s, node); n == nil || !n.Alive {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("node %d does not die", node)
}

func census(t testing.TB, s store.Fleet) *store.Census {
	t.Helper()
	c, err := s.Nodes(background)
	if err != nil {
		t.Fatalf("Nodes: %v", err)
	}
	return c
}

func member(t testing.TB, s store.Fleet, node store.NodeID) *store.Node {
	t.Helper()
	for _, n := range census(t, s).Nodes {
		if n.ID == node {
			return &n
		}
	}
	return nil
}

func testBeat(t *testing.T, a, b store.Fleet) {
	if c := census(t, a); len(c.Nodes) != 0 {
		t.Errorf("at first: got %+v, want no nodes", c.Nodes)
	}
	nothing := func(*store.Census) []byte { return nil }
	if err := a.Beat(background, 5, false, long, nothing); !errors.Is(err, store.ErrLeaseOver) {
		t.Errorf("a beat of a stranger: got %v, want %v", err, store.ErrLeaseOver)
	}
	join(t, a, 7, long)
	var seen []store.NodeID
	err := b.Beat(background, 3, true, time.Minute, func(c *store.Census) []byte {
		seen = nil
		for _, n := range c.Nodes {
			seen = append(seen, n.ID)
		}
		return []byte{0, 255}
	})
	if err != nil || !slices.Equal(seen, []store.NodeID{7}) {
		t.Errorf("the second node: got %v, and it saw %v, want 7", err, seen)
	}
	c := census(t, a)
	if len(c.Nodes) != 2 || c.Nodes[0].ID != 7 && c.Nodes[0].Joined != c.Nodes[1].Joined {
		t.Fatalf("got %+v, want 7 and 3", c.Nodes)
	}
	for _, n := range c.Nodes {
		lease, info := long, "node 7"
		if n.ID == 3 {
			lease, info = time.Minute, "\x00\xff"
		}
		if !n.Alive || string(n.Info) != info || n.Until.Sub(n.Joined) != lease || n.Joined > c.Now || n.Owns != 0 {
			t.Errorf("got %+v of %q at %d", n, n.Info, c.Now)
		}
	}
	err = a.Beat(background, 7, false, 2*long, func(*store.Census) []byte { return []byte("new") })
	if n := member(t, b, 7); err != nil || string(n.Info) != "new" || n.Until.Sub(n.Joined) < 2*long {
		t.Errorf("another beat: got %v, %+v", err, n)
	}
	join(t, a, 7, long) // whoever does not know whether its first beat came through repeats it
}

// testBeatsTakeTurns lets nodes count each other: each beat sees the one before.
func testBeatsTakeTurns(t *testing.T, a, b store.Fleet) {
	const nodes, beats = 8, 5
	together(nodes, func(i int) {
		s := a
		if i%2 == 1 {
			s = b
		}
		for n := range beats {
			err := s.Beat(background, store.NodeID(i+1), n == 0, long, func(c *store.Census) []byte {
				most := 0
				for _, n := range c.Nodes {
					var count int
					fmt.Sscan(string(n.Info), &count)
					most = max(most, count)
				}
				return fmt.Append(nil, most+1)
			})
			if err != nil {
				t.Errorf("node %d: %v", i+1, err)
			}
		}
	})
	var last []string
	for _, n := range census(t, a).Nodes {
		last = append(last, string(n.Info))
	}
	if !slices.Contains(last, fmt.Sprint(nodes*beats)) {
		t.Errorf("the nodes counted to %v, and the last of them should have come to %d", last, nodes*beats)
	}
}

func testLeaseEnds(t *testing.T, a, b store.Fleet) {
	die(t, a, 1)
	told := func(*store.Census) []byte { return []byte("late") }
	for _, first := range []bool{false, true} {
		if err := b.Beat(background, 1, first, long, told); !errors.Is(err, store.ErrLeaseOver) {
			t.Errorf("a beat of a dead node, first %t: got %v, want %v", first, err, store.ErrLeaseOver)
		}
	}
	if n := member(t, b, 1); n == nil || n.Alive || string(n.Info) != "node 1" {
		t.Errorf("got %+v, want the dead node as it was", n)
	}
}

// ownedBy is the write of a new execution of a node.
func ownedBy(id string, owner store.NodeID, change func(*store.Row)) store.Write {
	row := newRow(id)
	row.Owner = owner
	if change != nil {
		change(row)
	}
	return start(row)
}

func wantOwner(t testing.TB, s store.Fleet, id string, want store.NodeID) {
	t.Helper()
	row, err := s.Row(background, id)
	if err != nil || row.Owner != want {
		t.Errorf("the owner of %s: got %v, %v, want %d", id, row, err, want)
	}
}

func wantOwned(t testing.TB, s store.Fleet, node store.NodeID, want string) {
	t.Helper()
	rows, err := s.Owned(background, node, "", 1000)
	if got := strings.Join(ids(rows), " "); err != nil || got != want {
		t.Errorf("owned by node %d: got %q, %v, want %q", node, got, err, want)
	}
}

func testLeave(t *testing.T, a, b store.Fleet) {
	join(t, a, 1, long)
	join(t, b, 2, long)
	w := ownedBy("a", 1, nil)
	w.Calls = []store.Call{{Operation: "1", Function: "g", Version: "1", Wanted: 5, Owner: 1}}
	mustCommit(t, a, w, ownedBy("b", 2, nil))
	if err := a.Leave(background, 1); err != nil {
		t.Fatal(err)
	}
	if n := member(t, b, 1); n == nil || n.Alive {
		t.Errorf("got %+v, want a dead node", n)
	}
	wantClaimed(t, b, 2, store.Claim{Left: true}, 10, "a1")
	items, err := b.ClaimCalls(background, 2, "g", "1", 10)
	if err != nil || len(items) != 1 {
		t.Errorf("got %v, %v, want the call of the node that left", items, err)
	}
	if err := b.Leave(background, 99); err != nil {
		t.Errorf("of a stranger: %v", err)
	}
}

func testOwnerOfCommits(t *testing.T, a, b store.Fleet) {
	join(t, a, 1, long)
	mustCommit(t, a, ownedBy("a", 1, func(r *store.Row) { r.Due, r.Wanted = 5, 6 }),
		ownedBy("b", 2, func(r *store.Row) { r.Due = 4 }),
		ownedBy("c", store.KeepOwner, func(r *store.Row) { r.Due = 3 })) // of a new one, nobody's
	wantOwner(t, b, "a", 1)
	wantOwner(t, b, "b", 2)
	wantOwner(t, b, "c", 0)
	wantAgenda(t, b, store.Agenda{}, "3c 4b 5a")
	wantAgenda(t, b, store.Agenda{Owner: 1}, "5a")
	wantAgenda(t, b, store.Agenda{Owner: 2}, "4b")
	wantAgenda(t, b, store.Agenda{Kind: store.Invocations, Function: "f", Version: "1", Owner: 1}, "6a")
	wantAgenda(t, b, store.Agenda{Kind: store.Invocations, Function: "f", Version: "1", Owner: 2}, "")
	wantPage(t, b, store.Agenda{}, store.Item{At: 3, ID: "c"}, 1, "4b")
	for i, change := range []struct{ owner, want store.NodeID }{
		{store.KeepOwner, 1}, {2, 2}, {store.KeepOwner, 2}, {0, 0},
	} {
		w := next("a", int64(i+2))
		w.Row = newRow("a")
		w.Row.Owner = change.owner
		mustCommit(t, a, w)
		wantOwner(t, b, "a", change.want)
	}
	mustCommit(t, b, next("b", 2)) // without a row it stays
	wantOwner(t, a, "b", 2)
}

func testOwnedPages(t *testing.T, a, b store.Fleet) {
	for _, id := range []string{"a", "b", "c", "d"} {
		mustCommit(t, a, ownedBy(id, 1+store.NodeID(id[0]%2), nil))
	}
	wantOwned(t, b, 1, "b d")
	wantOwned(t, b, 2, "a c")
	wantOwned(t, b, 3, "")
	rows, err := b.Owned(background, 2, "a", 5)
	if err != nil || len(rows) != 1 || rows[0].ID != "c" {
		t.Errorf("behind a: got %v, %v, want c", ids(rows), err)
	}
	if rows, err := b.Owned(background, 2, "", 1); err != nil || len(rows) != 1 || rows[0].ID != "a" {
		t.Errorf("one: got %v, %v, want a", ids(rows), err)
	}
}

func testRelease(t *testing.T, a, b store.Fleet) {
	w := ownedBy("a", 1, nil)
	w.Calls = []store.Call{{Operation: "1", Function: "g", Version: "1", Wanted: 5, Owner: 1}}
	mustCommit(t, a, w, ownedBy("b", 2, nil), ownedBy("c", 1, nil),
		ownedBy("d", 1, func(r *store.Row) { r.Doing = 4 | store.Invoking }))
	if err := b.Release(background, 1, "a", "b", "d", "unknown"); err != nil {
		t.Fatal(err)
	}
	if err := b.Release(background, 1); err != nil {
		t.Errorf("of nothing: %v", err)
	}
	wantOwned(t, a, 1, "c d")
	wantOwned(t, a, 2, "b")
	wantAgenda(t, b, store.Agenda{Kind: store.Calls, Function: "g", Version: "1", Owner: 1}, "")
}

func wantClaimed(t testing.TB, s store.Fleet, node store.NodeID, claim store.Claim, limit int, want string) {
	t.Helper()
	rows, err := s.ClaimExecutions(background, node, claim, limit)
	var got []string
	for _, r := range rows {
		got = append(got, fmt.Sprint(r.ID, r.Owner))
		wantOwner(t, s, r.ID, node)
	}
	if got := strings.Join(got, " "); err != nil || got != want {
		t.Errorf("node %d claims %d of %+v: got %q, %v, want %q", node, limit, claim, got, err, want)
	}
}

func testClaimDue(t *testing.T, a, b store.Fleet) {
	join(t, a, 1, long)
	die(t, a, 9)
	at := func(due protocol.Timestamp) func(*store.Row) { return func(r *store.Row) { r.Due = due } }
	mustCommit(t, a, ownedBy("a", 0, at(30)), ownedBy("b", 0, at(10)), ownedBy("c", 0, at(20)), ownedBy("d", 0, at(31)),
		ownedBy("e", 1, at(5)), ownedBy("f", 2, at(5)), ownedBy("g", 0, nil))
	for _, node := range []store.NodeID{9, 99} {
		wantClaimed(t, b, node, store.Claim{Due: 30}, 10, "")
	}
	wantClaimed(t, a, 1, store.Claim{Due: 30}, 0, "")
	wantClaimed(t, a, 1, store.Claim{Due: 30}, 2, "b0 c0")
	wantClaimed(t, a, 1, store.Claim{Due: 30}, 10, "a0")
	wantClaimed(t, a, 1, store.Claim{Due: 30}, 10, "")
	wantOwner(t, b, "d", 0)
	wantOwner(t, b, "f", 2)
}

func testClaimWanted(t *testing.T, a, b store.Fleet) {
	join(t, a, 1, long)
	ago := census(t, a).Now - 1000
	at := func(wanted protocol.Timestamp, version string) func(*store.Row) {
		return func(r *store.Row) { r.Wanted, r.Version = wanted, version }
	}
	mustCommit(t, a, ownedBy("a", 0, at(ago, "1")), ownedBy("b", 0, at(ago-1, "1")), ownedBy("c", 0, at(ago, "2")),
		ownedBy("d", 0, at(ago+1_000_000, "1")), ownedBy("e", 2, at(ago, "1")))
	wantClaimed(t, b, 1, store.Claim{Function: "f", Version: "1"}, 1, "b0")
	wantClaimed(t, b, 1, store.Claim{Function: "f", Version: "1"}, 10, "a0")
	wantClaimed(t, b, 1, store.Claim{Function: "g", Version: "1"}, 10, "")
	wantClaimed(t, b, 1, store.Claim{Function: "f", Version: "2"}, 10, "c0")
}

func testClaimLeft(t *testing.T, a, b store.Fleet) {
	join(t, a, 1, long)
	join(t, b, 2, long)
	die(t, a, 7)
	die(t, a, 8)
	mustCommit(t, a, ownedBy("a", 7, nil), ownedBy("b", 8, nil), ownedBy("c", 7, nil), ownedBy("d", 2, nil),
		ownedBy("e", 0, nil), ownedBy("f", 77, nil)) // of a node that nobody remembers
	wantClaimed(t, b, 8, store.Claim{Left: true}, 10, "")
	rows, err := b.ClaimExecutions(background, 1, store.Claim{Left: true}, 3)
	if err != nil || len(rows) != 3 {
		t.Errorf("of three: got %v, %v", ids(rows), err)
	}
	more, err := b.ClaimExecutions(background, 1, store.Claim{Left: true}, 10)
	for _, r := range append(rows, more...) {
		if want := map[string]store.NodeID{"a": 7, "b": 8, "c": 7, "f": 77}[r.ID]; r.Owner != want {
			t.Errorf("%s: got the owner before %d, want %d", r.ID, r.Owner, want)
		}
	}
	if err != nil || len(more) != 1 {
		t.Errorf("the rest: got %v, %v", ids(more), err)
	}
	wantOwned(t, a, 1, "a b c f")
	wantOwned(t, a, 2, "d")
}

func testClaimCalls(t *testing.T, a, b store.Fleet) {
	join(t, a, 1, long)
	join(t, b, 2, long)
	die(t, a, 9)
	ago := census(t, a).Now - 1000
	w := ownedBy("a", 2, nil)
	call := func(operation string, at protocol.Timestamp, owner store.NodeID) {
		w.Calls = append(w.Calls, store.Call{
			Operation: operation, Function: "g", Version: "1", Wanted: at, Owner: owner,
		})
	}
	call("1", ago, 0)
	call("2", ago-1, 0)
	call("3", ago+1_000_000, 0)
	call("4", ago, 2)
	call("5", ago-2, 9) // left behind
	mustCommit(t, a, w)
	claimed := func(node store.NodeID, limit int) string {
		items, err := b.ClaimCalls(background, node, "g", "1", limit)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, i := range items {
			got = append(got, i.ID+i.Operation)
		}
		return strings.Join(got, " ")
	}
	if got := claimed(9, 10); got != "" {
		t.Errorf("a dead node claims: got %q", got)
	}
	if got := claimed(1, 2) + " " + claimed(1, 10); len(strings.Fields(got)) != 3 || strings.Contains(got, "a3") ||
		strings.Contains(got, "a4") {
		t.Errorf("got %q, want a1, a2, a5", got)
	}
	wantOwner(t, b, "a", 2)
	of2 := store.Agenda{Kind: store.Calls, Function: "g", Version: "1", Owner: 2}
	wantAgenda(t, b, of2, fmt.Sprint(int64(ago), "a4"))
}

// testClaimRace lets two nodes claim from many goroutines: each execution has one taker.
func testClaimRace(t *testing.T, a, b store.Fleet) {
	join(t, a, 1, long)
	join(t, b, 2, long)
	const n = 200
	var writes []store.Write
	for i := range n {
		writes = append(writes, ownedBy(fmt.Sprintf("%03d", i), 0, func(r *store.Row) { r.Due = 5 }))
	}
	mustCommit(t, a, writes...)
	var takers sync.Map
	var taken atomic.Int32
	together(8, func(i int) {
		s, node := a, store.NodeID(1)
		if i%2 == 1 {
			s, node = b, 2
		}
		for empty := 0; empty < 3 && taken.Load() < n; {
			rows, err := s.ClaimExecutions(background, node, store.Claim{Due: 10}, 7)
			if err != nil {
				t.Error(err)
				return
			}
			if empty++; len(rows) > 0 {
				empty = 0
			}
			for _, r := range rows {
				taken.Add(1)
				if before, twice := takers.LoadOrStore(r.ID, node); twice {
					t.Errorf("%s was given to node %d and to node %d", r.ID, before, node)
				}
			}
		}
	})
	rows, err := a.ClaimExecutions(background, 1, store.Claim{Due: 10}, n)
	if err != nil || int(taken.Load())+len(rows) != n {
		t.Errorf("%d were claimed, and %d then (%v), want %d", taken.Load(), len(rows), err, n)
	}
}

func testLast(t *testing.T, a, b store.Fleet) {
	mustCreate(t, a, "a", "b", "c")
	mustCommit(t, a, next("a", 2), next("a", 3))
	if err := a.Delete(background, "c"); err != nil {
		t.Fatal(err)
	}
	got, err := b.Last(background, "a", "b", "c", "unknown")
	if diff := cmp.Diff(map[string]int64{"a": 3, "b": 1}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if got, err := b.Last(background); err != nil || len(got) != 0 {
		t.Errorf("of none: got %v, %v", got, err)
	}
}

func testDocumentsRevision(t *testing.T, a, b store.Fleet) {
	revision := func() int64 {
		n, err := b.DocumentsRevision(background)
		if c := census(t, a).Documents; err != nil || c != n {
			t.Errorf("DocumentsRevision: got %d, %v, and %d in the census", n, err, c)
		}
		return n
	}
	ensure := func(kind string) error {
		_, err := a.EnsureDocument(background, kind, "e", []byte("v"))
		return err
	}
	before := revision()
	for _, step := range []struct {
		what    string
		do      func() error
		changes bool
	}{
		{"put", func() error { return a.PutDocument(background, "k", "d", nil) }, true},
		{"put again", func() error { return a.PutDocument(background, "k", "d", []byte("x")) }, true},
		{"ensure", func() error { return ensure("k") }, true},
		{"ensure what is there", func() error { return ensure("k") }, false},
		{"delete", func() error { return a.DeleteDocument(background, "k", "d") }, true},
		{"delete what is not there", func() error { return a.DeleteDocument(background, "k", "d") }, false},
		{"put a private one", func() error { return a.PutDocument(background, store.ProbeKind, "d", nil) }, false},
		{"ensure a private one", func() error { return ensure(store.ProbeKind) }, false},
		{"delete a private one", func() error { return a.DeleteDocument(background, store.ProbeKind, "d") }, false},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.what, err)
		}
		after := revision()
		if step.changes && after == before || !step.changes && after != before {
			t.Errorf("%s: the revision went from %d to %d", step.what, before, after)
		}
		before = after
	}
}

func testExclusively(t *testing.T, a, b store.Fleet) {
	var inside atomic.Int32
	runs := 0
	together(6, func(i int) {
		s := a
		if i%2 == 1 {
			s = b
		}
		err := s.Exclusively(background, func(ctx context.Context) error {
			if inside.Add(1) != 1 {
				t.Error("two run at one time")
			}
			runs++ // the race detector watches
			defer inside.Add(-1)
			return ctx.Err()
		})
		if err != nil {
			t.Error(err)
		}
	})
	if runs != 6 {
		t.Errorf("%d ran, want 6", runs)
	}
	failure := errors.New("mine")
	if err := b.Exclusively(background, func(context.Context) error { return failure }); !errors.Is(err, failure) {
		t.Errorf("got %v, want %v", err, failure)
	}
}

func testHints(t *testing.T, a, b store.Fleet) {
	ctx, cancel := context.WithCancel(background)
	defer cancel()
	heard := make(chan string, 1000)
	ended := make(chan error, 1)
	go func() { ended <- b.Hear(ctx, 2, func(hint string) { heard <- hint }) }()
	select {
	case hint := <-heard:
		if hint != "" {
			t.Errorf("at first: got %q, want a sign that hints may have been lost", hint)
		}
	case err := <-ended:
		if errors.Is(err, errors.ErrUnsupported) {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	long := strings.Repeat("x", store.MaxHint)
	var want []string
	if err := b.Tell(background, 2, "its own"); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		want = append(want, fmt.Sprint("hint ", i), long)
		if err := a.Tell(background, 1, want[2*i:]...); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range want {
		if got := <-heard; got != want {
			t.Fatalf("hint %d: got %.20q, want %.20q", i, got, want)
		}
	}
	for _, bad := range []string{long + "x", "two\nlines", "ä"} {
		if err := a.Tell(background, 1, bad); err == nil {
			t.Errorf("%.20q was taken", bad)
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Hear: got %v, want %v", err, context.Canceled)
	}
}

// testFenceOfTwoHandles lets both race for each entry of a journal, and for names.
func testFenceOfTwoHandles(t *testing.T, a, b store.Fleet) {
	mustCreate(t, a, "x")
	for seq := int64(2); seq < 12; seq++ {
		var won atomic.Int32
		together(2, func(i int) {
			s := []store.Fleet{a, b}[i]
			child := newRow(fmt.Sprint("child ", i, " of ", seq))
			child.Name = fmt.Sprint("child of ", seq) // both want it
			switch err := s.Commit(background, next("x", seq), start(child)); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, store.ErrConflict):
				t.Error(err)
			}
		})
		if won.Load() != 1 {
			t.Errorf("entry %d: %d won, want 1", seq, won.Load())
		}
	}
	rows, err := b.List(background, store.Query{Limit: 100})
	if err != nil || len(rows) != 11 {
		t.Errorf("got %d executions, %v, want 11", len(rows), err)
	}
}

// testDeleteRace deletes an execution while somebody appends to it: nothing is appended after the deletion, and nothing
// is left of it.
func testDeleteRace(t *testing.T, a, b store.Fleet) {
	for round := range 20 {
		id := fmt.Sprint("x", round)
		mustCreate(t, a, id)
		last := int64(1)
		together(2, func(i int) {
			if i == 1 {
				if err := b.Delete(background, id); err != nil {
					t.Error(err)
				}
				return
			}
			for {
				err := a.Commit(background, next(id, last+1))
				if errors.Is(err, store.ErrConflict) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				last++
			}
		})
		for seq := int64(2); seq < last+4; seq++ {
			if err := a.Commit(background, next(id, seq)); !errors.Is(err, store.ErrConflict) {
				t.Errorf("entry %d of a deleted execution of %d: got %v, want %v", seq, last, err, store.ErrConflict)
			}
		}
		mustCreate(t, a, id)
		wantJournal(t, b, id, "1")
	}
}

// testWaiting: nothing that may be claimed is left out, and nothing is named that nobody waits for.
func testWaiting(t *testing.T, a, b store.Fleet) {
	ago := census(t, a).Now - 1000
	of := func(function, version string, wanted protocol.Timestamp) func(*store.Row) {
		return func(r *store.Row) { r.Function, r.Version, r.Wanted = function, version, wanted }
	}
	w := ownedBy("a", 0, of("f", "1", ago))
	w.Calls = []store.Call{{Operation: "1", Function: "h", Version: "2", Wanted: ago}}
	mustCommit(t, a, w, ownedBy("b", 0, of("f", "2", ago)), ownedBy("c", 0, of("g", "1", ago+1_000_000)),
		ownedBy("d", 0, of("i", "1", 0)), ownedBy("e", 0, of("f", "1", ago)))
	var got []string
	agendas, err := b.Waiting(background)
	for _, w := range agendas {
		got = append(got, fmt.Sprint(w.Kind, w.Function, w.Version))
	}
	slices.Sort(got)
	want := []string{fmt.Sprint(store.Invocations, "f1"), fmt.Sprint(store.Invocations, "f2"),
		fmt.Sprint(store.Calls, "h2")}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
