package durable_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/durable"
)

type order struct {
	ID     string `json:"id"`
	Amount int    `json:"amount"`
}

// The example of the README: three steps around a wait.
func TestOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{"id":"o1","amount":3}`)
		runs := map[string]int{}
		count := func(name string, v string) func(context.Context) (string, error) {
			return func(context.Context) (string, error) {
				runs[name]++
				return v, nil
			}
		}
		h := durable.NewHandler(func(ctx durable.Context, in order) (string, error) {
			if _, err := durable.Step(ctx, "validate", count("validate", in.ID)); err != nil {
				return "", err
			}
			tx, err := durable.Step(ctx, "pay", count("pay", "tx<1>"))
			if err != nil {
				return "", err
			}
			if err := durable.Wait(ctx, "confirm", 5*time.Second); err != nil {
				return "", err
			}
			return durable.Step(ctx, "fulfil", count("fulfil", tx+"/ok"))
		}, durable.WithClient(svc))
		start := time.Now()
		out := svc.run(h)
		if got, want := out.result(), `"tx<1>/ok"`; got != want {
			t.Errorf("got result %s %s, want %s", got, out.errorText(), want)
		}
		if d := time.Since(start); d != 5*time.Second {
			t.Errorf("took %v, want 5s", d)
		}
		if diff := cmp.Diff(map[string]int{"validate": 1, "pay": 1, "fulfil": 1}, runs); diff != "" {
			t.Errorf("runs of each body (-want +got):\n%s", diff)
		}
		if svc.invocations != 2 || len(svc.calls) != 4 {
			t.Errorf("got %d invocations and %d checkpoints, want 2 and 4: one for each step, one for the wait", svc.invocations, len(svc.calls))
		}
		want := []string{
			"StepStarted validate", "StepSucceeded validate", "StepStarted pay", "StepSucceeded pay",
			"WaitStarted confirm", "WaitSucceeded confirm", "StepStarted fulfil", "StepSucceeded fulfil",
		}
		if diff := cmp.Diff(want, svc.events); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}
