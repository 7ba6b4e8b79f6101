package engine_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store/memstore"
	"github.com/perdure/perdure/protocol"
)

func TestStats(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		crashed := false
		f.durable("order", order)
		f.durable("crash", func(*call) engine.Outcome {
			if !crashed {
				crashed = true
				return crash("once")
			}
			return engine.Outcome{Payload: []byte(`{"Status":"FAILED","Error":{"ErrorMessage":"no"}}`)}
		})
		f.register(engine.Function{Name: "plain", Invoker: invoker{f, func(*call) engine.Outcome { return succeed("") }}})
		arn := f.start("order", "", `{}`)
		time.Sleep(time.Second)
		if s := f.Stats(); s.Started != 1 || s.Scheduled != 1 || s.InMemory != 1 || s.Invoking != 0 ||
			s.Closed[protocol.ExecutionSucceeded] != 0 {
			t.Errorf("while it waits: got %+v", s)
		}
		f.result(arn)
		f.result(f.start("crash", "", `{}`))
		if _, err := f.Call(t.Context(), &engine.InvokeRequest{Function: "plain"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		s := f.Stats()
		if diff := cmp.Diff(map[protocol.ExecutionStatus]uint64{
			protocol.ExecutionSucceeded: 1, protocol.ExecutionFailed: 1, protocol.ExecutionTimedOut: 0,
			protocol.ExecutionStopped: 0}, s.Closed); diff != "" {
			t.Errorf("closed (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(map[engine.InvocationOutcome]uint64{engine.Answered: 3, engine.Failed: 1, engine.TimedOut: 0,
			engine.Lost: 0}, s.Invocations); diff != "" {
			t.Errorf("invocations (-want +got):\n%s", diff)
		}
		if s.Started != 2 || s.Calls != 1 || s.Events[protocol.EventStepSucceeded] != 3 || s.Events[protocol.EventWaitSucceeded] != 1 {
			t.Errorf("got %+v", s)
		}
		if n := s.Checkpoint.Count(); n != 4 {
			t.Errorf("got %d checkpoints, want 4", n)
		}
		if n := s.Late.Count(); n == 0 || s.Late.Sum != 0 {
			t.Errorf("got %d late by %v s together, want some, by nothing in virtual time", n, s.Late.Sum)
		}
		if s.Backlog != 0 || s.Waiting != 0 || s.Invoking != 0 {
			t.Errorf("got %+v, want nothing to do", s)
		}
	})
}

func TestStatsOfAQueue(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		finish := make(chan struct{})
		f.register(engine.Function{
			Name: "slow", Timeout: time.Hour, Concurrency: 2, Durable: &engine.DurableConfig{ExecutionTimeout: 2 * time.Hour},
			Invoker: invoker{f, func(*call) engine.Outcome { <-finish; return succeed("") }},
		})
		for range 5 {
			f.start("slow", "", `{}`)
		}
		synctest.Wait()
		if s := f.Stats(); s.Invoking != 2 || s.Waiting != 3 {
			t.Errorf("got %d under way and %d waiting, want 2 and 3", s.Invoking, s.Waiting)
		}
		close(finish)
		synctest.Wait()
		if s := f.Stats(); s.Invoking != 0 || s.Waiting != 0 || s.Closed[protocol.ExecutionSucceeded] != 5 {
			t.Errorf("got %+v, want all done", s)
		}
	})
}

// fullStore cannot be written to while it is full.
type fullStore struct {
	*memstore.Store
	full   atomic.Bool
	writes atomic.Int32
}

func (s *fullStore) PutDocument(ctx context.Context, kind, key string, value []byte) error {
	s.writes.Add(1)
	if s.full.Load() {
		return errors.New("the disk is full")
	}
	return s.Store.PutDocument(ctx, kind, key, value)
}

func TestReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &fullStore{Store: memstore.New()}
		e, err := engine.Open(t.Context(), st, nil)
		if err != nil {
			t.Fatal(err)
		}
		want := func(reason string) {
			t.Helper()
			got := ""
			if err := e.Ready(t.Context()); err != nil {
				got = err.Error()
			}
			if got != reason {
				t.Errorf("got %q, want %q", got, reason)
			}
		}
		want("no function is registered")
		if err := e.Functions().Register(engine.Function{Name: "f", Invoker: invoker{}}); err != nil {
			t.Fatal(err)
		}
		want("")
		st.full.Store(true)
		want("") // it wrote a moment ago
		time.Sleep(11 * time.Second)
		want("the store cannot be written to: the disk is full")
		st.full.Store(false)
		time.Sleep(11 * time.Second)
		want("")
		if n := st.writes.Load(); n != 3 {
			t.Errorf("got %d writes, want 3", n)
		}
		if err := e.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := e.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "shutting down") {
			t.Errorf("got %v, want that it is shutting down", err)
		}
	})
}
