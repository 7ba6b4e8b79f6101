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
)

func TestStepTimeout(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		h := stepHandler(svc, func(ctx context.Context) (int, error) {
			if durable.Attempt(ctx) < 3 {
				<-ctx.Done()
				return 0, fmt.Errorf("calling: %w", ctx.Err())
			}
			return 7, nil
		}, durable.WithTimeout(time.Minute), durable.WithRetry(retry.Fixed(3, time.Second)))
		start := time.Now()
		if out := svc.run(h); out.result() != "7" || time.Since(start) != 2*time.Minute+2*time.Second {
			t.Errorf("got %s %s after %v, want 7 after 2m2s", out.result(), out.errorText(), time.Since(start))
		}
	})
}

// The timeout is found on the first run and on replay, and by the policy.
func TestStepTimeoutError(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		seen, asked := 0, 0
		svc.run(durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
			_, err := durable.Step(ctx, "s", func(ctx context.Context) (int, error) {
				<-ctx.Done()
				return 0, ctx.Err()
			}, durable.WithTimeout(time.Second), durable.WithRetry(retry.Policy{RetryIf: func(err error) bool {
				asked++
				return !errors.Is(err, durable.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded)
			}}))
			seen++
			var timeout *durable.StepTimeoutError
			if !errors.Is(err, durable.ErrTimeout) || !errors.As(err, &timeout) || timeout.Timeout != time.Second || timeout.Attempt != 1 {
				t.Errorf("got %v, want a StepTimeoutError", err)
			}
			if want := `step "s" failed: attempt 1 of step "s" took longer than 1s: context deadline exceeded`; err.Error() != want {
				t.Errorf("got %q, want %q", err, want)
			}
			return nil, durable.Wait(ctx, "", time.Second)
		}, durable.WithClient(svc)))
		if seen != 2 || asked != 1 {
			t.Errorf("seen %d times, the policy was asked %d times; want 2 and 1", seen, asked)
		}
	})
}

// A body that makes it after all, and one that fails for its own reasons, are
// not timeouts.
func TestStepTimeoutIsNotTheReason(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		out := svc.run(stepHandler(svc, func(context.Context) (int, error) { time.Sleep(time.Minute); return 1, nil },
			durable.WithTimeout(time.Second)))
		if out.result() != "1" {
			t.Errorf("got %s %s, want the result that came late", out.result(), out.errorText())
		}
	})
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		out := svc.run(stepHandler(svc, func(context.Context) (int, error) { return 0, errors.New("no") }, durable.WithTimeout(time.Hour),
			durable.WithRetry(retry.None())))
		if out.errorText() != `StepError: step "s" failed: no` {
			t.Errorf("got %s", out.errorText())
		}
	})
}

// killer is a handler whose step ends the invocation from inside, n times.
func killer(svc *service, n int, crash *context.CancelFunc, opts ...durable.StepOption) *durable.Handler {
	runs := 0
	return stepHandler(svc, func(context.Context) (int, error) {
		if runs++; runs <= n {
			(*crash)()
		}
		return runs, nil
	}, opts...)
}

// survive runs h to its end, however often an invocation ends within.
func survive(t *testing.T, svc *service, h *durable.Handler, crash *context.CancelFunc) output {
	for range 50 {
		var ctx context.Context
		ctx, *crash = context.WithCancel(t.Context())
		out, err := svc.invokeWith(ctx, h)
		(*crash)()
		switch {
		case err != nil:
		case out.Status == "PENDING":
			svc.sleep()
		default:
			return out
		}
	}
	t.Error("the execution did not end")
	return output{}
}

func TestAttemptBudget(t *testing.T) {
	never := durable.WithRetry(retry.None())
	for name, test := range map[string]struct {
		kills int
		opts  []durable.StepOption
		want  string
	}{
		"spent": {9, []durable.StepOption{durable.WithAttemptBudget(3), never},
			`StepInterruptedError: step "s" failed after 3 attempts: attempt 3 of step "s" was interrupted: its outcome is unknown`},
		"one": {9, []durable.StepOption{durable.WithAttemptBudget(1)},
			`StepInterruptedError: step "s" failed: attempt 1 of step "s" was interrupted: its outcome is unknown`},
		"enough": {2, []durable.StepOption{durable.WithAttemptBudget(3), never}, "3"},
		"none":   {20, nil, "21"},
		"at most once, retries": {9, []durable.StepOption{durable.WithAttemptBudget(2), durable.WithAtMostOncePerRetry()},
			`StepInterruptedError: step "s" failed after 2 attempts: attempt 2 of step "s" was interrupted: its outcome is unknown`},
		"at most once, never": {9, []durable.StepOption{durable.WithAttemptBudget(2), durable.WithAtMostOncePerRetry(), never},
			`StepInterruptedError: step "s" failed: attempt 1 of step "s" was interrupted: its outcome is unknown`},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, `{}`)
				var crash context.CancelFunc
				out := survive(t, svc, killer(svc, test.kills, &crash, test.opts...), &crash)
				if got := out.result() + out.errorText(); got != test.want {
					t.Errorf("got %s, want %s", got, test.want)
				}
			})
		})
	}
}

func TestAttemptBudgetOfHandler(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		var crash context.CancelFunc
		h := durable.NewHandler(func(ctx durable.Context, _ any) (int, error) {
			return durable.Step(ctx, "s", func(context.Context) (int, error) { crash(); return 0, nil })
		}, durable.WithClient(svc), durable.WithAttemptBudget(4))
		out := survive(t, svc, h, &crash)
		if !strings.Contains(out.errorText(), "failed after 4 attempts") {
			t.Errorf("got %s %s, want a failure after 4 attempts", out.result(), out.errorText())
		}
		want := []string{"StepStarted s", "StepFailed s", "StepStarted s", "StepFailed s", "StepStarted s", "StepFailed s", "StepStarted s",
			"StepFailed s"}
		if diff := cmp.Diff(want, svc.events); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// Failures count for the budget too, whatever the policy would allow.
func TestAttemptBudgetBoundsRetries(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		out := svc.run(stepHandler(svc, func(context.Context) (int, error) { return 0, errors.New("no") },
			durable.WithAttemptBudget(2), durable.WithRetry(retry.Fixed(9, time.Second))))
		if want := `StepError: step "s" failed after 2 attempts: no`; out.errorText() != want {
			t.Errorf("got %s, want %s", out.errorText(), want)
		}
	})
}

func TestStepLimitsBadInput(t *testing.T) {
	with := func(opts ...durable.StepOption) func(durable.Context) error {
		return func(ctx durable.Context) error { _, err := durable.Step(ctx, "x", one, opts...); return err }
	}
	for want, call := range map[string]func(durable.Context) error{
		"the timeout is 0s; it must be positive":  with(durable.WithTimeout(0)),
		"the attempt budget is 0":                 with(durable.WithAttemptBudget(0)),
		`the subtype "Step" is one that the SDKs`: with(durable.WithSubType("Step")),
	} {
		refusedAtTheCall(t, "durable.Step", want, call)
	}
}

// An attempt that takes too long is ended, and made again.
func ExampleWithTimeout() {
	svc := simulated(`{}`)
	handler := func(ctx durable.Context, _ struct{}) (string, error) {
		return durable.Step(ctx, "ask", func(ctx context.Context) (string, error) {
			if durable.Attempt(ctx) == 1 {
				<-ctx.Done() // nobody answers
				return "", ctx.Err()
			}
			return "answer", nil
		}, durable.WithTimeout(10*time.Millisecond))
	}
	simulate(durable.NewHandler(handler, durable.WithClient(svc)), svc)
	// Output: succeeded: "answer"
}

// A step that kills the function is not begun for ever.
func ExampleWithAttemptBudget() {
	svc := simulated(`{}`)
	handler := func(ctx durable.Context, _ struct{}) (string, error) {
		return durable.Step(ctx, "render", func(context.Context) (string, error) {
			return "rendered", nil // or out of memory
		}, durable.WithAttemptBudget(3))
	}
	simulate(durable.NewHandler(handler, durable.WithClient(svc)), svc)
	// Output: succeeded: "rendered"
}
