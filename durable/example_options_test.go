package durable_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/protocol"
)

// The batch judges for itself when it has enough: here once three have
// voted.
func ExampleWithCompletion() {
	svc := simulated(`["yes","no","yes","no","no"]`)
	h := durable.NewHandler(func(ctx durable.Context, votes []string) (string, error) {
		result, err := durable.Map(ctx, "poll", votes, func(ctx durable.Context, vote string, i int) (string, error) {
			return vote, durable.Wait(ctx, "think", time.Duration(i+1)*time.Second)
		}, durable.WithCompletion(func(p durable.BatchProgress) durable.CompletionReason {
			if p.Succeeded == 3 {
				return durable.CustomCompletionSucceeded
			}
			return ""
		}))
		return fmt.Sprint(result.Values(), " ", result.Reason), err
	}, durable.WithClient(svc))
	simulate(h, svc)
	// Output: succeeded: "[yes no yes] CUSTOM_COMPLETION_SUCCEEDED"
}

// Items that are one step each need no contexts of their own: this batch takes
// three operations instead of five.
func ExampleWithFlat() {
	svc := simulated(`[1,2]`)
	h := durable.NewHandler(func(ctx durable.Context, numbers []int) ([]int, error) {
		result, err := durable.Map(ctx, "double", numbers, func(ctx durable.Context, n, _ int) (int, error) {
			return durable.Step(ctx, fmt.Sprint("double-", n), func(context.Context) (int, error) { return 2 * n, nil })
		}, durable.WithFlat(), durable.WithMaxConcurrency(1))
		return result.Values(), err
	}, durable.WithClient(svc))
	simulate(h, svc)
	for _, op := range svc.ops {
		fmt.Println(op.SubType, op.Name)
	}
	// Output:
	// succeeded: [2,4]
	// Map double
	// Step double-1
	// Step double-2
}

// Most of a mailing is good enough.
func ExampleWithToleratedFailurePercentage() {
	svc := simulated(`["ada@example.com","nowhere","bob@example.com","eve@example.com"]`)
	h := durable.NewHandler(func(ctx durable.Context, addresses []string) (string, error) {
		result, err := durable.Map(ctx, "mailing", addresses, func(ctx durable.Context, address string, _ int) (string, error) {
			if !strings.Contains(address, "@") {
				return "", errors.New("no such address")
			}
			return address, nil
		}, durable.WithToleratedFailurePercentage(25))
		return fmt.Sprintf("%d sent, %d failed", len(result.Values()), len(result.Only(protocol.StatusFailed))), err
	}, durable.WithClient(svc))
	simulate(h, svc)
	// Output: succeeded: "3 sent, 1 failed"
}

// People who read the history see which order an item is about.
func ExampleWithItemNames() {
	type Order struct{ ID string }
	svc := simulated(`[{"ID":"o-17"},{"ID":"o-18"}]`)
	h := durable.NewHandler(func(ctx durable.Context, orders []Order) (int, error) {
		result, err := durable.Map(ctx, "orders", orders, func(ctx durable.Context, o Order, _ int) (int, error) {
			return len(o.ID), nil
		}, durable.WithItemNames(func(i int) string { return "order-" + orders[i].ID }))
		for _, item := range result.Items {
			fmt.Println(item.Name)
		}
		return len(result.Values()), err
	}, durable.WithClient(svc))
	simulate(h, svc)
	// Output:
	// order-o-17
	// order-o-18
	// succeeded: 2
}

// secret writes texts so that they do not meet the eye of those who read the
// history.
var secret = durable.SerdesOf(
	func(_ context.Context, v string) ([]byte, error) { return []byte(fmt.Sprintf("%x", v)), nil },
	func(_ context.Context, data []byte) (v string, err error) {
		_, err = fmt.Sscanf(string(data), "%x", &v)
		return v, err
	})

// Each item's result is written by a Serdes of its own, the batch as ever.
func ExampleWithItemSerdes() {
	svc := simulated(`["ada","bob"]`)
	h := durable.NewHandler(func(ctx durable.Context, names []string) ([]string, error) {
		result, err := durable.Map(ctx, "greet", names, func(ctx durable.Context, name string, _ int) (string, error) {
			return "hello " + name, nil
		}, durable.WithItemSerdes(secret))
		return result.Values(), err
	}, durable.WithClient(svc))
	simulate(h, svc)
	fmt.Println("recorded of the first:", *svc.ops[1].Payload)
	// Output:
	// succeeded: ["hello ada","hello bob"]
	// recorded of the first: 68656c6c6f20616461
}

// The worker that has the callback's id is known to be dead before the day is
// over on which it should have answered.
func ExampleWithHeartbeat() {
	svc := simulated(`{}`)
	h := durable.NewHandler(func(ctx durable.Context, _ any) (string, error) {
		_, err := durable.WaitForCallback[string](ctx, "render", func(ctx context.Context, callbackID string) error {
			return nil // give it to the worker
		}, durable.WithTimeout(24*time.Hour), durable.WithHeartbeat(time.Minute))
		var timeout *durable.CallbackTimeoutError
		if errors.As(err, &timeout) && timeout.Heartbeat {
			return "the worker is dead", nil
		}
		return "rendered", err
	}, durable.WithClient(svc))
	simulate(h, svc)
	// Output: succeeded: "the worker is dead"
}

// A function in another language takes something else than JSON, and answers
// with JSON.
func ExampleWithPayloadSerdes() {
	svc := simulated(`{}`)
	svc.targets = map[string]func(string) settling{"legacy:1": func(payload string) settling {
		fmt.Println("it got", payload)
		return succeeds(time.Second, `{"Sum":3}`)
	}}
	h := durable.NewHandler(func(ctx durable.Context, _ any) (int, error) {
		type answer struct{ Sum int }
		legacy := durable.Function[[]byte, answer]{Name: "legacy:1"}
		a, err := legacy.Invoke(ctx, "add", []byte(`ADD 1 2`), durable.WithPayloadSerdes(durable.Raw))
		return a.Sum, err
	}, durable.WithClient(svc))
	simulate(h, svc)
	// Output:
	// it got ADD 1 2
	// succeeded: 3
}

// A function that isolates its tenants is called on behalf of one.
func ExampleWithTenantID() {
	svc := simulated(`{"Tenant":"acme"}`)
	svc.targets = map[string]func(string) settling{"report:1": func(string) settling { return succeeds(time.Second, `"ready"`) }}
	h := durable.NewHandler(func(ctx durable.Context, in struct{ Tenant string }) (string, error) {
		report := durable.Function[string, string]{Name: "report:1"}
		return report.Invoke(ctx, "report", "2026-11", durable.WithTenantID(in.Tenant))
	}, durable.WithClient(svc))
	simulate(h, svc)
	fmt.Println("on behalf of", svc.calls[0][0].ChainedInvokeOptions.TenantID)
	// Output:
	// succeeded: "ready"
	// on behalf of acme
}

// A trace that began elsewhere, and came with the event, goes on in the
// function that is called.
func ExampleWithTraceHeader() {
	svc := simulated(`{"Trace":"Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"}`)
	svc.targets = map[string]func(string) settling{"report:1": func(string) settling { return succeeds(time.Second, `"ready"`) }}
	h := durable.NewHandler(func(ctx durable.Context, in struct{ Trace string }) (string, error) {
		report := durable.Function[string, string]{Name: "report:1"}
		return report.Invoke(ctx, "report", "2026-11", durable.WithTraceHeader(in.Trace))
	}, durable.WithClient(svc))
	simulate(h, svc)
	fmt.Println(svc.calls[0][0].ChainedInvokeOptions.XAmznTraceID)
	// Output:
	// succeeded: "ready"
	// Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1
}

// Tools that read histories find all payments, whatever they are called.
func ExampleWithSubType() {
	svc := simulated(`{}`)
	h := durable.NewHandler(func(ctx durable.Context, _ any) (string, error) {
		return durable.Step(ctx, "charge-card", func(context.Context) (string, error) { return "tx-17", nil },
			durable.WithSubType("Payment"))
	}, durable.WithClient(svc))
	simulate(h, svc)
	fmt.Println(svc.ops[0].Type, svc.ops[0].SubType, svc.ops[0].Name)
	// Output:
	// succeeded: "tx-17"
	// STEP Payment charge-card
}

// While looking for a mistake: what does each invocation run again?
func ExampleWithReplayLogs() {
	svc := simulated(`{}`)
	var log bytes.Buffer
	h := durable.NewHandler(func(ctx durable.Context, _ any) (string, error) {
		ctx.Logger().Info("before the wait")
		if err := durable.Wait(ctx, "a-day", 24*time.Hour); err != nil {
			return "", err
		}
		ctx.Logger().Info("after the wait")
		return "done", nil
	}, durable.WithClient(svc), durable.WithReplayLogs(), durable.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	simulate(h, svc)
	for line := range strings.Lines(log.String()) {
		fmt.Println(line[strings.Index(line, `msg="`)+5:strings.Index(line, ` the wait"`)], strings.Contains(line, "replay=true"))
	}
	// Output:
	// succeeded: "done"
	// before false
	// before true
	// after false
}

// A function that is suspected of using a context on the wrong goroutine is
// checked in production, too.
func ExampleWithGoroutineChecks() {
	svc := simulated(`{}`)
	h := durable.NewHandler(func(ctx durable.Context, _ any) (int, error) {
		n := make(chan int)
		go func() { // durable.Go would be right
			defer close(n)
			v, _ := durable.Step(ctx, "count", func(context.Context) (int, error) { return 3, nil })
			n <- v
		}()
		return <-n, nil
	}, durable.WithClient(svc), durable.WithGoroutineChecks(true))
	out := svc.run(h)
	message, _, _ := strings.Cut(out.errorText(), ":")
	fmt.Println(message)
	// Output: MisuseError
}
