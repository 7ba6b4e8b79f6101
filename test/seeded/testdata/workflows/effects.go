package workflows

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
)

// effects are those that happen too often, or not at all.
var effects = map[string]Seed{
	"effect outside of a step": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			if err := services.Do(ctx, "charge", order); err != nil {
				return "", err
			}
			return paid(ctx, order)
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			if err := once(ctx, "charge", order); err != nil {
				return "", err
			}
			return paid(ctx, order)
		}),
		Explore: `effect charge "A-1" happened 2 times`,
		Lint:    `io: calls Services.Do`,
	},
	"effect of a step that may be repeated": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			return durable.Step(ctx, "charge", func(ctx context.Context) (string, error) {
				return order, services.Do(ctx, "charge", order)
			})
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			return durable.Step(ctx, "charge", func(ctx context.Context) (string, error) {
				return order, services.Do(ctx, "charge", order)
			}, durable.WithAtMostOncePerRetry(), durable.WithRetry(retry.None()))
		}),
		Options: orFailed("StepInterruptedError"),
		Explore: `effect charge "A-1" happened 2 times`,
	},
	"at most once, and yet retried": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			return durable.Step(ctx, "charge", func(ctx context.Context) (string, error) {
				return order, services.Do(ctx, "charge", order)
			}, durable.WithAtMostOncePerRetry(), durable.WithRetry(retry.Fixed(3, time.Second)))
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			return durable.Step(ctx, "charge", func(ctx context.Context) (string, error) {
				return order, services.DoOnce(ctx, "charge", order, durable.IdempotencyKey(ctx))
			}, durable.WithAtMostOncePerRetry(), durable.WithRetry(retry.Fixed(30, time.Second)))
		}),
		Explore: `effect charge "A-1" happened 2 times`,
	},
	"two effects in one step": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			return durable.Step(ctx, "charge and mail", func(ctx context.Context) (string, error) {
				if err := services.DoOnce(ctx, "charge", order, durable.IdempotencyKey(ctx)); err != nil {
					return "", err
				}
				return order, services.Do(ctx, "mail", order)
			})
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			if err := once(ctx, "charge", order); err != nil {
				return "", err
			}
			return order, once(ctx, "mail", order)
		}),
		Explore: `effect mail "A-1" happened 2 times`,
	},
	"idempotency key of each attempt": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			return durable.Step(ctx, "charge", func(ctx context.Context) (string, error) {
				return order, services.DoOnce(ctx, "charge", order, fmt.Sprint(order, rand.Int()))
			})
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			return durable.Step(ctx, "charge", func(ctx context.Context) (string, error) {
				return order, services.DoOnce(ctx, "charge", order, order)
			})
		}),
		Explore: `effect charge "A-1" happened 2 times`,
	},
	"one idempotency key for two effects": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			key := durable.UUID(ctx)
			for _, item := range []string{"tea", "cup"} {
				_, err := durable.Step(ctx, "ship "+item, func(ctx context.Context) (string, error) {
					return item, services.DoOnce(ctx, "ship", item, key)
				})
				if err != nil {
					return "", err
				}
			}
			return order, nil
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			for _, item := range []string{"tea", "cup"} {
				if err := once(ctx, "ship", item); err != nil {
					return "", err
				}
			}
			return order, nil
		}),
		Explore: `effect ship "cup" has the idempotency key of effect ship "tea"`,
	},
	"compensation in a deferred function": {
		Bug: simple(func(ctx durable.Context, order string) (_ string, err error) {
			done := false
			defer func() {
				if !done {
					err = errors.Join(err, services.Do(ctx, "refund", order))
				}
			}()
			if err := durable.Wait(ctx, "payment", time.Second); err != nil {
				return "", err
			}
			done = true
			return order, nil
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			if err := durable.Wait(ctx, "payment", time.Second); err != nil {
				return "", errors.Join(err, once(ctx, "refund", order))
			}
			return order, nil
		}),
		Explore: `effect refund "A-1" happened`,
		Lint:    "deferred: ",
	},
	"compensation that runs twice": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			if err := soldOut(ctx); err != nil {
				if err := services.Do(ctx, "refund", order); err != nil {
					return "", err
				}
				return "refunded", durable.Wait(ctx, "a moment", time.Second)
			}
			return order, nil
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			if err := soldOut(ctx); err != nil {
				if err := once(ctx, "refund", order); err != nil {
					return "", err
				}
				return "refunded", durable.Wait(ctx, "a moment", time.Second)
			}
			return order, nil
		}),
		Explore: `effect refund "A-1" happened 2 times`,
		Lint:    "io: calls Services.Do",
	},
	"callback that is submitted twice": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			return durable.WaitForCallback[string](ctx, "approval", func(ctx context.Context, id string) error {
				return services.Do(ctx, "mail", order)
			})
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			return durable.WaitForCallback[string](ctx, "approval", func(ctx context.Context, id string) error {
				return services.DoOnce(ctx, "mail", order, id)
			})
		}),
		Act:     approve,
		Explore: `effect mail "A-1" happened 2 times`,
	},
	"callback's id sent outside of a step": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			callback, err := durable.CreateCallback[string](ctx, "approval")
			if err != nil {
				return "", err
			}
			if err := services.Do(ctx, "mail", order); err != nil {
				return "", err
			}
			return callback.Result(ctx)
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			callback, err := durable.CreateCallback[string](ctx, "approval")
			if err != nil {
				return "", err
			}
			if err := once(ctx, "mail", order); err != nil {
				return "", err
			}
			return callback.Result(ctx)
		}),
		Act:     approve,
		Explore: `effect mail "A-1" happened 2 times`,
		Lint:    "io: calls Services.Do",
	},
	"interrupted step that nobody thought of": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			return durable.Step(ctx, "charge", func(context.Context) (string, error) { return order, nil },
				durable.WithAtMostOncePerRetry(), durable.WithRetry(retry.None()))
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			receipt, err := durable.Step(ctx, "charge", func(context.Context) (string, error) { return order, nil },
				durable.WithAtMostOncePerRetry(), durable.WithRetry(retry.None()))
			if unknown := new(durable.StepInterruptedError); errors.As(err, &unknown) {
				return same(ctx, "look it up", order)
			}
			return receipt, err
		}),
		Explore: "failed with StepInterruptedError",
	},
	"swallowed error": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			_, _ = durable.Step(ctx, "charge", func(ctx context.Context) (string, error) {
				return order, services.Do(ctx, "charge", order)
			}, durable.WithAtMostOncePerRetry(), durable.WithRetry(retry.None()))
			return "sent " + order, nil
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			_, err := durable.Step(ctx, "charge", func(ctx context.Context) (string, error) {
				return order, services.Do(ctx, "charge", order)
			}, durable.WithAtMostOncePerRetry(), durable.WithRetry(retry.None()))
			if err != nil {
				return "", err
			}
			return "sent " + order, nil
		}),
		Options: orFailed("StepInterruptedError"),
		Explore: `effect charge "A-1" did not happen, though the outcome says that it did`,
		Lint:    "droppederror: ",
	},
	"future that nobody awaits": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			durable.Go(ctx, "mail", func(ctx durable.Context) (string, error) {
				if err := durable.Wait(ctx, "a while", time.Second); err != nil {
					return "", err
				}
				return order, once(ctx, "mail", order)
			})
			return paid(ctx, order)
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			mail := durable.Go(ctx, "mail", func(ctx durable.Context) (string, error) {
				if err := durable.Wait(ctx, "a while", time.Second); err != nil {
					return "", err
				}
				return order, once(ctx, "mail", order)
			})
			receipt, err := paid(ctx, order)
			if err != nil {
				return "", err
			}
			return receipt, durable.Join(ctx, "mailed", mail)
		}),
		Explore: `effect mail "A-1" did not happen, though the outcome says that it did`,
		Lint:    "droppederror: ",
	},
	"failed items that nobody sees": {
		Bug: simple(func(ctx durable.Context, order string) (string, error) {
			all, err := durable.Map(ctx, "ship", []string{"tea", "cup"}, ship, durable.WithToleratedFailures(2))
			if err != nil {
				return "", err
			}
			return fmt.Sprint("shipped ", order, all.Values()[:0]), nil
		}),
		Right: simple(func(ctx durable.Context, order string) (string, error) {
			_, err := durable.Map(ctx, "ship", []string{"tea", "cup"}, ship)
			return "shipped " + order + "[]", err
		}),
		Options: orFailed("StepInterruptedError"),
		Explore: "did not happen, though the outcome says that it did",
	},
}

// ship is an item's step, which may be interrupted.
func ship(ctx durable.Context, item string, _ int) (string, error) {
	return durable.Step(ctx, "ship", func(ctx context.Context) (string, error) {
		return item, services.Do(ctx, "ship", item)
	}, durable.WithAtMostOncePerRetry(), durable.WithRetry(retry.None()))
}

// once is a step with an effect that the service keeps from happening twice.
func once(ctx durable.Context, what, key string) error {
	_, err := durable.Step(ctx, what+" "+key, func(ctx context.Context) (string, error) {
		return key, services.DoOnce(ctx, what, key, durable.IdempotencyKey(ctx))
	})
	return err
}
