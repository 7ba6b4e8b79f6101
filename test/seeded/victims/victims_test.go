package victims

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/durabletest"
)

var world *durabletest.Execution

func fresh(_ *testing.T, x *durabletest.Execution) { world = x }

// statusOnly accepts any result.
var statusOnly = durabletest.Equal(func(a, b *durabletest.Result[string]) bool { return b.Status == a.Status })

// step is a step with an effect that a service happens to keep from happening twice.
func step(ctx durable.Context, name string) (string, error) {
	return durable.Step(ctx, name, func(ctx context.Context) (string, error) {
		world.EffectOnce("do", name, durable.IdempotencyKey(ctx))
		return name + " done", nil
	})
}

// survives explores a handler that is to come to a result, and to write so many log lines.
func survives[Out comparable](t *testing.T, handler func(durable.Context, any) (Out, error), want Out, lines int,
	act func(*testing.T, *durabletest.Execution), opts ...durabletest.ExploreOption) {
	t.Helper()
	r := durabletest.Explore(t, handler, nil, act, opts...).Undisturbed
	if got := r.Output(); got != want || len(r.Logs) != lines {
		t.Errorf("got %v and log lines %v, want %v and %d lines", got, r.Logs, want, lines)
	}
}

func TestStepsAndWaits(t *testing.T) {
	survives(t, func(ctx durable.Context, _ any) (string, error) {
		var all []string
		for _, name := range []string{"a", "b", "c"} {
			done, err := step(ctx, name)
			if err != nil {
				return "", err
			}
			all = append(all, done)
			ctx.Logger().Info("after", "step", name)
			if err := durable.Wait(ctx, "after-"+name, 3*time.Second); err != nil {
				return "", err
			}
		}
		return strings.Join(all, ", "), nil
	}, "a done, b done, c done", 3, fresh)
}

func TestAtMostOnce(t *testing.T) {
	survives(t, func(ctx durable.Context, _ any) (string, error) {
		return durable.Step(ctx, "once", func(context.Context) (string, error) {
			return "done", nil
		}, durable.WithAtMostOncePerRetry(), durable.WithRetry(retry.Fixed(20, time.Second)))
	}, "done", 0, fresh, statusOnly)
}

func TestRetries(t *testing.T) {
	survives(t, func(ctx durable.Context, _ any) (string, error) {
		return durable.Step(ctx, "flaky", func(ctx context.Context) (string, error) {
			if n := durable.Attempt(ctx); n < 4 {
				return "", fmt.Errorf("attempt %d fails", n)
			}
			return fmt.Sprint("attempt ", durable.Attempt(ctx)), nil
		}, durable.WithRetry(retry.Fixed(5, time.Second)))
	}, "attempt 4", 0, fresh)
}

func TestBranches(t *testing.T) {
	survives(t, func(ctx durable.Context, _ any) (string, error) {
		result, err := durable.Map(ctx, "all", []int{3, 1, 2}, func(ctx durable.Context, seconds, i int) (string, error) {
			if err := durable.Wait(ctx, "first", time.Duration(seconds)*time.Second); err != nil {
				return "", err
			}
			return step(ctx, fmt.Sprint("item-", i))
		})
		return strings.Join(result.Values(), ", "), err
	}, "item-0 done, item-1 done, item-2 done", 0, fresh)
}

func TestChildren(t *testing.T) {
	survives(t, func(ctx durable.Context, _ any) (string, error) {
		inner, err := durable.RunInChildContext(ctx, "outer", func(ctx durable.Context) (string, error) {
			first, err := step(ctx, "first")
			if err != nil {
				return "", err
			}
			second, err := durable.RunInChildContext(ctx, "inner", func(ctx durable.Context) (string, error) {
				return step(ctx, "second")
			})
			return first + ", " + second, err
		})
		if err != nil {
			return "", err
		}
		ctx.Logger().Info("the child is over")
		return inner, durable.Wait(ctx, "after", time.Second)
	}, "first done, second done", 1, fresh)
}

func TestCallbacks(t *testing.T) {
	survives(t, func(ctx durable.Context, _ any) (string, error) {
		callback, err := durable.CreateCallback[string](ctx, "approval")
		if err != nil {
			return "", err
		}
		reminder := durable.Go(ctx, "reminder", func(ctx durable.Context) (string, error) {
			if err := durable.Wait(ctx, "a day", 24*time.Hour); err != nil {
				return "", err
			}
			return step(ctx, "remind")
		})
		answer, err := callback.Result(ctx)
		if err != nil {
			return "", err
		}
		reminded, err := reminder.Result(ctx)
		return answer + ", " + reminded, err
	}, "yes, remind done", 0, func(t *testing.T, x *durabletest.Execution) {
		fresh(t, x)
		id := x.Callback("approval")
		x.Advance(time.Hour)
		x.SucceedCallback(id, "yes")
	})
}

func TestCompensation(t *testing.T) {
	survives(t, func(ctx durable.Context, _ any) (string, error) {
		_, err := durable.RunSaga(ctx, "trip", func(ctx durable.Context, saga *durable.Saga) (string, error) {
			if _, err := step(ctx, "book flight"); err != nil {
				return "", err
			}
			saga.Compensate("cancel flight", func(ctx context.Context) error {
				world.EffectOnce("undo", "flight", durable.IdempotencyKey(ctx))
				return nil
			})
			if err := durable.Wait(ctx, "hotel", time.Second); err != nil {
				return "", err
			}
			return "", errors.New("there is no room")
		})
		if err == nil {
			return "", errors.New("the saga did not fail")
		}
		return "undone", durable.Wait(ctx, "after", time.Second)
	}, "undone", 0, fresh)
}

func TestRace(t *testing.T) {
	survives(t, func(ctx durable.Context, _ any) (string, error) {
		soon := durable.Go(ctx, "soon", func(ctx durable.Context) (string, error) {
			return "soon", durable.Wait(ctx, "a second", time.Second)
		})
		late := durable.Go(ctx, "late", func(ctx durable.Context) (string, error) {
			return "late", durable.Wait(ctx, "a year", 365*24*time.Hour)
		})
		first, err := durable.Race(ctx, "race", soon, late)
		if err != nil {
			return "", err
		}
		return first, durable.Wait(ctx, "after", time.Second)
	}, "soon", 0, func(t *testing.T, x *durabletest.Execution) { fresh(t, x) })
}

func TestInvokes(t *testing.T) {
	survives(t, func(ctx durable.Context, _ any) (string, error) {
		price := durable.Function[string, string]{Name: "price:1"}
		a := durable.Go(ctx, "a", func(ctx durable.Context) (string, error) { return price.Invoke(ctx, "ask", "apples") })
		b := durable.Go(ctx, "b", func(ctx durable.Context) (string, error) { return price.Invoke(ctx, "ask", "pears") })
		if err := durable.Join(ctx, "both", a, b); err != nil {
			return "", err
		}
		first, err := a.Result(ctx)
		if err != nil {
			return "", err
		}
		second, err := b.Result(ctx)
		return first + ", " + second, err
	}, "apples cost 5, pears cost 5", 0, func(t *testing.T, x *durabletest.Execution) {
		fresh(t, x)
		durabletest.Stub(x, "price:1", func(_ context.Context, of string) (string, error) { return of + " cost 5", nil })
	})
}

func TestValues(t *testing.T) {
	survives(t, func(ctx durable.Context, _ any) (bool, error) {
		before, key := durable.Now(ctx), durable.UUID(ctx)
		if err := durable.Wait(ctx, "a moment", 5*time.Second); err != nil {
			return false, err
		}
		after := durable.Now(ctx)
		seen, err := durable.Step(ctx, "note", func(context.Context) (string, error) { return key + before.String(), nil })
		return after.Sub(before) >= 5*time.Second && seen == key+before.String(), err
	}, true, 0, fresh)
}

func TestCondition(t *testing.T) {
	survives(t, func(ctx durable.Context, _ any) (int, error) {
		return durable.WaitForCondition(ctx, "ready", 0, func(_ context.Context, seen int) (int, bool, error) {
			return seen + 1, seen == 3, nil
		})
	}, 4, 0, fresh)
}

func TestVersions(t *testing.T) {
	until := func(latest int) func(durable.Context, any) (string, error) {
		return func(ctx durable.Context, _ any) (string, error) {
			name := fmt.Sprint("as in version ", durable.Version(ctx, "change", latest))
			if _, err := durable.Step(ctx, name, func(context.Context) (int, error) { return 1, nil }); err != nil {
				return "", err
			}
			return name, durable.Wait(ctx, "after", time.Second)
		}
	}
	survives(t, until(1), "as in version 1", 0, fresh, durabletest.Upgrade(until(2)), statusOnly)
}

// TestChoice: what a step chose is recorded before anything is done with it.
func TestChoice(t *testing.T) {
	choices := 0
	survives(t, func(ctx durable.Context, _ any) (string, error) {
		seat, err := durable.Step(ctx, "choose", func(context.Context) (string, error) {
			choices++
			return fmt.Sprint("seat ", choices), nil
		})
		if err != nil {
			return "", err
		}
		return durable.Step(ctx, "book", func(context.Context) (string, error) {
			world.EffectOnce("book", "a seat", seat)
			return "booked", nil
		})
	}, "booked", 0, func(t *testing.T, x *durabletest.Execution) { fresh(t, x); choices = 0 })
}

func TestFailures(t *testing.T) {
	survives(t, func(ctx durable.Context, _ any) (string, error) {
		_, err := durable.Step(ctx, "fail", func(context.Context) (string, error) {
			return "", errors.New("as ever")
		}, durable.WithAtMostOncePerRetry(), durable.WithRetry(retry.None()))
		if err == nil {
			return "", errors.New("the step did not fail")
		}
		return "failed", durable.Wait(ctx, "after", time.Second)
	}, "failed", 0, fresh)
}

func TestCallbackMeanwhile(t *testing.T) {
	survives(t, func(ctx durable.Context, _ any) (string, error) {
		callback, err := durable.CreateCallback[string](ctx, "approval")
		if err != nil {
			return "", err
		}
		if _, err := durable.Step(ctx, "long", func(context.Context) (string, error) {
			time.Sleep(time.Minute)
			return "", nil
		}); err != nil {
			return "", err
		}
		return callback.Result(ctx)
	}, "yes", 0, func(t *testing.T, x *durabletest.Execution) {
		fresh(t, x)
		id := x.Callback("approval")
		x.Advance(30 * time.Second)
		x.SucceedCallback(id, "yes")
	})
}
