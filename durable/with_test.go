package durable_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/durable"
)

// With reaches the operations that get its context, what is inside of them, and
// nothing else.
func TestWithSerdes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		price := func(ctx durable.Context) (int, error) {
			return durable.Step(ctx, "price", func(context.Context) (int, error) { return 1234, nil })
		}
		out := svc.run(handle(svc, func(ctx durable.Context) (int, error) {
			in := durable.With(ctx, durable.WithSerdes(cents), durable.WithSerdes(nil))
			sum := 0
			for _, call := range []func() (int, error){
				func() (int, error) { return price(in) },
				func() (int, error) { return durable.RunInChildContext(in, "child", price) },
				func() (int, error) { return durable.Go(in, "future", price).Result(ctx) },
				func() (int, error) {
					r, err := durable.Map(in, "map", []int{1}, func(ctx durable.Context, _, _ int) (int, error) { return price(ctx) })
					return r.Values()[0], err
				},
				func() (int, error) { return price(ctx) },
			} {
				n, err := call()
				if err != nil {
					return 0, err
				}
				sum += n
			}
			return sum, durable.Wait(in, "w", time.Second)
		}))
		if out.result() != "6170" {
			t.Errorf("got %s %s", out.result(), out.errorText())
		}
		got := make(map[string]string)
		for _, op := range svc.ops {
			if op.Payload != nil && op.SubType != "Map" {
				got[op.ID] = *op.Payload
			}
		}
		const own = "12.34 EUR"
		want := map[string]string{"1": own, "2": own, "2-1": own, "3": own, "3-1": own, "4-1": own, "4-1-1": own, "5": "1234"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("recorded (-want +got):\n%s", diff)
		}
	})
}

func TestWithLogger(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc, log, other := newService(t, "{}"), captureLog(), captureLog()
		svc.run(handle(svc, func(ctx durable.Context) (any, error) {
			in := durable.With(ctx, durable.WithLogger(ctx.Logger().With("order", "o1")), durable.WithLogger(nil))
			in.Logger().Info("handler")
			durable.RunInChildContext(in, "c", func(ctx durable.Context) (any, error) {
				ctx = durable.With(ctx, durable.WithLogger(ctx.Logger().With("line", 1)))
				ctx.Logger().Info("child")
				return durable.Step(ctx, "s", func(ctx context.Context) (any, error) {
					durable.Logger(ctx).Info("step")
					return nil, nil
				})
			})
			ctx.Logger().Info("without")
			durable.Logger(durable.With(ctx, durable.WithLogger(other.logger()))).Info("elsewhere")
			return nil, durable.Wait(ctx, "w", time.Second)
		}, durable.WithLogger(log.logger())))
		var got []string
		for _, line := range log.lines() {
			if line["executionArn"] != testARN {
				t.Errorf("%v lacks the execution", line)
			}
			got = append(got, fmt.Sprint(line["msg"], " ", line["order"], " ", line["line"], " ", line["operationId"]))
		}
		want := []string{"handler o1 <nil> <nil>", "child o1 1 1", "step o1 1 1-1", "without <nil> <nil> <nil>"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("lines (-want +got):\n%s", diff)
		}
		for _, key := range []string{"executionArn", "operationId", "order"} {
			for line := range strings.Lines(log.buf.String()) {
				if strings.Count(line, `"`+key+`"`) > 1 {
					t.Errorf("%s is twice in %s", key, line)
				}
			}
		}
		if lines := other.lines(); len(lines) != 1 || lines[0]["msg"] != "elsewhere" || lines[0]["executionArn"] != testARN {
			t.Errorf("the other logger has %v", lines)
		}
	})
}

func TestWithAttemptBudget(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		attempts := 0
		svc.run(handle(svc, func(ctx durable.Context) (int, error) {
			return durable.Step(durable.With(ctx, durable.WithAttemptBudget(2)), "s", func(context.Context) (int, error) {
				attempts++
				return 0, errShop
			})
		}))
		if attempts != 2 {
			t.Errorf("%d attempts, want 2", attempts)
		}
	})
}

func TestWithMistakes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		svc.run(handle(svc, func(ctx durable.Context) (any, error) {
			for want, call := range map[string]func(){
				"perdure: durable.With: ctx is not a durable context; pass the one that the handler or the child context got": func() {
					durable.With(nil)
				},
				"perdure: durable.With: an option is nil":               func() { durable.With(ctx, nil) },
				"perdure: durable.With: the attempt budget is negative": func() { durable.With(ctx, durable.WithAttemptBudget(-1)) },
			} {
				func() {
					defer func() {
						if got := recover(); got != want {
							t.Errorf("got %v, want %s", got, want)
						}
					}()
					call()
				}()
			}
			return nil, nil
		}))
	})
}

// The attributes of a part of the workflow, on every line that is written there.
func ExampleWith() {
	svc, log := simulated(`{"id":"o1"}`), captureLog()
	h := durable.NewHandler(func(ctx durable.Context, in order) (any, error) {
		ctx = durable.With(ctx, durable.WithLogger(ctx.Logger().With("order", in.ID)))
		return durable.Step(ctx, "charge", func(ctx context.Context) (any, error) {
			durable.Logger(ctx).Info("charging")
			return nil, nil
		})
	}, durable.WithClient(svc), durable.WithLogger(log.logger()))
	simulate(h, svc)
	for _, line := range log.lines() {
		fmt.Println(line["msg"], line["order"], line["operationName"])
	}
	// Output:
	// succeeded: null
	// charging o1 charge
}
