package durable_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/protocol"
)

// quote is a step that asks a supplier, who takes a while.
func quote(supplier string, after time.Duration, price int) func(durable.Context) (int, error) {
	return func(ctx durable.Context) (int, error) {
		if err := durable.Wait(ctx, "answer", after); err != nil {
			return 0, err
		}
		return durable.Step(ctx, "quote", func(context.Context) (int, error) {
			if price == 0 {
				return 0, errors.New(supplier + " is closed")
			}
			return price, nil
		}, durable.WithRetry(retry.None()))
	}
}

// Two things at the same time, with results of different types.
func ExampleGo() {
	svc := simulated(`{}`)
	h := durable.NewHandler(func(ctx durable.Context, _ any) (string, error) {
		stock := durable.Go(ctx, "stock", func(ctx durable.Context) (int, error) {
			return durable.Step(ctx, "count", func(context.Context) (int, error) { return 3, nil })
		})
		name, err := durable.Step(ctx, "name", func(context.Context) (string, error) { return "teapot", nil })
		if err != nil {
			return "", err
		}
		n, err := stock.Result(ctx)
		return fmt.Sprintf("%d %ss", n, name), err
	}, durable.WithClient(svc))
	simulate(h, svc)
	// Output: succeeded: "3 teapots"
}

func ExampleAll() {
	svc := simulated(`{}`)
	h := durable.NewHandler(func(ctx durable.Context, _ any) ([]int, error) {
		acme := durable.Go(ctx, "acme", quote("acme", 2*time.Second, 12))
		apex := durable.Go(ctx, "apex", quote("apex", time.Second, 15))
		return durable.All(ctx, "quotes", acme, apex)
	}, durable.WithClient(svc))
	simulate(h, svc)
	// Output: succeeded: [12,15]
}

func ExampleAllSettled() {
	svc := simulated(`{}`)
	h := durable.NewHandler(func(ctx durable.Context, _ any) ([]string, error) {
		acme := durable.Go(ctx, "acme", quote("acme", time.Second, 0))
		apex := durable.Go(ctx, "apex", quote("apex", time.Second, 15))
		ends, err := durable.AllSettled(ctx, "quotes", acme, apex)
		var lines []string
		for _, end := range ends {
			if end.Err != nil {
				lines = append(lines, "no quote")
			} else {
				lines = append(lines, fmt.Sprint(end.Value))
			}
		}
		return lines, err
	}, durable.WithClient(svc))
	simulate(h, svc)
	// Output: succeeded: ["no quote","15"]
}

// The first that succeeds; who fails, or is slower, does not matter.
func ExampleAny() {
	svc := simulated(`{}`)
	h := durable.NewHandler(func(ctx durable.Context, _ any) (int, error) {
		return durable.Any(ctx, "quote",
			durable.Go(ctx, "acme", quote("acme", time.Second, 0)),
			durable.Go(ctx, "apex", quote("apex", time.Minute, 15)),
			durable.Go(ctx, "late", quote("late", time.Hour, 9)))
	}, durable.WithClient(svc))
	simulate(h, svc)
	// Output: succeeded: 15
}

// A time limit: the loser is canceled, and so is its wait.
func ExampleRace() {
	svc := simulated(`{}`)
	h := durable.NewHandler(func(ctx durable.Context, _ any) (int, error) {
		answer := durable.Go(ctx, "acme", quote("acme", time.Hour, 12))
		limit := durable.Go(ctx, "limit", func(ctx durable.Context) (int, error) {
			if err := durable.Wait(ctx, "limit", time.Minute); err != nil {
				return 0, err
			}
			return 0, errors.New("nobody answered within a minute")
		})
		n, err := durable.Race(ctx, "first", answer, limit)
		if _, err := answer.Result(ctx); errors.Is(err, durable.ErrCanceled) {
			fmt.Println("acme was canceled")
		}
		return n, err
	}, durable.WithClient(svc))
	simulate(h, svc)
	// Output:
	// acme was canceled
	// failed: ChildContextError: child context "limit" failed: nobody answered within a minute
}

// Whatever comes first, without giving up the rest.
func ExampleSelect() {
	svc := simulated(`{}`)
	remind := func(context.Context) (int, error) {
		fmt.Println("still waiting")
		return 0, nil
	}
	h := durable.NewHandler(func(ctx durable.Context, _ any) (int, error) {
		answer := durable.Go(ctx, "acme", quote("acme", time.Hour, 12))
		reminder := durable.Go(ctx, "reminder", func(ctx durable.Context) (string, error) {
			return "still waiting", durable.Wait(ctx, "reminder", time.Minute)
		})
		first, err := durable.Select(ctx, "first", answer, reminder)
		if err != nil {
			return 0, err
		}
		if first == 1 {
			if _, err := durable.Step(ctx, "remind", remind); err != nil {
				return 0, err
			}
		}
		return answer.Result(ctx)
	}, durable.WithClient(svc))
	simulate(h, svc)
	// Output:
	// still waiting
	// succeeded: 12
}

func ExampleJoin() {
	svc := simulated(`{}`)
	h := durable.NewHandler(func(ctx durable.Context, _ any) (string, error) {
		price := durable.Go(ctx, "price", quote("acme", time.Second, 12))
		name := durable.Go(ctx, "name", func(durable.Context) (string, error) { return "teapot", nil })
		if err := durable.Join(ctx, "both", price, name); err != nil {
			return "", err
		}
		p, _ := price.Result(ctx) // both are there now
		n, _ := name.Result(ctx)
		return fmt.Sprintf("a %s for %d", n, p), nil
	}, durable.WithClient(svc))
	simulate(h, svc)
	// Output: succeeded: "a teapot for 12"
}

func ExampleFuture_Cancel() {
	svc := simulated(`{}`)
	h := durable.NewHandler(func(ctx durable.Context, _ any) (string, error) {
		reminder := durable.Go(ctx, "reminder", func(ctx durable.Context) (string, error) {
			return "", durable.Wait(ctx, "reminder", time.Hour)
		})
		if _, err := durable.Step(ctx, "work", func(context.Context) (int, error) { return 1, nil }); err != nil {
			return "", err
		}
		if err := reminder.Cancel(ctx); err != nil {
			return "", err
		}
		_, err := reminder.Result(ctx)
		return fmt.Sprint(errors.Is(err, durable.ErrCanceled)), nil
	}, durable.WithClient(svc))
	simulate(h, svc)
	// Output: succeeded: "true"
}

func ExampleMap() {
	svc := simulated(`["teapot","kettle","mug"]`)
	h := durable.NewHandler(func(ctx durable.Context, products []string) ([]string, error) {
		result, err := durable.Map(ctx, "ship", products, func(ctx durable.Context, product string, i int) (string, error) {
			return durable.Step(ctx, "label", func(context.Context) (string, error) {
				return fmt.Sprintf("%d: %s", i+1, strings.ToUpper(product)), nil
			})
		}, durable.WithMaxConcurrency(2))
		return result.Values(), err
	}, durable.WithClient(svc))
	simulate(h, svc)
	// Output: succeeded: ["1: TEAPOT","2: KETTLE","3: MUG"]
}

// A few failures are tolerated, and looked at afterwards.
func ExampleMap_failures() {
	svc := simulated(`[3,0,4]`)
	h := durable.NewHandler(func(ctx durable.Context, numbers []int) (int, error) {
		result, err := durable.Map(ctx, "divide", numbers, func(ctx durable.Context, n, _ int) (int, error) {
			return durable.Step(ctx, "divide", func(context.Context) (int, error) {
				if n == 0 {
					return 0, errors.New("division by zero")
				}
				return 12 / n, nil
			}, durable.WithRetry(retry.None()))
		}, durable.WithToleratedFailures(1))
		for _, item := range result.Only(protocol.StatusFailed) {
			fmt.Println(item.Name, "failed")
		}
		sum := 0
		for _, v := range result.Values() {
			sum += v
		}
		return sum, err
	}, durable.WithClient(svc))
	simulate(h, svc)
	// Output:
	// map-item-1 failed
	// succeeded: 7
}

// Two answers of three suffice; the third is not waited for.
func ExampleParallel() {
	svc := simulated(`{}`)
	h := durable.NewHandler(func(ctx durable.Context, _ any) (string, error) {
		result, err := durable.Parallel(ctx, "quotes", []durable.Branch[int]{
			{Name: "acme", Func: quote("acme", time.Second, 12)},
			{Name: "late", Func: quote("late", time.Hour, 9)},
			{Name: "apex", Func: quote("apex", time.Minute, 15)},
		}, durable.WithMinSuccessful(2))
		return fmt.Sprint(result.Values(), " ", result.Reason, " without ", result.Only(protocol.StatusStarted)[0].Name), err
	}, durable.WithClient(svc))
	simulate(h, svc)
	// Output: succeeded: "[12 15] MIN_SUCCESSFUL_REACHED without late"
}

// What a step needs was fetched by the step before, and may be stale: then both
// have to be done again.
func ExampleRetry() {
	svc := simulated(`{}`)
	h := durable.NewHandler(func(ctx durable.Context, _ any) (string, error) {
		return durable.Retry(ctx, "upload", func(ctx durable.Context, attempt int) (string, error) {
			token, err := durable.Step(ctx, "token", func(context.Context) (string, error) {
				return fmt.Sprint("token-", attempt), nil
			})
			if err != nil {
				return "", err
			}
			return durable.Step(ctx, "send", func(context.Context) (string, error) {
				if token == "token-1" {
					return "", errors.New("the token has expired")
				}
				return "sent with " + token, nil
			}, durable.WithRetry(retry.None()))
		}, durable.WithRetry(retry.Fixed(3, 10*time.Second)))
	}, durable.WithClient(svc))
	simulate(h, svc)
	// Output: succeeded: "sent with token-2"
}

// Stock and money at the same time; the parcel when both are there. What was
// done is undone if something fails.
func ExampleGraph() {
	svc := simulated(`{"gift":true}`)
	h := durable.NewHandler(func(ctx durable.Context, order struct{ Gift bool }) (string, error) {
		g := new(durable.Graph)
		stock := durable.AddTask(g, "reserve", func(ctx durable.Context) (int, error) {
			return durable.Step(ctx, "reserve", func(context.Context) (int, error) { return 1, nil })
		}).Compensate(func(ctx durable.Context, n int) error {
			_, err := durable.Step(ctx, "release", func(context.Context) (int, error) {
				fmt.Println("released", n)
				return 0, nil
			})
			return err
		})
		money := durable.AddTask(g, "charge", quote("bank", time.Second, 12))
		paper := durable.AddTask(g, "wrap", func(durable.Context) (string, error) { return "red paper", nil }).
			When(func() bool { return order.Gift })
		durable.AddTask(g, "ship", func(durable.Context) (string, error) {
			return "", fmt.Errorf("no parcel of %d for %d in %s", stock.Value(), money.Value(), paper.Value())
		}).After(stock, money, paper)
		return "", g.Run(ctx, "order")
	}, durable.WithClient(svc))
	simulate(h, svc)
	// Output:
	// released 1
	// failed: GraphError: graph "order": task "ship" failed: child context "ship" failed: no parcel of 1 for 12 in red paper
}

// Ten items, and a step for every four of them.
func ExampleMap_batches() {
	svc := simulated(`{}`)
	h := durable.NewHandler(func(ctx durable.Context, _ any) ([]int, error) {
		items := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
		batches := slices.Collect(slices.Chunk(items, 4))
		result, err := durable.Map(ctx, "squares", batches, func(ctx durable.Context, batch []int, _ int) ([]int, error) {
			return durable.Step(ctx, "batch", func(context.Context) (squares []int, err error) {
				for _, n := range batch {
					squares = append(squares, n*n)
				}
				return squares, nil
			})
		})
		return slices.Concat(result.Values()...), err
	}, durable.WithClient(svc))
	simulate(h, svc)
	fmt.Println("contexts:", 1+len(svc.ops)/2)
	// Output:
	// succeeded: [0,1,4,9,16,25,36,49,64,81]
	// contexts: 4
}
