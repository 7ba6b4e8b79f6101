package durable_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/durabletest"
)

// everything is a workflow of all single operations. What the real service
// makes of them is what these tests are about: that it takes every update, and
// that a crash on either side of each changes nothing.
func everything(ctx durable.Context, _ struct{}) (string, error) {
	var did []string
	note := func(s string, err error) error {
		did = append(did, s)
		return err
	}
	price := durable.Function[int, int]{Name: "price:1"}
	n, err := durable.Invoke(ctx, "invoke", price, 20)
	if err := note(fmt.Sprint("invoked ", n), err); err != nil {
		return "", err
	}
	cb, err := durable.CreateCallback[string](ctx, "callback", durable.WithTimeout(time.Hour), durable.WithHeartbeat(time.Minute))
	if err != nil {
		return "", err
	}
	sent, err := cb.Result(ctx)
	if err := note("sent "+sent, err); err != nil {
		return "", err
	}
	approved, err := durable.WaitForCallback[bool](ctx, "approval", func(context.Context, string) error { return nil })
	if err := note(fmt.Sprint("approved ", approved), err); err != nil {
		return "", err
	}
	polls, err := durable.WaitForCondition(ctx, "condition", 0,
		func(_ context.Context, n int) (int, bool, error) { return n + 1, n == 2, nil })
	if err := note(fmt.Sprint("polled ", polls), err); err != nil {
		return "", err
	}
	note(fmt.Sprint("version ", durable.Version(ctx, "version", 1)), nil)
	start := durable.Now(ctx)
	_, err = durable.RunInChildContext(ctx, "bounded",
		func(ctx durable.Context) (int, error) { return 1, durable.Wait(ctx, "long", time.Hour) }, durable.WithTimeout(time.Minute))
	if !errors.Is(err, durable.ErrTimeout) {
		return "", fmt.Errorf("it was not timed out: %w", err)
	}
	took := durable.Now(ctx).Sub(start).Round(10 * time.Second)
	_, err = durable.RunInChildContext(ctx, "in-time",
		func(ctx durable.Context) (int, error) { return 1, durable.Wait(ctx, "short", time.Second) }, durable.WithTimeout(time.Minute))
	if err := note(fmt.Sprint("took ", took), err); err != nil {
		return "", err
	}
	_, err = durable.RunSaga(ctx, "saga", func(ctx durable.Context, saga *durable.Saga) (int, error) {
		saga.Compensate("undo", func(context.Context) error { return nil })
		return durable.Step(ctx, "do", func(context.Context) (int, error) { return 0, errors.New("no") }, durable.WithRetry(retry.None()),
			durable.WithAttemptBudget(2))
	})
	note(fmt.Sprint(err), nil)
	return strings.Join(did, ", "), nil
}

// answers plays the world outside.
func answers(t *testing.T, x *durabletest.Execution) {
	durabletest.Stub(x, "price:1", func(_ context.Context, n int) (int, error) { return n + 1, nil })
	x.SucceedCallback(x.Callback("callback"), "hello")
	x.SucceedCallback(x.Callback("approval"), "true")
}

const everythingDone = `invoked 21, sent hello, approved true, polled 3, version 1, took 1m0s, child context "saga" failed: step "do" failed: no`

func TestOnTheEngine(t *testing.T) {
	for name, opts := range map[string][]durable.HandlerOption{"plain": nil, "pipelined": {durable.WithPipelining()}} {
		t.Run(name, func(t *testing.T) {
			result := durabletest.Drive(t, everything, struct{}{}, answers, opts...)
			if got := result.Output(); got != everythingDone {
				t.Errorf("got %s\nwant %s", got, everythingDone)
			}
			if op := result.Operation("version"); op.SubType != "Version" || op.Status != "SUCCEEDED" {
				t.Errorf("the version was recorded as %+v", op)
			}
		})
	}
}

func TestCrashesOnTheEngine(t *testing.T) {
	for _, name := range []string{"invoke", "callback", "approval", "condition", "version", "bounded", "in-time", "saga", "do", "undo"} {
		for where, plan := range map[string]func(*durabletest.Execution, string){"before": (*durabletest.Execution).CrashBefore,
			"after": (*durabletest.Execution).CrashAfter} {
			crash := func(t *testing.T, opts ...durable.HandlerOption) {
				result := durabletest.Drive(t, everything, struct{}{}, func(t *testing.T, x *durabletest.Execution) {
					plan(x, name)
					answers(t, x)
				}, opts...)
				// The budget of a step counts a crash that hid how it ended.
				got := strings.Replace(result.Output(), "failed after 2 attempts", "failed", 1)
				if got != everythingDone {
					t.Errorf("got %s\nwant %s", got, everythingDone)
				}
			}
			t.Run(where+" "+name, func(t *testing.T) { t.Parallel(); crash(t) })
			t.Run(where+" "+name+", pipelined", func(t *testing.T) { t.Parallel(); crash(t, durable.WithPipelining()) })
		}
	}
}

// A pause takes effect wherever it comes, and changes nothing.
func TestPausesOnTheEngine(t *testing.T) {
	for _, name := range []string{"condition", "bounded", "in-time"} {
		pause := func(t *testing.T, opts ...durable.HandlerOption) {
			result := durabletest.Drive(t, everything, struct{}{}, func(t *testing.T, x *durabletest.Execution) {
				answers(t, x)
				x.Await(name)
				x.Pause()
				x.Advance(0)
				x.Resume()
			}, opts...)
			if got := result.Output(); got != everythingDone {
				t.Errorf("got %s\nwant %s", got, everythingDone)
			}
		}
		t.Run(name, func(t *testing.T) { t.Parallel(); pause(t) })
		t.Run(name+", pipelined", func(t *testing.T) { t.Parallel(); pause(t, durable.WithPipelining()) })
	}
}

// What loses a race is left where it is: nothing waits for it any more.
func TestLosersOnTheEngine(t *testing.T) {
	price := durable.Function[int, int]{Name: "price:1"}
	for name, loser := range map[string]func(durable.Context) (int, error){
		"invoke": func(ctx durable.Context) (int, error) { return price.Invoke(ctx, "slow", 1) },
		"callback": func(ctx durable.Context) (int, error) {
			return durable.WaitForCallback[int](ctx, "slow", func(context.Context, string) error { return nil })
		},
		"condition": func(ctx durable.Context) (int, error) {
			return durable.WaitForCondition(ctx, "slow", 0, func(context.Context, int) (int, bool, error) { return 0, false, nil })
		},
		"with a deadline": func(ctx durable.Context) (int, error) {
			return durable.RunInChildContext(ctx, "slow",
				func(ctx durable.Context) (int, error) { return 1, durable.Wait(ctx, "", time.Hour) }, durable.WithTimeout(30*time.Minute))
		},
		"callback's result": func(ctx durable.Context) (int, error) {
			cb, err := durable.CreateCallback[int](ctx, "slow")
			return 1, errors.Join(err, second(cb.Result(ctx)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			result := durabletest.Drive(t, func(ctx durable.Context, _ struct{}) (int, error) {
				n, err := durable.Race(ctx, "race", durable.Go(ctx, "loser", loser),
					durable.Go(ctx, "winner", func(ctx durable.Context) (int, error) { return 7, durable.Wait(ctx, "", 10*time.Second) }))
				return n, errors.Join(err, durable.Wait(ctx, "after", time.Second))
			}, struct{}{}, func(t *testing.T, x *durabletest.Execution) {
				durabletest.Stub(x, "price:1", func(ctx context.Context, n int) (int, error) {
					time.Sleep(10 * time.Minute)
					return n, nil
				}).Optional()
			})
			if got := result.Output(); got != 7 || result.Elapsed > 15*time.Second {
				t.Errorf("got %d after %v, want 7 after 11s", got, result.Elapsed)
			}
			for _, op := range result.History.Operations() {
				if op.Type == "WAIT" && !op.Status.Closed() {
					t.Errorf("wait %s %q was left behind", op.ID, op.Name)
				}
			}
		})
	}
}

// The history of a callback inside of its context, as the conformance suite
// wants it.
func TestWaitForCallbackHistory(t *testing.T) {
	result := durabletest.Drive(t, func(ctx durable.Context, _ struct{}) (string, error) {
		return durable.WaitForCallback[string](ctx, "approval", func(context.Context, string) error { return nil })
	}, struct{}{}, func(t *testing.T, x *durabletest.Execution) { x.SucceedCallback(x.Callback("approval"), "yes") })
	result.Output()
	var types []string
	for _, line := range strings.Split(strings.TrimSpace(result.History.String()), "\n") {
		types = append(types, strings.Fields(line)[1])
	}
	want := []string{
		"ExecutionStarted", "ContextStarted", "CallbackStarted", "StepStarted", "StepSucceeded", "InvocationCompleted",
		"CallbackSucceeded", "ContextSucceeded", "InvocationCompleted", "ExecutionSucceeded",
	}
	if diff := cmp.Diff(want, types); diff != "" {
		t.Errorf("events (-want +got):\n%s\n%s", diff, result.History)
	}
}
