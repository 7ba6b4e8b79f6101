package durable_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
)

// A step runs once; what it returned is there on every later run. The handler
// runs twice here, because of the wait.
func ExampleStep() {
	svc := simulated(`"order-1"`)
	handler := func(ctx durable.Context, orderID string) (string, error) {
		tx, err := durable.Step(ctx, "charge", func(context.Context) (string, error) {
			fmt.Println("charging", orderID)
			return "tx-17", nil
		})
		if err != nil {
			return "", err
		}
		if err := durable.Wait(ctx, "cooling-off", 24*time.Hour); err != nil {
			return "", err
		}
		return tx, nil
	}
	simulate(durable.NewHandler(handler, durable.WithClient(svc)), svc)
	// Output:
	// charging order-1
	// succeeded: "tx-17"
}

// A wait costs nothing while it lasts: the function does not run.
func ExampleWait() {
	svc := simulated(`{}`)
	handler := func(ctx durable.Context, _ struct{}) (string, error) {
		fmt.Println("running")
		if err := durable.Wait(ctx, "a-week", 7*24*time.Hour); err != nil {
			return "", err
		}
		return "done", nil
	}
	simulate(durable.NewHandler(handler, durable.WithClient(svc)), svc)
	// Output:
	// running
	// running
	// succeeded: "done"
}

// An invoice is reminded of when it is due, whenever that is computed to be. If
// it has been due for long there is nothing to wait for.
func ExampleWaitUntil() {
	svc := simulated(`{"after": 30}`)
	handler := func(ctx durable.Context, invoice struct{ After int }) (string, error) {
		for _, days := range []int{-5, invoice.After} {
			if err := durable.WaitUntil(ctx, "due", ctx.StartTime().AddDate(0, 0, days)); err != nil {
				return "", err
			}
		}
		return "reminded", nil
	}
	simulate(durable.NewHandler(handler, durable.WithClient(svc)), svc)
	for _, op := range svc.ops {
		fmt.Println(op.ID, op.Name, op.Status)
	}
	// Output:
	// succeeded: "reminded"
	// 2 due SUCCEEDED
}

// A child context makes one operation of several.
func ExampleRunInChildContext() {
	svc := simulated(`{}`)
	fetch := func(n int) func(context.Context) (int, error) {
		return func(context.Context) (int, error) { return n, nil }
	}
	handler := func(ctx durable.Context, _ struct{}) (int, error) {
		return durable.RunInChildContext(ctx, "sum", func(ctx durable.Context) (int, error) {
			a, err := durable.Step(ctx, "fetch-a", fetch(20))
			if err != nil {
				return 0, err
			}
			b, err := durable.Step(ctx, "fetch-b", fetch(22))
			return a + b, err
		})
	}
	simulate(durable.NewHandler(handler, durable.WithClient(svc)), svc)
	// Output: succeeded: 42
}

// Attempts are minutes apart, and the function does not run in between.
func ExampleWithRetry() {
	svc := simulated(`{}`)
	errBusy := errors.New("busy")
	handler := func(ctx durable.Context, _ struct{}) (string, error) {
		return durable.Step(ctx, "call", func(ctx context.Context) (string, error) {
			fmt.Println("attempt", durable.Attempt(ctx))
			if durable.Attempt(ctx) < 3 {
				return "", errBusy
			}
			return "answer", nil
		}, durable.WithRetry(retry.Policy{
			MaxAttempts: 5,
			Delay:       time.Minute,
			RetryIf:     retry.Is(errBusy),
		}))
	}
	simulate(durable.NewHandler(handler, durable.WithClient(svc)), svc)
	// Output:
	// attempt 1
	// attempt 2
	// attempt 3
	// succeeded: "answer"
}

// For work that must never be done twice, and may be left undone: an attempt
// that was interrupted is not made again.
func ExampleWithAtMostOncePerRetry() {
	svc := simulated(`{}`)
	handler := func(ctx durable.Context, _ struct{}) (string, error) {
		return durable.Step(ctx, "send-letter", func(context.Context) (string, error) {
			return "sent", nil
		}, durable.WithAtMostOncePerRetry(), durable.WithRetry(retry.None()))
	}
	simulate(durable.NewHandler(handler, durable.WithClient(svc)), svc)
	// Output: succeeded: "sent"
}

// Each line is written once, though the handler runs twice.
func ExampleContext_logger() {
	svc := simulated(`{}`)
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == "executionArn" {
				return slog.Attr{}
			}
			return a
		},
	}))
	handler := func(ctx durable.Context, _ struct{}) (string, error) {
		ctx.Logger().Info("started")
		if _, err := durable.Step(ctx, "look-up", func(ctx context.Context) (int, error) {
			durable.Logger(ctx).Info("looking up")
			return 1, nil
		}); err != nil {
			return "", err
		}
		if err := durable.Wait(ctx, "pause", time.Minute); err != nil {
			return "", err
		}
		ctx.Logger().Info("resumed")
		return "done", nil
	}
	simulate(durable.NewHandler(handler, durable.WithClient(svc), durable.WithLogger(logger)), svc)
	// Output:
	// level=INFO msg=started
	// level=INFO msg="looking up" operationId=1 operationName=look-up attempt=1
	// level=INFO msg=resumed
	// succeeded: "done"
}

// Declined is an error of the user's own.
type Declined struct{ Reason string }

func (d *Declined) Error() string { return "declined: " + d.Reason }

// A declared error type is found by errors.As, on the first run and later.
func ExampleWithErrors() {
	svc := simulated(`{}`)
	handler := func(ctx durable.Context, _ struct{}) (string, error) {
		_, err := durable.Step(ctx, "charge", func(context.Context) (string, error) {
			return "", &Declined{Reason: "no funds"}
		}, durable.WithRetry(retry.None()))
		if err := durable.Wait(ctx, "pause", time.Minute); err != nil {
			return "", err
		}
		var declined *Declined
		if errors.As(err, &declined) { // err comes out of the history now
			return "please call: " + declined.Reason, nil
		}
		return "paid", err
	}
	h := durable.NewHandler(handler, durable.WithClient(svc),
		durable.WithErrors(durable.ErrorType[*Declined]("Declined")))
	simulate(h, svc)
	// Output: succeeded: "please call: no funds"
}
