package durable_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/protocol"
)

// chain is a handler of n steps in a row, each of which takes a millisecond.
func chain(svc *service, n int, then func(durable.Context) error, opts ...durable.HandlerOption) *durable.Handler {
	return durable.NewHandler(func(ctx durable.Context, _ any) (int, error) {
		sum := 0
		for i := range n {
			v, err := durable.Step(ctx, fmt.Sprint(i), func(context.Context) (int, error) { time.Sleep(time.Millisecond); return 1, nil })
			if err != nil {
				return 0, err
			}
			sum += v
		}
		return sum, then(ctx)
	}, append(opts, durable.WithClient(svc))...)
}

func andNothing(durable.Context) error { return nil }

func TestPipelining(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		svc.slowly(30 * time.Millisecond)
		start := time.Now()
		out := svc.run(chain(svc, 100, andNothing, durable.WithPipelining()))
		if d := time.Since(start); out.result() != "100" || d > 200*time.Millisecond || len(svc.calls) > 6 {
			t.Errorf("got %s %s after %v and %d calls; want 100 after about 0.16s and 5 calls", out.result(), out.errorText(), d, len(svc.calls))
		}
		// The answer waited for all of it.
		for _, op := range svc.ops {
			if op.Status != protocol.StatusSucceeded {
				t.Errorf("step %s is %s after the execution succeeded", op.Name, op.Status)
			}
		}
	})
}

// What leaves the execution is held back until everything before it is durable.
func TestPipeliningHoldsEffectsBack(t *testing.T) {
	for name, effect := range map[string]func(t *testing.T, svc *service, ctx durable.Context) error{
		"at-most-once step": func(t *testing.T, svc *service, ctx durable.Context) error {
			_, err := durable.Step(ctx, "effect", func(context.Context) (int, error) { allDurable(t, svc, 6); return 1, nil }, durable.WithAtMostOncePerRetry())
			return err
		},
		"step with a budget": func(t *testing.T, svc *service, ctx durable.Context) error {
			_, err := durable.Step(ctx, "effect", func(context.Context) (int, error) { allDurable(t, svc, 6); return 1, nil }, durable.WithAttemptBudget(3))
			return err
		},
		"callback": func(t *testing.T, svc *service, ctx durable.Context) error {
			_, err := durable.CreateCallback[int](ctx, "effect")
			allDurable(t, svc, 6)
			return err
		},
		"invoke": func(t *testing.T, svc *service, ctx durable.Context) error {
			svc.targets = map[string]func(string) settling{"f": func(string) settling {
				if n := len(svc.ops); n != 6 {
					t.Errorf("the function was called with %d operations recorded, want 5 and the invoke", n)
				}
				return succeeds(0, "1")
			}}
			_, err := durable.Function[int, int]{Name: "f"}.Invoke(ctx, "effect", 1)
			return err
		},
		"failing": func(t *testing.T, svc *service, ctx durable.Context) error { return errors.New("no") },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, `{}`)
				svc.slowly(50 * time.Millisecond)
				svc.run(chain(svc, 5, func(ctx durable.Context) error { return effect(t, svc, ctx) }, durable.WithPipelining()))
				if n := len(svc.ops); n < 5 {
					t.Errorf("%d operations were recorded in all, want at least 5", n)
				}
			})
		})
	}
}

// allDurable checks that n operations are recorded, all but the last closed.
func allDurable(t *testing.T, svc *service, n int) {
	svc.mu.Lock()
	defer svc.mu.Unlock()
	closed := 0
	for _, op := range svc.ops {
		if op.Status == protocol.StatusSucceeded {
			closed++
		}
	}
	if len(svc.ops) != n || closed != n-1 {
		t.Errorf("%d operations are recorded, %d of them closed; want %d and %d", len(svc.ops), closed, n, n-1)
	}
}

// A crash runs again what was not durable yet, and nothing else.
func TestPipeliningCrash(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		ran := make([]int, 20)
		svc.before = func(call int) error {
			if call == 3 {
				return errors.New("connection lost")
			}
			return nil
		}
		svc.slowly(5 * time.Millisecond)
		h := durable.NewHandler(func(ctx durable.Context, _ any) (int, error) {
			for i := range ran {
				if _, err := durable.Step(ctx, fmt.Sprint(i), func(context.Context) (int, error) { time.Sleep(time.Millisecond); ran[i]++; return 1, nil }); err != nil {
					return 0, err
				}
			}
			return 1, nil
		}, durable.WithClient(svc), durable.WithPipelining())
		if out := svc.run(h); out.result() != "1" {
			t.Errorf("got %s %s", out.result(), out.errorText())
		}
		twice := 0
		for i, n := range ran {
			if n < 1 || n > 2 || n == 1 && twice > 0 && i < 10 {
				t.Errorf("step %d ran %d times: %v", i, n, ran)
			}
			twice += n - 1
		}
		if twice == 0 || twice > 10 {
			t.Errorf("%d steps ran twice: %v", twice, ran)
		}
	})
}

// Retries, child contexts, branches and suspensions work as they do without.
func TestPipeliningKeepsMeaning(t *testing.T) {
	var histories [][]string
	for _, opts := range [][]durable.HandlerOption{nil, {durable.WithPipelining()}} {
		bubble(t, func(t *testing.T) {
			svc := newService(t, `{}`)
			h := durable.NewHandler(func(ctx durable.Context, _ any) (int, error) {
				n, err := durable.RunInChildContext(ctx, "child", func(ctx durable.Context) (int, error) {
					return durable.Step(ctx, "s", func(ctx context.Context) (int, error) {
						if durable.Attempt(ctx) == 1 {
							return 0, errors.New("busy")
						}
						return 2, nil
					})
				})
				_, failed := durable.Step(ctx, "fails", func(context.Context) (int, error) { return 0, errors.New("no") }, durable.WithRetry(retry.None()))
				if err != nil || failed == nil {
					return 0, errors.Join(err, errors.New("it did not fail"))
				}
				m, err := durable.WaitForCondition(ctx, "c", 0, func(_ context.Context, n int) (int, bool, error) { return n + 1, n == 1, nil })
				return n + m, errors.Join(err, durable.Wait(ctx, "w", time.Second))
			}, append(opts, durable.WithClient(svc))...)
			if out := svc.run(h); out.result() != "4" {
				t.Errorf("got %s %s, want 4", out.result(), out.errorText())
			}
			histories = append(histories, svc.events)
		})
	}
	if diff := cmp.Diff(histories[0], histories[1]); diff != "" {
		t.Errorf("pipelining changed the history (-without +with):\n%s", diff)
	}
}

// The queue is bounded: code that is much faster than the service waits for it.
func TestPipeliningWaitsForASlowService(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		svc.slowly(time.Second)
		out := svc.run(chain(svc, 1000, andNothing, durable.WithPipelining()))
		if out.result() != "1000" || len(svc.calls) < 8 {
			t.Errorf("got %s %s in %d calls, want 1000 in at least 8", out.result(), out.errorText(), len(svc.calls))
		}
	})
}

// A hundred short steps, and a service that takes 30 ms: without pipelining
// that is three seconds.
func ExampleWithPipelining() {
	svc := simulated(`{}`)
	svc.slowly(30 * time.Millisecond)
	handler := func(ctx durable.Context, _ struct{}) (int, error) {
		sum := 0
		for i := range 100 {
			n, err := durable.Step(ctx, "add", func(context.Context) (int, error) { return i, nil })
			if err != nil {
				return 0, err
			}
			sum += n
		}
		return sum, nil
	}
	start := time.Now()
	simulate(durable.NewHandler(handler, durable.WithClient(svc), durable.WithPipelining()), svc)
	fmt.Println("within a second:", time.Since(start) < time.Second)
	// Output:
	// succeeded: 4950
	// within a second: true
}
