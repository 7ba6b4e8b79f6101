package workflows

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durabletest"
)

// usage are workflows that do with the SDK what is not meant.
var usage = map[string]Seed{
	"step that changes a variable": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			total := 0
			_, err := durable.Step(ctx, "price", func(context.Context) (int, error) {
				total += 42
				return 0, nil
			})
			if err != nil {
				return "", err
			}
			return fmt.Sprint(total), nil
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			total, err := durable.Step(ctx, "price", func(context.Context) (int, error) { return 42, nil })
			if err != nil {
				return "", err
			}
			return fmt.Sprint(total), nil
		}),
		Explore: `the outcome is another than in the undisturbed run: succeeded with "0", not succeeded with "42"`,
		Replay:  `the execution succeeded with the result "42", and the code now returns result "0"`,
		Lint:    "capture: ",
	},
	"branches that share a variable": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			last := ""
			_, err := durable.Map(ctx, "ask", []string{"near", "far"}, func(ctx durable.Context, where string, _ int) (string, error) {
				answer, err := warehouse.Invoke(ctx, "ask", where)
				last = answer
				return "", err
			})
			return last, err
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			all, err := durable.Map(ctx, "ask", []string{"near", "far"}, func(ctx durable.Context, where string, _ int) (string, error) {
				return warehouse.Invoke(ctx, "ask", where)
			})
			return fmt.Sprint(all.Values()), err
		}),
		Act:     answerLate,
		Explore: "the outcome is another",
		Replay:  "the code now returns result",
		Lint:    "capture: ",
	},
	"goroutine that outlives the handler": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			go func() {
				for {
					time.Sleep(time.Minute)
				}
			}()
			return paid(ctx, order)
		}),
		Right:      simple(paid),
		Unrecorded: true,
		Explore:    "goroutines are left when the execution has ended",
		Lint:       "concurrency: ",
	},
	"goroutines instead of branches": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			done := make(chan error, 2)
			for range 2 {
				go func() {
					_, err := paid(ctx, order)
					done <- err
				}()
			}
			return order, errors.Join(<-done, <-done)
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			first := durable.Go(ctx, "first", func(ctx durable.Context) (string, error) { return paid(ctx, order) })
			second := durable.Go(ctx, "second", func(ctx durable.Context) (string, error) { return paid(ctx, order) })
			return order, durable.Join(ctx, "both", first, second)
		}),
		Unrecorded: true,
		Explore:    "goroutines are left when the execution has ended",
		Lint:       "concurrency: ",
	},
	"durable context in a step": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			return durable.Step(ctx, "outer", func(context.Context) (string, error) { return paid(ctx, order) })
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			return durable.RunInChildContext(ctx, "outer", func(ctx durable.Context) (string, error) { return paid(ctx, order) })
		}),
		Explore: "failed with MisuseError",
		Replay:  "the execution failed with MisuseError",
		Lint:    "contextuse: ",
	},
	"context of the parent in a child": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			return durable.RunInChildContext(ctx, "outer", func(durable.Context) (string, error) { return paid(ctx, order) })
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			return durable.RunInChildContext(ctx, "outer", func(ctx durable.Context) (string, error) { return paid(ctx, order) })
		}),
		Explore: "failed with MisuseError",
		Lint:    "contextuse: ",
	},
	"first answer wins, whoever is late": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			a := durable.Go(ctx, "a", func(ctx durable.Context) (string, error) { return warehouse.Invoke(ctx, "ask", "near") })
			b := durable.Go(ctx, "b", func(ctx durable.Context) (string, error) { return warehouse.Invoke(ctx, "ask", "far") })
			return durable.Race(ctx, "first", a, b)
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			a := durable.Go(ctx, "a", func(ctx durable.Context) (string, error) { return warehouse.Invoke(ctx, "ask", "near") })
			b := durable.Go(ctx, "b", func(ctx durable.Context) (string, error) { return warehouse.Invoke(ctx, "ask", "far") })
			if err := durable.Join(ctx, "both", a, b); err != nil {
				return "", err
			}
			return a.Result(ctx)
		}),
		Act:     answerLate,
		Explore: `the outcome is another than in the undisturbed run: succeeded with "far", not succeeded with "near"`,
	},
	"suspension taken for a failure": {
		Bug: simple(func(ctx durable.Context, order string) (_ string, err error) {
			paid := false
			defer func() {
				if !paid {
					_ = services.Do(ctx, "alarm", order)
				}
			}()
			if err := durable.Wait(ctx, "payment", time.Second); err != nil {
				return "", err
			}
			paid = true
			return order, nil
		}),
		Right: simple(func(ctx durable.Context, order string) (_ string, err error) {
			if err := durable.Wait(ctx, "payment", time.Second); err != nil {
				return "", errors.Join(err, once(ctx, "alarm", order))
			}
			return order, nil
		}),
		Explore: `effect alarm "A-1" happened`,
		Lint:    "deferred: ",
	},
	"completion that cannot be": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			_, err := durable.Map(ctx, "ask", []string{"a", "b"}, func(_ durable.Context, s string, _ int) (string, error) {
				return s, nil
			}, durable.WithMinSuccessful(0))
			return order, err
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			_, err := durable.Map(ctx, "ask", []string{"a", "b"}, func(_ durable.Context, s string, _ int) (string, error) {
				return s, nil
			}, durable.WithMinSuccessful(1))
			return order, err
		}),
		Lint: "options: ",
	},
	"heartbeat longer than the timeout": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			return durable.WaitForCallback[string](ctx, "approval", func(context.Context, string) error { return nil },
				durable.WithTimeout(time.Minute), durable.WithHeartbeat(time.Hour))
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			return durable.WaitForCallback[string](ctx, "approval", func(context.Context, string) error { return nil },
				durable.WithTimeout(30*time.Hour), durable.WithHeartbeat(20*time.Hour))
		}),
		Act:        approve,
		Unrecorded: true,
		Explore:    "closed without starting an operation called .approval.",
		Lint:       "options: ",
	},
}

func answerLate(_ *testing.T, x *durabletest.Execution) {
	durabletest.Stub(x, warehouse.Name, func(_ context.Context, where string) (string, error) {
		if where == "far" {
			time.Sleep(time.Second)
		}
		return where, nil
	})
}
