package durable_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/protocol"
)

// fanOutOfEveryKind is a workflow with all kinds of fan-out, nested in each other.
func fanOutOfEveryKind(ctx durable.Context) (string, error) {
	slow := durable.Go(ctx, "slow", after("slow", time.Hour, 1))
	left := durable.Go(ctx, "left", after("left", time.Hour, 1), durable.WithVirtual())
	batch := durable.Go(ctx, "batch", func(ctx durable.Context) (string, error) {
		r, err := durable.Map(ctx, "map", []int{1, 2, 3, 400, 5}, func(ctx durable.Context, n, i int) (string, error) {
			return durable.Retry(ctx, "item", func(ctx durable.Context, attempt int) (string, error) {
				if n == 2 && attempt == 1 {
					return "", errItem
				}
				return after("w", time.Duration(n)*time.Second, fmt.Sprint(n, "x"))(ctx)
			}, durable.WithRetry(retry.Fixed(2, time.Second)))
		}, durable.WithMaxConcurrency(3), durable.WithMinSuccessful(4))
		return fmt.Sprint(r.Values()), err
	})
	g := new(durable.Graph)
	a := durable.AddTask(g, "a", after("a", time.Second, 1))
	b := durable.AddTask(g, "b", func(ctx durable.Context) (int, error) {
		r, err := durable.Parallel(ctx, "par", []durable.Branch[int]{{Func: after("p", time.Second, 2)},
			{Func: after("q", 2*time.Second, 3)}}, durable.WithFlat())
		return a.Value() + len(r.Values()), err
	}).After(a)
	if err := g.Run(ctx, "graph"); err != nil {
		return "", err
	}
	values, err := durable.Race(ctx, "race", batch, durable.Go(ctx, "limit", after("limit", time.Minute, "timed out")))
	if err != nil {
		return "", err
	}
	if _, err := durable.Any(ctx, "any", slow, left, durable.Go(ctx, "quick", after("quick", time.Second, 2))); err != nil {
		return "", err
	}
	_, slowErr := slow.Result(ctx)
	_, leftErr := left.Result(ctx)
	return fmt.Sprint(values, b.Value(), errors.Is(slowErr, durable.ErrCanceled), errors.Is(leftErr, durable.ErrCanceled)), nil
}

// Each of the calls in turn is lost, before or after the service has taken it
// in; the workflow comes to the same end.
func TestFanOutSurvivesLostCalls(t *testing.T) {
	const want = `"[1x 2x 3x 5x]3 true true"`
	run := func(t *testing.T, lose func(svc *service)) (calls int) {
		bubble(t, func(t *testing.T) {
			svc := newService(t, "{}")
			lose(svc)
			if out := svc.run(handle(svc, fanOutOfEveryKind)); out.result() != want {
				t.Errorf("got %s %s, want %s\n%q", out.result(), out.errorText(), want, svc.shapes())
			}
			calls = len(svc.calls)
		})
		return calls
	}
	calls := run(t, func(*service) {})
	for n := 1; n <= calls; n++ {
		t.Run(fmt.Sprintf("call %d before", n), func(t *testing.T) {
			run(t, func(svc *service) {
				svc.before = func(call int) error {
					if call == n {
						return context.DeadlineExceeded
					}
					return nil
				}
			})
		})
		t.Run(fmt.Sprintf("call %d after", n), func(t *testing.T) {
			run(t, func(svc *service) {
				svc.after = func(call int, _ *protocol.CheckpointReply) error {
					if call == n {
						return context.DeadlineExceeded
					}
					return nil
				}
			})
		})
	}
}
