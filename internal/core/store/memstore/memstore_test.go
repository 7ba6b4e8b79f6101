package memstore_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/memstore"
	"github.com/perdure/perdure/internal/core/store/storetest"
)

// An ambiguous commit is one that failed and yet took effect.
func TestInterceptFailsACommitBeforeOrAfterItTookEffect(t *testing.T) {
	ctx, broken := context.Background(), errors.New("connection lost")
	s := memstore.New()
	write := store.Write{ID: "x", Entry: store.Entry{Seq: 1}, Row: &store.Row{ID: "x", Function: "f", Name: "x"}}

	s.Intercept(func([]store.Write, func() error) error { return broken })
	if err := s.Commit(ctx, write); !errors.Is(err, broken) {
		t.Fatalf("got %v, want %v", err, broken)
	}
	if _, err := s.Row(ctx, "x"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a commit that failed before it took effect: got %v, want %v", err, store.ErrNotFound)
	}

	s.Intercept(func(_ []store.Write, commit func() error) error { return errors.Join(commit(), broken) })
	if err := s.Commit(ctx, write); !errors.Is(err, broken) {
		t.Fatalf("got %v, want %v", err, broken)
	}
	if _, err := s.Row(ctx, "x"); err != nil {
		t.Errorf("a commit that failed after it took effect: got %v, want the row", err)
	}

	s.Intercept(nil)
	if err := s.Commit(ctx, write); !errors.Is(err, store.ErrConflict) {
		t.Errorf("got %v, want %v", err, store.ErrConflict)
	}
}

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return memstore.New() })
}

// A bubble fails if the store leaves a goroutine or waits on real time.
func TestInsideABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memstore.New()
		for i := range 10 {
			go s.Commit(t.Context(), store.Write{
				ID: fmt.Sprint(i), Entry: store.Entry{Seq: 1},
				Row: &store.Row{ID: fmt.Sprint(i), Name: fmt.Sprint(i)},
			})
		}
		synctest.Wait()
		if rows, err := s.List(t.Context(), store.Query{Limit: 100}); len(rows) != 10 || err != nil {
			t.Errorf("got %d rows, %v, want 10", len(rows), err)
		}
	})
}

func BenchmarkCommit(b *testing.B) {
	storetest.BenchmarkCommit(b, func(*testing.B) store.Store { return memstore.New() })
}

func BenchmarkList(b *testing.B) {
	storetest.BenchmarkList(b, func(*testing.B) store.Store { return memstore.New() }, func() {})
}

func TestFleet(t *testing.T) {
	storetest.RunFleet(t, func(t *testing.T) (a, b store.Fleet) {
		f := memstore.NewFleet()
		return f, f
	})
	storetest.Run(t, func(t *testing.T) store.Store { return memstore.NewFleet() })
}
