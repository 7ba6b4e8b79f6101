package durable_test

import (
	"context"
	"testing"
	"time"

	"github.com/perdure/perdure/durable"
)

// What begins to wait while the flusher has nothing to do is polled for even so.
func TestPollsForWhatWaitsLate(t *testing.T) {
	busy := func(ctx durable.Context) (int, error) {
		return durable.Step(ctx, "busy", func(context.Context) (int, error) { time.Sleep(10 * time.Minute); return 1, nil })
	}
	took := func(ctx durable.Context, wait func() error) (time.Duration, error) {
		durable.Go(ctx, "beside", busy)
		start := time.Now()
		err := wait()
		return time.Since(start), err
	}
	t.Run("callback", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			svc := newService(t, "{}")
			svc.answers(succeeds(5*time.Second, `1`))
			var d time.Duration
			out, err := svc.invoke(handle(svc, func(ctx durable.Context) (_ any, err error) {
				d, err = took(ctx, func() error {
					cb, err := durable.CreateCallback[int](ctx, "cb")
					if err != nil {
						return err
					}
					time.Sleep(10 * time.Millisecond) // by then the flusher sleeps
					return second(cb.Result(ctx))
				})
				return nil, err
			}))
			if err != nil || d > 10*time.Second {
				t.Errorf("got %s %v after %v, want the callback to be noticed after some seconds", out.errorText(), err, d)
			}
		})
	})
	t.Run("deadline", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			svc := newService(t, "{}")
			var d time.Duration
			h := handle(svc, func(ctx durable.Context) (any, error) {
				durable.Go(ctx, "beside", func(ctx durable.Context) (int, error) {
					durable.Wait(ctx, "first", time.Second)
					return busy(ctx)
				})
				time.Sleep(10 * time.Millisecond) // by then the flusher has sent what began beside
				start := time.Now()
				_, err := durable.RunInChildContext(ctx, "timed", func(ctx durable.Context) (int, error) {
					return 1, durable.Wait(ctx, "long", time.Hour)
				}, durable.WithTimeout(5*time.Second))
				d = time.Since(start)
				return nil, err
			})
			if _, err := svc.invoke(h); err != nil {
				t.Fatal(err)
			}
			svc.sleep()
			if _, err := svc.invoke(h); err != nil || d > 10*time.Second {
				t.Errorf("got %v after %v, want the deadline to be noticed when it passes", err, d)
			}
		})
	})
}

func TestPollIntervals(t *testing.T) {
	for n, want := range map[int]time.Duration{1: time.Second, 9: 9 * time.Second, 10: 10 * time.Second, 95: 10 * time.Second,
		96: time.Minute} {
		if got := durable.PollInterval(n); got != want {
			t.Errorf("interval after poll %d: got %v, want %v", n, got, want)
		}
	}
}
