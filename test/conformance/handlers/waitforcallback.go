package main

import (
	"context"
	"errors"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/protocol"
)

var callbackWaits = suite{
	"7-1": serve(func(ctx durable.Context, name string) (string, error) { return waitForCallback(ctx, name) }),
	"7-2": serve(func(ctx durable.Context, _ any) (string, error) { return waitForCallback(ctx, "approval") }),
	"7-3": serve(func(ctx durable.Context, _ any) (string, error) { return waitForCallback(ctx, "") }),
	"7-4": serve(func(ctx durable.Context, name string) (string, error) { return waitForCallback(ctx, name) }),
	"7-5": serve(func(ctx durable.Context, name string) (string, error) {
		return waitForCallback(ctx, name, durable.WithTimeout(3*time.Second))
	}),
	"7-6": serve(func(ctx durable.Context, name string) (string, error) {
		return recoveredCallback(ctx, name, "recovered")
	}),
	"7-7":  serve(failingSubmitter),
	"7-8":  serve(callbackInChild),
	"7-9":  serve(twoCallbackWaits),
	"7-10": serve(waitStepCallback),
	"7-11": serve(callbackOfJSON),
	"7-12": serve(func(ctx durable.Context, name string) (string, error) {
		return waitForCallback(ctx, name, durable.WithHeartbeat(5*time.Second))
	}),
	"7-13": serve(func(ctx durable.Context, name string) (string, error) {
		return waitForCallback(ctx, name, durable.WithHeartbeat(10*time.Second))
	}),
	"7-14": serve(func(ctx durable.Context, name string) (string, error) {
		return recoveredCallback(ctx, name, "timed-out-handled", durable.WithTimeout(3*time.Second))
	}),
	"7-15": serve(func(ctx durable.Context, name string) (*string, error) {
		return durable.WaitForCallback[*string](ctx, name, submit)
	}),
}

// submit would give the id to who completes the callback; here that one finds
// it in the history.
func submit(context.Context, string) error { return nil }

func waitForCallback(ctx durable.Context, name string, opts ...durable.WaitForCallbackOption) (string, error) {
	return durable.WaitForCallback[string](ctx, name, submit, opts...)
}

func recoveredCallback(ctx durable.Context, name, recovered string, opts ...durable.WaitForCallbackOption) (string, error) {
	_, err := waitForCallback(ctx, name, opts...)
	if _, failed := durable.Failed(err, protocol.SubTypeCallback); !failed {
		return "", errors.New("the wait did not fail with a CallbackError")
	}
	return recovered, nil
}

func failingSubmitter(ctx durable.Context, name string) (string, error) {
	return durable.WaitForCallback[string](ctx, name, func(context.Context, string) error {
		return errors.New("the submitter always fails")
	}, retrySoon)
}

func callbackInChild(ctx durable.Context, name string) (string, error) {
	return durable.RunInChildContext(ctx, "wrapper", func(ctx durable.Context) (string, error) {
		return waitForCallback(ctx, name)
	})
}

func twoCallbackWaits(ctx durable.Context, _ any) (string, error) {
	if _, err := waitForCallback(ctx, "first"); err != nil {
		return "", err
	}
	return waitForCallback(ctx, "second")
}

func waitStepCallback(ctx durable.Context, name string) (string, error) {
	if err := durable.Wait(ctx, "", time.Second); err != nil {
		return "", err
	}
	if _, err := constant(ctx, "step", "data"); err != nil {
		return "", err
	}
	return waitForCallback(ctx, name)
}

func callbackOfJSON(ctx durable.Context, name string) (string, error) {
	answer, err := durable.WaitForCallback[struct{ Status string }](ctx, name, submit, durable.WithSerdes(durable.JSON))
	return answer.Status, err
}
