package durable_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durabletest"
)

// These tests run on the real engine: what the service of the other tests
// accepts is only what those who wrote it think the real one does.

func TestEngineRace(t *testing.T) {
	result := durabletest.Run(t, func(ctx durable.Context, _ any) (string, error) {
		slow := durable.Go(ctx, "slow", after("slow", time.Hour, "slow"))
		fast := durable.Go(ctx, "fast", after("fast", time.Second, "fast"))
		winner, err := durable.Race(ctx, "race", slow, fast)
		if err != nil {
			return "", err
		}
		if _, err := slow.Result(ctx); !errors.Is(err, durable.ErrCanceled) {
			t.Errorf("the loser ended with %v", err)
		}
		return winner, durable.Wait(ctx, "after", 2*time.Hour)
	}, nil)
	if got := result.Output(); got != "fast" || result.Elapsed != 2*time.Hour+time.Second {
		t.Errorf("got %q after %v", got, result.Elapsed)
	}
	want := `
 11 ContextSucceeded     2 fast
 12 WaitCancelled        1-1 slow-wait
 13 ContextFailed        1 slow (CanceledError)
 14 ContextSucceeded     3 race
 15 WaitStarted          4 after (7200s)
 16 InvocationCompleted
 17 WaitSucceeded        4 after
`
	if got := result.History.String(); !strings.Contains(got, want) {
		t.Errorf("got %s\nwant in it %s", got, want)
	}
}

// Timers that come due in the same moment as their CANCEL.
func TestEngineCancelsDueTimers(t *testing.T) {
	result := durabletest.Run(t, func(ctx durable.Context, _ any) (int, error) {
		var futures []*durable.Future[int]
		for i := range 20 {
			futures = append(futures, durable.Go(ctx, fmt.Sprint("f", i), after(fmt.Sprint("w", i), time.Second, i)))
		}
		_, err := durable.Race(ctx, "race", futures...)
		if err != nil {
			return 0, err
		}
		return 1, durable.Wait(ctx, "after", time.Second)
	}, nil)
	if got := result.Output(); got != 1 {
		t.Errorf("got %d", got)
	}
}

func TestEngineMap(t *testing.T) {
	for name, opts := range map[string][]durable.BatchOption{
		"all at once": nil, "two at a time": {durable.WithMaxConcurrency(2)}, "flat": {durable.WithFlat()},
	} {
		t.Run(name, func(t *testing.T) {
			result := durabletest.Run(t, func(ctx durable.Context, size int) (int, error) {
				r, err := durable.Map(ctx, "map", make([]int, 10), func(ctx durable.Context, _, i int) (string, error) {
					if err := durable.Wait(ctx, "w", time.Second); err != nil {
						return "", err
					}
					return durable.Step(ctx, "s", func(context.Context) (string, error) { return strings.Repeat("x", size), nil })
				}, opts...)
				if err != nil {
					return 0, err
				}
				return len(strings.Join(r.Values(), "")), durable.Wait(ctx, "after", time.Second)
			}, 40_000)
			if got := result.Output(); got != 400_000 {
				t.Errorf("got %d", got)
			}
		})
	}
}

// An interrupted invocation leaves items in every state there is.
func TestEngineMapCrashes(t *testing.T) {
	for _, name := range []string{"map-item-3", "step-2", "map"} {
		t.Run(name, func(t *testing.T) {
			result := durabletest.Drive(t, func(ctx durable.Context, _ any) ([]int, error) {
				r, err := durable.Map(ctx, "map", make([]int, 5), func(ctx durable.Context, _, i int) (int, error) {
					return durable.Step(ctx, fmt.Sprint("step-", i), func(context.Context) (int, error) { return i * i, nil })
				}, durable.WithMaxConcurrency(2))
				if err != nil {
					return nil, err
				}
				return r.Values(), durable.Wait(ctx, "after", time.Second)
			}, nil, func(t *testing.T, x *durabletest.Execution) {
				x.CrashBefore(name)
				x.CrashAfter(name)
			})
			if diff := cmp.Diff([]int{0, 1, 4, 9, 16}, result.Output()); diff != "" {
				t.Errorf("results (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEngineGraph(t *testing.T) {
	result := durabletest.Run(t, func(ctx durable.Context, fail bool) (string, error) {
		g := new(durable.Graph)
		a := durable.AddTask(g, "a", after("a", time.Second, "A")).Compensate(func(ctx durable.Context, _ string) error {
			return durable.Wait(ctx, "undo", time.Second)
		})
		b := durable.AddTask(g, "b", func(durable.Context) (string, error) { return a.Value() + "B", errItem }).After(a)
		err := g.Run(ctx, "graph")
		return b.Value(), err
	}, true)
	if result.Error == nil || result.Error.ErrorType != "GraphError" {
		t.Errorf("got %+v", result.Error)
	}
}
