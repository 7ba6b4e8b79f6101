package pgstore_test

import (
	"context"
	"errors"
	"testing"

	"github.com/perdure/perdure/internal/core/store/pgstore/pgtest"
)

// Whoever works alone hears that it no longer does.
func TestExclusivelyIsLost(t *testing.T) {
	c := pgtest.Shared(t)
	address := c.Database(t)
	s := open(t, address)
	err := s.Exclusively(t.Context(), func(ctx context.Context) error {
		c.Exec(t, "postgres", `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted`)
		if err := s.Exclusively(t.Context(), func(context.Context) error { return nil }); err != nil {
			t.Errorf("another one, then: %v", err)
		}
		<-ctx.Done()
		return nil
	})
	if err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it no longer works alone", err)
	}
}

// A connection for hints that breaks is made again, and whoever hears is told that hints may be lost.
func TestHearsAgain(t *testing.T) {
	c := pgtest.Shared(t)
	address := c.Database(t)
	a, b := open(t, address), open(t, address)
	heard := make(chan string, 100)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- b.Hear(ctx, 2, func(hint string) { heard <- hint }) }()
	for range 3 {
		if got := <-heard; got != "" {
			t.Errorf("got %q, want a sign that hints may be lost", got)
		}
		if err := a.Tell(t.Context(), 1, "news"); err != nil {
			t.Fatal(err)
		}
		if got := <-heard; got != "news" {
			t.Errorf("got %q, want news", got)
		}
		c.Exec(t, "postgres", `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'`)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}
