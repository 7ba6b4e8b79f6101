package seeded

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/durabletest"
)

// The workflows in this file are what people write. Each has a bug, which its twin has not: the same workflow, done
// right. Explore finds the one, and nothing in the other.

// world is where the effects of workflows happen. Every run has another.
var world *durabletest.Execution

func fresh(_ *testing.T, x *durabletest.Execution) { world = x }

// seed is a workflow with a bug, and its twin.
type seed struct {
	bug, right func(durable.Context, string) (string, error)
	act        func(*testing.T, *durabletest.Execution) // fresh, unless it is set
	options    []durabletest.ExploreOption
	upgrade    bool   // the bug is in the change from right to bug, and right changes nothing
	says       string // what Explore says of the bug
}

var seeds = map[string]seed{
	"effect outside of a step": {
		bug: func(ctx durable.Context, order string) (string, error) {
			world.Effect("charge", order)
			return paid(ctx, order)
		},
		right: func(ctx durable.Context, order string) (string, error) {
			_, err := durable.Step(ctx, "charge", func(ctx context.Context) (string, error) {
				world.EffectOnce("charge", order, durable.IdempotencyKey(ctx))
				return order, nil
			})
			if err != nil {
				return "", err
			}
			return paid(ctx, order)
		},
		says: `effect charge "A-1" happened 2 times`,
	},
	"effect of a step that may be repeated": {
		bug: func(ctx durable.Context, order string) (string, error) {
			return durable.Step(ctx, "charge", func(context.Context) (string, error) {
				world.Effect("charge", order)
				return order, nil
			})
		},
		right: func(ctx durable.Context, order string) (string, error) {
			return durable.Step(ctx, "charge", func(context.Context) (string, error) {
				world.Effect("charge", order)
				return order, nil
			}, durable.WithAtMostOncePerRetry(), durable.WithRetry(retry.None()))
		},
		options: []durabletest.ExploreOption{orFailed("StepInterruptedError")},
		says:    `effect charge "A-1" happened 2 times`,
	},
	"idempotency key of each attempt": {
		bug: func(ctx durable.Context, order string) (string, error) {
			return durable.Step(ctx, "charge", func(ctx context.Context) (string, error) {
				world.EffectOnce("charge", order, fmt.Sprint(order, rand.Int()))
				return order, nil
			})
		},
		right: func(ctx durable.Context, order string) (string, error) {
			return durable.Step(ctx, "charge", func(ctx context.Context) (string, error) {
				world.EffectOnce("charge", order, order)
				return order, nil
			})
		},
		says: `effect charge "A-1" happened 2 times`,
	},
	"step that changes a variable": {
		bug: func(ctx durable.Context, order string) (string, error) {
			total := 0
			_, err := durable.Step(ctx, "price", func(context.Context) (int, error) {
				//perdure:ignore capture: the bug is what is tested
				total += 42
				return 0, nil
			})
			if err != nil {
				return "", err
			}
			return fmt.Sprint(total), nil
		},
		right: func(ctx durable.Context, order string) (string, error) {
			total, err := durable.Step(ctx, "price", func(context.Context) (int, error) { return 42, nil })
			if err != nil {
				return "", err
			}
			return fmt.Sprint(total), nil
		},
		says: `the outcome is another than in the undisturbed run: succeeded with "0", not succeeded with "42"`,
	},
	"interrupted step that nobody thought of": {
		bug: func(ctx durable.Context, order string) (string, error) {
			return durable.Step(ctx, "charge", func(context.Context) (string, error) { return order, nil },
				durable.WithAtMostOncePerRetry(), durable.WithRetry(retry.None()))
		},
		right: func(ctx durable.Context, order string) (string, error) {
			receipt, err := durable.Step(ctx, "charge", func(context.Context) (string, error) { return order, nil },
				durable.WithAtMostOncePerRetry(), durable.WithRetry(retry.None()))
			if unknown := new(durable.StepInterruptedError); errors.As(err, &unknown) {
				return durable.Step(ctx, "look it up", func(context.Context) (string, error) { return order, nil })
			}
			return receipt, err
		},
		says: "failed with StepInterruptedError",
	},
	"compensation in a deferred function": {
		bug: func(ctx durable.Context, order string) (_ string, err error) {
			done := false
			defer func() {
				if !done {
					world.Effect("refund", order)
				}
			}()
			if err := durable.Wait(ctx, "payment", time.Second); err != nil {
				return "", err
			}
			done = true
			return order, nil
		},
		right: func(ctx durable.Context, order string) (string, error) {
			if err := durable.Wait(ctx, "payment", time.Second); err != nil {
				_, undo := durable.Step(ctx, "refund", func(ctx context.Context) (string, error) {
					world.EffectOnce("refund", order, durable.IdempotencyKey(ctx))
					return order, nil
				})
				return "", errors.Join(err, undo)
			}
			return order, nil
		},
		says: `effect refund "A-1" happened`,
	},
	"compensation that runs twice": {
		bug: func(ctx durable.Context, order string) (string, error) {
			if err := soldOut(ctx); err != nil {
				world.Effect("refund", order)
				return "refunded", durable.Wait(ctx, "a moment", time.Second)
			}
			return order, nil
		},
		right: func(ctx durable.Context, order string) (string, error) {
			if err := soldOut(ctx); err != nil {
				_, err := durable.Step(ctx, "refund", func(ctx context.Context) (string, error) {
					world.EffectOnce("refund", order, durable.IdempotencyKey(ctx))
					return order, nil
				})
				if err != nil {
					return "", err
				}
				return "refunded", durable.Wait(ctx, "a moment", time.Second)
			}
			return order, nil
		},
		says: `effect refund "A-1" happened 2 times`,
	},
	"callback that is submitted twice": {
		bug: func(ctx durable.Context, order string) (string, error) {
			return durable.WaitForCallback[string](ctx, "approval", func(_ context.Context, id string) error {
				world.Effect("mail", order)
				return nil
			})
		},
		right: func(ctx durable.Context, order string) (string, error) {
			return durable.WaitForCallback[string](ctx, "approval", func(_ context.Context, id string) error {
				world.EffectOnce("mail", order, id)
				return nil
			})
		},
		act:  approve,
		says: `effect mail "A-1" happened 2 times`,
	},
	"decision by the time of day": {
		bug: func(ctx durable.Context, order string) (string, error) {
			name := "thoroughly"
			if time.Since(ctx.StartTime()) < 3*time.Second {
				name = "quickly"
			}
			return payAs(ctx, name, order)
		},
		right: func(ctx durable.Context, order string) (string, error) {
			name := "thoroughly"
			if durable.Now(ctx).Sub(ctx.StartTime()) < 3*time.Second {
				name = "quickly"
			}
			return payAs(ctx, name, order)
		},
		says: "failed with NonDeterminismError",
	},
	"random step name": {
		bug: func(ctx durable.Context, order string) (string, error) {
			//perdure:ignore random: the bug is what is tested
			return durable.Step(ctx, fmt.Sprint("charge-", rand.Int()), func(context.Context) (string, error) { return order, nil })
		},
		right: func(ctx durable.Context, order string) (string, error) {
			return durable.Step(ctx, "charge-"+order, func(context.Context) (string, error) { return order, nil })
		},
		says: "two undisturbed runs recorded different operations",
	},
	"order of a map": {
		bug: func(ctx durable.Context, order string) (string, error) {
			//perdure:ignore maporder: the bug is what is tested
			for name := range shelf {
				if _, err := durable.Step(ctx, name, func(context.Context) (string, error) { return name, nil }); err != nil {
					return "", err
				}
			}
			return order, nil
		},
		right: func(ctx durable.Context, order string) (string, error) {
			for _, name := range strings.Fields("a b c d e f g h") {
				if _, err := durable.Step(ctx, name, func(context.Context) (string, error) { return name, nil }); err != nil {
					return "", err
				}
			}
			return order, nil
		},
		says: "different operations|failed with NonDeterminismError",
	},
	"goroutine that outlives the handler": {
		bug: func(ctx durable.Context, order string) (string, error) {
			go func() {
				for {
					time.Sleep(time.Minute)
				}
			}()
			return paid(ctx, order)
		},
		right: paid,
		says:  "goroutines are left when the execution has ended",
	},
	"durable context in a step": {
		bug: func(ctx durable.Context, order string) (string, error) {
			//perdure:ignore contextuse: the bug is what is tested
			return durable.Step(ctx, "outer", func(context.Context) (string, error) { return paid(ctx, order) })
		},
		right: func(ctx durable.Context, order string) (string, error) {
			return durable.RunInChildContext(ctx, "outer", func(ctx durable.Context) (string, error) { return paid(ctx, order) })
		},
		says: "failed with MisuseError",
	},
	"attempts counted in memory": {
		bug: func(ctx durable.Context, order string) (string, error) {
			return durable.Step(ctx, "flaky", func(context.Context) (string, error) {
				if tries++; tries%2 == 1 {
					return "", errors.New("not yet")
				}
				return order, nil
			}, durable.WithRetry(retry.Fixed(2, time.Second)))
		},
		right: func(ctx durable.Context, order string) (string, error) {
			return durable.Step(ctx, "flaky", func(ctx context.Context) (string, error) {
				if durable.Attempt(ctx) == 1 {
					return "", errors.New("not yet")
				}
				return order, nil
			}, durable.WithRetry(retry.Fixed(2, time.Second)))
		},
		act:  func(t *testing.T, x *durabletest.Execution) { fresh(t, x); tries = 0 },
		says: "failed with StepError",
	},
	"swallowed error": {
		bug: func(ctx durable.Context, order string) (string, error) {
			//perdure:ignore droppederror: the bug is what is tested
			receipt, _ := durable.Step(ctx, "charge", func(context.Context) (string, error) {
				world.Effect("charge", order)
				return order, nil
			}, durable.WithAtMostOncePerRetry(), durable.WithRetry(retry.None()))
			return "sent " + order + receipt[:0], nil
		},
		right: func(ctx durable.Context, order string) (string, error) {
			_, err := durable.Step(ctx, "charge", func(context.Context) (string, error) {
				world.Effect("charge", order)
				return order, nil
			}, durable.WithAtMostOncePerRetry(), durable.WithRetry(retry.None()))
			if err != nil {
				return "", err
			}
			return "sent " + order, nil
		},
		options: []durabletest.ExploreOption{orFailed("StepInterruptedError")},
		says:    `effect charge "A-1" did not happen, though the outcome says that it did`,
	},
	"first answer wins, whoever is late": {
		bug: func(ctx durable.Context, order string) (string, error) {
			a := durable.Go(ctx, "a", func(ctx durable.Context) (string, error) { return warehouse.Invoke(ctx, "ask", "near") })
			b := durable.Go(ctx, "b", func(ctx durable.Context) (string, error) { return warehouse.Invoke(ctx, "ask", "far") })
			return durable.Race(ctx, "first", a, b)
		},
		right: func(ctx durable.Context, order string) (string, error) {
			a := durable.Go(ctx, "a", func(ctx durable.Context) (string, error) { return warehouse.Invoke(ctx, "ask", "near") })
			b := durable.Go(ctx, "b", func(ctx durable.Context) (string, error) { return warehouse.Invoke(ctx, "ask", "far") })
			if err := durable.Join(ctx, "both", a, b); err != nil {
				return "", err
			}
			return a.Result(ctx)
		},
		act: func(t *testing.T, x *durabletest.Execution) {
			fresh(t, x)
			durabletest.Stub(x, warehouse.Name, func(_ context.Context, where string) (string, error) {
				if where == "far" {
					time.Sleep(time.Second)
				}
				return where, nil
			})
		},
		says: `the outcome is another than in the undisturbed run: succeeded with "far", not succeeded with "near"`,
	},
	"step renamed in a deploy": {
		right: paid,
		bug: func(ctx durable.Context, order string) (string, error) {
			return payAs(ctx, "charge_card", order)
		},
		upgrade: true,
		says:    "failed with NonDeterminismError",
	},
	"step added in a deploy": {
		right: paid,
		bug: func(ctx durable.Context, order string) (string, error) {
			if _, err := durable.Step(ctx, "check", func(context.Context) (string, error) { return order, nil }); err != nil {
				return "", err
			}
			return paid(ctx, order)
		},
		upgrade: true,
		says:    "failed with NonDeterminismError",
	},
	"branches put in a row in a deploy": {
		right: func(ctx durable.Context, order string) (string, error) {
			first := durable.Go(ctx, "first", func(ctx durable.Context) (string, error) { return paid(ctx, order) })
			second := durable.Go(ctx, "second", func(ctx durable.Context) (string, error) { return paid(ctx, order) })
			return order, durable.Join(ctx, "both", first, second)
		},
		bug: func(ctx durable.Context, order string) (string, error) {
			for range 2 {
				if _, err := paid(ctx, order); err != nil {
					return "", err
				}
			}
			return order, nil
		},
		upgrade: true,
		says:    "failed with NonDeterminismError",
	},
}

var shelf = map[string]bool{"a": true, "b": true, "c": true, "d": true, "e": true, "f": true, "g": true, "h": true}

var tries int

var warehouse = durable.Function[string, string]{Name: "warehouse:1"}

func paid(ctx durable.Context, order string) (string, error) { return payAs(ctx, "charge", order) }

func payAs(ctx durable.Context, name, order string) (string, error) {
	receipt, err := durable.Step(ctx, name, func(context.Context) (string, error) { return order, nil })
	if err != nil {
		return "", err
	}
	return receipt, durable.Wait(ctx, "confirmation", 5*time.Second)
}

func soldOut(ctx durable.Context) error {
	_, err := durable.Step(ctx, "reserve", func(context.Context) (string, error) { return "", errors.New("sold out") },
		durable.WithRetry(retry.None()))
	return err
}

func approve(t *testing.T, x *durabletest.Execution) {
	fresh(t, x)
	x.SucceedCallback(x.Callback("approval"), `"yes"`)
}

// orFailed also accepts a failure of a type.
func orFailed(errorType string) durabletest.ExploreOption {
	return durabletest.Equal(func(undisturbed, disturbed *durabletest.Result[string]) bool {
		return disturbed.Same(undisturbed) || disturbed.Error != nil && disturbed.Error.ErrorType == errorType
	})
}

// explore explores the workflow with the bug, or its twin.
func (s seed) explore(t *testing.T, bug bool) {
	act, options := s.act, s.options
	if act == nil {
		act = fresh
	}
	handler := s.right
	switch {
	case s.upgrade && bug:
		options = append(options, durabletest.Upgrade(s.bug))
	case s.upgrade:
		options = append(options, durabletest.Upgrade(s.right))
	case bug:
		handler = s.bug
	}
	durabletest.Explore(t, handler, "A-1", act, options...)
}

func TestExploreFindsNothingInWhatIsRight(t *testing.T) {
	for name, s := range seeds {
		t.Run(name, func(t *testing.T) { s.explore(t, false) })
	}
}

func TestExploreFindsBugs(t *testing.T) {
	for name, s := range seeds {
		failsIn(t, name, func(t *testing.T) { s.explore(t, true) }, s.says)
	}
}
