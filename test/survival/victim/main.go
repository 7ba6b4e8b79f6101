// Command victim is the function that the survival test kills. It is an order
// workflow whose steps write down each run of their bodies, so that the test
// can hold what ran against what was recorded.
package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
)

// job is the event, with which the test chooses: how long to wait, and whether to wait for a callback and to invoke
// another order.
type job struct {
	WaitSeconds int  `json:"wait_seconds"`
	Approval    bool `json:"approval"`
	Child       bool `json:"child"`
}

func main() { durable.Start(handle) }

func handle(ctx durable.Context, j job) (string, error) {
	// An interrupted at-most-once attempt counts, so there must be more
	// attempts than anybody can kill.
	often := durable.WithRetry(retry.Policy{MaxAttempts: 1000, Delay: time.Second, Multiplier: 1, Jitter: retry.NoJitter})
	if _, err := durable.Step(ctx, "validate", body("validate"), often); err != nil {
		return "", err
	}
	if _, err := durable.Step(ctx, "charge", body("charge"), often, durable.WithAtMostOncePerRetry()); err != nil {
		return "", err
	}
	if j.WaitSeconds > 0 {
		if err := durable.Wait(ctx, "confirmation", time.Duration(j.WaitSeconds)*time.Second); err != nil {
			return "", err
		}
	}
	if j.Approval {
		if _, err := durable.WaitForCallback[string](ctx, "approval", submit, often); err != nil {
			return "", err
		}
	}
	if j.Child {
		child := durable.Function[job, string]{Name: "victim:$LATEST"}
		if _, err := child.Invoke(ctx, "part", job{}); err != nil {
			return "", err
		}
	}
	return durable.Step(ctx, "fulfil", body("fulfil"), often)
}

// body returns a step body that notes its run in one line of the log, works for
// a moment, and returns a value that no other run returns.
func body(step string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		nonce := fmt.Sprintf("%016x", rand.Uint64())
		if err := note(durable.ExecutionARN(ctx), step, durable.Attempt(ctx), nonce); err != nil {
			return "", err
		}
		time.Sleep(time.Duration(rand.IntN(30)) * time.Millisecond)
		return nonce, nil
	}
}

// submit writes down the id of the callback, so that the test can complete it.
func submit(ctx context.Context, callbackID string) error {
	return note(durable.ExecutionARN(ctx), "approval", durable.Attempt(ctx), callbackID)
}

// note appends a line with a single write, which a kill cannot cut in two.
func note(arn, step string, attempt int, nonce string) error {
	f, err := os.OpenFile(os.Getenv("VICTIM_LOG"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = fmt.Fprintf(f, "%s %s %d %s %d\n", arn, step, attempt, nonce, time.Now().UnixMilli())
	return err
}
