package load_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perdure/perdure/bench/peers/load"
)

// Executions of 300 ms in a second: each client has three that end in time, and a fourth that does not count.
func TestRunCountsWhatEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := load.Run(t.Context(), load.Burst{Clients: 2, Time: time.Second, AtMost: 100}, func(context.Context, load.Burst) error {
			time.Sleep(300 * time.Millisecond)
			return nil
		})
		if want := (load.Outcome{Executions: 6, Took: 900 * time.Millisecond, All: 8}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

func TestRunHasBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		work := func(context.Context, load.Burst) error {
			time.Sleep(time.Second)
			return nil
		}
		got := load.Run(t.Context(), load.Burst{Clients: 3, Time: time.Hour, AtMost: 7}, work)
		if want := (load.Outcome{Executions: 7, Took: 3 * time.Second, All: 7}); got != want {
			t.Errorf("at most 7: got %+v, want %+v", got, want)
		}
		got = load.Run(t.Context(), load.Burst{Clients: 2, Time: time.Millisecond, AtLeast: 4, AtMost: 9}, work)
		if want := (load.Outcome{Executions: 4, Took: 2 * time.Second, All: 4}); got != want {
			t.Errorf("at least 4: got %+v, want %+v", got, want)
		}
		got = load.Run(t.Context(), load.Burst{Clients: 1, Time: time.Millisecond, AtMost: 9}, work)
		if got.Error == "" {
			t.Errorf("nothing in time: got %+v, want an error", got)
		}
	})
}

// A call that never ends is broken off, and an error ends the burst for all clients.
func TestRunEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		got := load.Run(t.Context(), load.Burst{Clients: 2, Time: time.Second, AtMost: 9},
			func(ctx context.Context, _ load.Burst) error {
				<-ctx.Done()
				return context.Cause(ctx)
			})
		if got.Error == "" || time.Since(began) > time.Minute {
			t.Errorf("got %+v after %v, want an error within a minute", got, time.Since(began))
		}
		var calls atomic.Int64
		got = load.Run(t.Context(), load.Burst{Clients: 4, Time: time.Hour, AtMost: 1e6}, func(context.Context, load.Burst) error {
			time.Sleep(time.Second)
			if calls.Add(1) == 6 {
				return errors.New("broken")
			}
			return nil
		})
		if got.Error != "broken" || calls.Load() > 12 {
			t.Errorf("got %+v after %d calls, want its error soon", got, calls.Load())
		}
	})
}
