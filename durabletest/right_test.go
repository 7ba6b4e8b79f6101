package durabletest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/durabletest"
)

// world is what the handlers of the tests below have effects on: that of the run under way.
type world struct{ *durabletest.Execution }

func (w *world) enter(_ *testing.T, x *durabletest.Execution) { w.Execution = x }

func step(ctx durable.Context, name string) error {
	_, err := durable.Step(ctx, name, func(context.Context) (int, error) { return 1, nil })
	return err
}

// right are tests of handlers that do nothing wrong, though they are at the edge of it.
var right = map[string]func(t *testing.T){
	"the loser of a race writes a line": func(t *testing.T) {
		durabletest.Explore(t, func(ctx durable.Context, _ any) (string, error) {
			branch := func(name string, d time.Duration) *durable.Future[string] {
				return durable.Go(ctx, name, func(ctx durable.Context) (string, error) {
					ctx.Logger().Info("waiting " + name)
					if err := durable.Wait(ctx, name, d); err != nil {
						return "", err
					}
					ctx.Logger().Info("waited " + name)
					err := step(ctx, "after "+name)
					ctx.Logger().Info("done " + name)
					return "done", err
				})
			}
			return durable.Race(ctx, "race", branch("fast", 2*time.Second), branch("slow", 3*time.Second))
		}, nil, nil)
	},
	"a line tells the time": func(t *testing.T) {
		durabletest.Explore(t, func(ctx durable.Context, _ any) (string, error) {
			if err := durable.Wait(ctx, "a while", time.Second); err != nil {
				return "", err
			}
			ctx.Logger().Info("waited", "for", time.Since(ctx.StartTime()))
			return "", step(ctx, "one")
		}, nil, nil)
	},
	"derived loggers, in branches": func(t *testing.T) {
		durabletest.Explore(t, func(ctx durable.Context, _ any) (string, error) {
			log := ctx.Logger().With("part", "main").WithGroup("g")
			log.Info("begin", "n", 1)
			_, err := durable.Map(ctx, "each", []int{1, 2, 3}, func(ctx durable.Context, item, _ int) (int, error) {
				ctx.Logger().With("item", item).Info("before")
				err := step(ctx, "work")
				ctx.Logger().With("item", item).Info("after")
				return item, err
			})
			log.Info("end", "n", 2)
			return "", err
		}, nil, nil)
	},
	"enough of a quorum": func(t *testing.T) {
		durabletest.Explore(t, func(ctx durable.Context, _ any) (bool, error) {
			r, err := durable.Map(ctx, "ask", []int{1, 2, 3}, func(ctx durable.Context, item, _ int) (int, error) {
				ctx.Logger().Info("asking", "item", item)
				err := durable.Wait(ctx, "think", time.Duration(item)*time.Second)
				ctx.Logger().Info("asked", "item", item)
				return item, err
			}, durable.WithMinSuccessful(2))
			return len(r.Values()) >= 2, err
		}, nil, nil)
	},
	"a callback with heartbeats": func(t *testing.T) {
		durabletest.Explore(t, func(ctx durable.Context, _ any) (string, error) {
			return durable.WaitForCallback[string](ctx, "ask", func(context.Context, string) error { return nil },
				durable.WithHeartbeat(time.Minute))
		}, nil, func(_ *testing.T, x *durabletest.Execution) {
			id := x.Callback("ask")
			for range 3 {
				x.Advance(30 * time.Second)
				x.HeartbeatCallback(id)
			}
			x.SucceedCallback(id, "yes")
		}, durabletest.Equal(orTimeout))
	},
	"a short timeout": func(t *testing.T) {
		durabletest.Explore(t, func(ctx durable.Context, _ any) (string, error) {
			for n := range 3 {
				if err := step(ctx, fmt.Sprint("step ", n)); err != nil {
					return "", err
				}
			}
			return "done", durable.Wait(ctx, "a minute", time.Minute)
		}, nil, func(_ *testing.T, x *durabletest.Execution) { x.Timeout = 5 * time.Second })
	},
	"panics that are recovered": func(t *testing.T) {
		durabletest.Explore(t, func(ctx durable.Context, _ any) (text string, err error) {
			defer func() {
				if r := recover(); r != nil {
					text, err = fmt.Sprint(r), step(ctx, "after")
				}
			}()
			if _, err := durable.Step(ctx, "one", func(context.Context) (n int, err error) {
				defer func() {
					if r := recover(); r != nil {
						err = nil
					}
				}()
				panic("in the step")
			}); err != nil {
				return "", err
			}
			panic("in the handler")
		}, nil, nil)
	},
	"lines of replays": func(t *testing.T) {
		durabletest.Explore(t, func(ctx durable.Context, _ any) (string, error) {
			ctx.Logger().Info("begin")
			err := durable.Wait(ctx, "a while", time.Second)
			ctx.Logger().Info("end")
			return "", err
		}, nil, nil, durabletest.With(durable.WithReplayLogs()))
	},
	"a stub with a sequence": func(t *testing.T) {
		durabletest.Explore(t, func(ctx durable.Context, _ any) (int, error) {
			var err error
			for range 5 {
				var n int
				if n, err = durable.Invoke(ctx, "call", durable.Function[int, int]{Name: "count"}, 1); err == nil {
					return n, nil
				}
			}
			return 0, err
		}, nil, func(_ *testing.T, x *durabletest.Execution) {
			x.StubFunction("count").Fails(errors.New("busy")).Times(2).Returns(7).After(time.Second)
		})
	},
	"a durable function of its own": func(t *testing.T) {
		var w world
		durabletest.Explore(t, func(ctx durable.Context, _ any) (int, error) {
			if err := step(ctx, "one"); err != nil {
				return 0, err
			}
			return durable.Invoke(ctx, "call", durable.Function[int, int]{Name: "child"}, 1)
		}, nil, func(t *testing.T, x *durabletest.Execution) {
			w.enter(t, x)
			durabletest.Function(x, "child", func(ctx durable.Context, n int) (int, error) {
				if err := durable.Wait(ctx, "a while", time.Second); err != nil {
					return 0, err
				}
				return durable.Step(ctx, "charge", func(context.Context) (int, error) { w.Effect("charge", 1); return n, nil })
			})
		})
	},
	"names and keys of any sort": func(t *testing.T) {
		var w world
		durabletest.Explore(t, func(ctx durable.Context, _ any) (int, error) {
			for _, name := range []string{"two words", "x #2", " blanks ", `"quoted"`, "`ticks`", "back\\slash", "ü"} {
				if _, err := durable.Step(ctx, name, func(ctx context.Context) (int, error) {
					w.EffectOnce(name, "a key\nof two lines", durable.IdempotencyKey(ctx))
					return 1, nil
				}); err != nil {
					return 0, err
				}
			}
			return 0, nil
		}, nil, w.enter)
	},
	"side by side": func(t *testing.T) {
		for n := range 3 {
			t.Run(fmt.Sprint(n), func(t *testing.T) {
				t.Parallel()
				durabletest.Explore(t, order, "1", nil)
			})
		}
	},
}

func orTimeout(undisturbed, disturbed *durabletest.Result[string]) bool {
	return disturbed.Same(undisturbed) || disturbed.Error != nil && disturbed.Error.ErrorType == "CallbackTimeoutError"
}

// TestRightHandlersPass explores handlers that must not be blamed.
func TestRightHandlersPass(t *testing.T) {
	for name, test := range right {
		t.Run(name, test)
	}
}

// TestLargeExecutionsTakeSeconds explores one with more single faults than there is time for.
func TestLargeExecutionsTakeSeconds(t *testing.T) {
	handler := func(ctx durable.Context, _ any) (int, error) {
		for range 40 {
			if err := step(ctx, "one"); err != nil {
				return 0, err
			}
		}
		return 0, nil
	}
	if testing.Short() {
		t.Skip("it counts runs, of which there are thousands")
	}
	durabletest.SetMaxScenes(t, 1000)
	explored := durabletest.Explore(t, handler, nil, nil, durabletest.Runs(0))
	if explored.Left == 0 || explored.Runs != 200 {
		t.Errorf("got %d runs and %d single faults left out, want 200 and the others", explored.Runs, explored.Left)
	}
	all := durabletest.Explore(t, handler, nil, nil, durabletest.Runs(0), durabletest.Exhaustive())
	if want := explored.Runs + explored.Left; all.Left != 0 || all.Runs != want {
		t.Errorf("got %d exhaustive runs and %d left out, want %d and none", all.Runs, all.Left, want)
	}
}

// TestTheSameSeedExploresTheSame has a handler without branches: there the scheduler does not matter.
func TestTheSameSeedExploresTheSame(t *testing.T) {
	first := durabletest.Explore(t, order, "1", nil, durabletest.Seed(7))
	for range 3 {
		again := durabletest.Explore(t, order, "1", nil, durabletest.Seed(7))
		if again.Runs != first.Runs || again.Merged != first.Merged {
			t.Errorf("got %d runs with %d merged, want %d with %d", again.Runs, again.Merged, first.Runs, first.Merged)
		}
	}
}

// TestBatchIsGatheredFromItsItems makes Map do without its own record, as it does when that is too large, and run an
// item again, which would have done the same.
func TestBatchIsGatheredFromItsItems(t *testing.T) {
	visits := 0
	durabletest.Explore(t, func(ctx durable.Context, _ any) (string, error) {
		r, err := durable.Map(ctx, "each", []int{1, 2, 3}, func(ctx durable.Context, item, _ int) (int, error) {
			visits++
			return durable.Step(ctx, "work", func(context.Context) (int, error) {
				if item == 2 {
					return 0, errors.New("no such item")
				}
				return item, nil
			}, durable.WithRetry(retry.None()))
		}, durable.WithToleratedFailures(1), durable.WithMaxConcurrency(1))
		if err != nil {
			return "", err
		}
		return fmt.Sprint(r.Values(), r.Err()), durable.Wait(ctx, "a while", time.Second)
	}, nil, func(*testing.T, *durabletest.Execution) { visits = 0 },
		durabletest.Schedule("forget result of 1-3 map-item-2\nforget result of 1 each"))
	if want := 3 + 1 + 2; visits != want { // and the last in each invocation that follows
		t.Errorf("items ran %d times, want %d", visits, want)
	}
}
