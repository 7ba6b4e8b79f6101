package storetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// together runs f n times at once and waits for all.
func together(n int, f func(i int)) {
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-begin
			f(i)
		})
	}
	close(begin)
	wg.Wait()
}

// testAppendRace lets 100 writers race for each of some entries.
func testAppendRace(t *testing.T, s store.Store) {
	mustCreate(t, s, "a")
	const rounds = 5
	for seq := int64(2); seq < 2+rounds; seq++ {
		var won atomic.Int32
		together(100, func(i int) {
			row := newRow("a")
			row.Due = 1
			w := store.Write{ID: "a", Entry: store.Entry{Seq: seq, Data: fmt.Append(nil, i)}, Row: row}
			switch err := s.Commit(background, w); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, store.ErrConflict):
				t.Errorf("entry %d, writer %d: got %v, want %v", seq, i, err, store.ErrConflict)
			}
		})
		if won.Load() != 1 {
			t.Errorf("entry %d: %d writers won, want 1", seq, won.Load())
		}
	}
	if got := len(entries(t, s.Journal(background, "a", store.Range{}))); got != 1+rounds {
		t.Errorf("got %d entries, want %d", got, 1+rounds)
	}
}

// testCreateRace lets writers race for one name.
func testCreateRace(t *testing.T, s store.Store) {
	var winners sync.Map
	together(50, func(i int) {
		row := newRow(fmt.Sprint(i))
		row.Name = "coveted"
		switch err := s.Commit(background, start(row)); {
		case err == nil:
			winners.Store(row.ID, true)
		case !errors.Is(err, store.ErrConflict):
			t.Errorf("writer %d: got %v, want %v", i, err, store.ErrConflict)
		}
	})
	row, err := s.Named(background, "f", "coveted")
	if err != nil {
		t.Fatal(err)
	}
	winners.Range(func(id, _ any) bool {
		if id != row.ID {
			t.Errorf("execution %v won too, the name is that of %s", id, row.ID)
		}
		return true
	})
}

// testIndependentWriters mixes writers that succeed with others that lose: a store that commits them together must
// keep them apart.
func testIndependentWriters(t *testing.T, s store.Store) {
	const writers, length = 20, 10
	mustCreate(t, s, "taken")
	together(writers, func(i int) {
		id := fmt.Sprintf("x%02d", i)
		if err := s.Commit(background, start(newRow(id))); err != nil {
			t.Errorf("%s: %v", id, err)
		}
		for seq := int64(2); seq <= length; seq++ {
			if err := s.Commit(background, next(id, seq), start(newRow("taken"))); !errors.Is(err, store.ErrConflict) {
				t.Errorf("%s: got %v, want %v", id, err, store.ErrConflict)
			}
			if err := s.Commit(background, next(id, seq)); err != nil {
				t.Errorf("%s entry %d: %v", id, seq, err)
			}
		}
	})
	for i := range writers {
		id := fmt.Sprintf("x%02d", i)
		if got := len(entries(t, s.Journal(background, id, store.Range{}))); got != length {
			t.Errorf("%s: got %d entries, want %d", id, got, length)
		}
	}
}

// testReadersDuringWrites checks that a reader never sees half a commit.
func testReadersDuringWrites(t *testing.T, s store.Store) {
	mustCreate(t, s, "a")
	const length = 60
	var done atomic.Bool
	together(5, func(i int) {
		if i > 0 {
			for !done.Load() {
				readWhole(t, s)
			}
			return
		}
		defer done.Store(true)
		for seq := int64(2); seq <= length; seq++ {
			w := next("a", seq)
			w.Row = newRow("a")
			w.Row.Closed = protocol.Timestamp(seq)
			if err := s.Commit(background, w); err != nil {
				t.Errorf("entry %d: %v", seq, err)
				return
			}
		}
	})
}

// readWhole reads the row, which names its entry, and looks for that entry in the journal.
func readWhole(t *testing.T, s store.Store) {
	row, err := s.Row(background, "a")
	if err != nil {
		t.Errorf("Row: %v", err)
		return
	}
	last := int64(0)
	for e, err := range s.Journal(background, "a", store.Range{}) {
		if err != nil || e.Seq != last+1 {
			t.Errorf("behind entry %d: got entry %d, %v", last, e.Seq, err)
			return
		}
		last = e.Seq
	}
	if int64(row.Closed) > last {
		t.Errorf("the row is from entry %d, the journal ends at %d", row.Closed, last)
	}
}

// calls is every method of a store that can fail.
var calls = map[string]func(ctx context.Context, s store.Store) error{
	"Commit": func(ctx context.Context, s store.Store) error { return s.Commit(ctx, next("a", 2)) },
	"Commit of two": func(ctx context.Context, s store.Store) error {
		return s.Commit(ctx, next("a", 2), next("a", 3))
	},
	"Delete": func(ctx context.Context, s store.Store) error { return s.Delete(ctx, "a") },
	"Row":    func(ctx context.Context, s store.Store) error { _, err := s.Row(ctx, "a"); return err },
	"Named": func(ctx context.Context, s store.Store) error {
		_, err := s.Named(ctx, "f", "name of a")
		return err
	},
	"Journal": func(ctx context.Context, s store.Store) error {
		return lastError(s.Journal(ctx, "a", store.Range{}))
	},
	"List": func(ctx context.Context, s store.Store) error {
		_, err := s.List(ctx, store.Query{Limit: 1})
		return err
	},
	"Calls": func(ctx context.Context, s store.Store) error { _, err := s.Calls(ctx, "a"); return err },
	"Agenda": func(ctx context.Context, s store.Store) error {
		_, err := s.Agenda(ctx, store.Agenda{}, store.Item{}, 1)
		return err
	},
	"Count": func(ctx context.Context, s store.Store) error {
		_, err := s.Count(ctx, store.Query{}, store.Grouping{})
		return err
	},
	"Document": func(ctx context.Context, s store.Store) error {
		_, err := s.Document(ctx, "kind", "k")
		return err
	},
	"Documents": func(ctx context.Context, s store.Store) error {
		_, err := s.Documents(ctx, "kind", "", 1)
		return err
	},
	"PutDocument": func(ctx context.Context, s store.Store) error { return s.PutDocument(ctx, "kind", "k", nil) },
	"EnsureDocument": func(ctx context.Context, s store.Store) error {
		_, err := s.EnsureDocument(ctx, "kind", "k", nil)
		return err
	},
	"DeleteDocument": func(ctx context.Context, s store.Store) error { return s.DeleteDocument(ctx, "kind", "k") },
}

func lastError(seq iter.Seq2[store.Entry, error]) (last error) {
	for _, err := range seq {
		last = err
	}
	return last
}

func testCanceled(t *testing.T, s store.Store) {
	mustCreate(t, s, "a")
	ctx, cancel := context.WithCancel(background)
	cancel()
	for name, call := range calls {
		if err := call(ctx, s); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want %v", name, err, context.Canceled)
		}
	}
	wantJournal(t, s, "a", "1")
}

func testClose(t *testing.T, s store.Store) {
	mustCreate(t, s, "a")
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	for name, call := range calls {
		if err := call(background, s); !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s: got %v, want %v", name, err, store.ErrClosed)
		}
	}
}

func testCloseDuringCommits(t *testing.T, s store.Store) {
	together(20, func(i int) {
		if i == 10 {
			closeStore(t, s)
			return
		}
		id := fmt.Sprint(i)
		if err := s.Commit(background, start(newRow(id))); err != nil && !errors.Is(err, store.ErrClosed) {
			t.Errorf("Commit: got %v, want success or %v", err, store.ErrClosed)
		}
	})
}
