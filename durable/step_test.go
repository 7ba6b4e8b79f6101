package durable_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/protocol"
)

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

func TestStepRetries(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		var attempts []int
		var keys []string
		h := stepHandler(svc, func(ctx context.Context) (int, error) {
			attempts = append(attempts, durable.Attempt(ctx))
			keys = append(keys, durable.IdempotencyKey(ctx))
			if len(attempts) < 3 {
				return 0, errors.New("busy")
			}
			return 7, nil
		}, durable.WithRetry(retry.Fixed(3, 10*time.Second)))
		start := time.Now()
		out := svc.run(h)
		if out.result() != "7" || time.Since(start) != 20*time.Second {
			t.Errorf("got %s %s after %v, want 7 after 20s", out.result(), out.errorText(), time.Since(start))
		}
		if diff := cmp.Diff([]int{1, 2, 3}, attempts); diff != "" {
			t.Errorf("attempts (-want +got):\n%s", diff)
		}
		if want := testARN + "/1"; keys[0] != want || keys[2] != want {
			t.Errorf("got idempotency keys %q, want %q each time", keys, want)
		}
		want := []string{"StepStarted s", "StepFailed s", "StepStarted s", "StepFailed s", "StepStarted s", "StepSucceeded s"}
		if diff := cmp.Diff(want, svc.events); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if svc.invocations != 3 || len(svc.calls) != 3 {
			t.Errorf("got %d invocations, %d checkpoints; want 3 and 3", svc.invocations, len(svc.calls))
		}
	})
}

// What code sees of a failed step is the same on the first run and on replay.
func TestStepFails(t *testing.T) {
	declined := &cardDeclined{Code: 51}
	for name, test := range map[string]struct {
		body func(context.Context) (int, error)
		want string // the recorded error
		text string // what the handler got
	}{
		"plain error": {
			func(context.Context) (int, error) { return 0, errors.New("no stock") },
			"Error: no stock", `step "s" failed after 2 attempts: no stock`,
		},
		"wrapped": {
			func(context.Context) (int, error) { return 0, fmt.Errorf("charging: %w", declined) },
			"CardDeclined: charging: declined with 51", `step "s" failed after 2 attempts: charging: declined with 51`,
		},
		"sentinel": {
			func(context.Context) (int, error) { return 0, fmt.Errorf("reading: %w", errSentinel) },
			"Sentinel: reading: the sentinel", `step "s" failed after 2 attempts: reading: the sentinel`,
		},
		"undeclared type": {
			func(context.Context) (int, error) {
				return 0, &os.PathError{Op: "open", Path: "x", Err: errors.New("gone")}
			},
			"PathError: open x: gone", `step "s" failed after 2 attempts: open x: gone`,
		},
		"panic": {
			func(context.Context) (int, error) { panic("boom") },
			"PanicError: panic: boom", `step "s" failed after 2 attempts: panic: boom`,
		},
		"panic in Error": {
			func(context.Context) (int, error) { return 0, (*cardDeclined)(nil) },
			"", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, "{}")
				var seen []string
				h := durable.NewHandler(func(ctx durable.Context, _ any) (int, error) {
					_, err := durable.Step(ctx, "s", test.body, durable.WithRetry(retry.Fixed(2, time.Second)))
					_, isStep := durable.Failed(err, protocol.SubTypeStep)
					var card *cardDeclined
					seen = append(seen, fmt.Sprint(err, isStep, errors.As(err, &card), card, errors.Is(err, errSentinel)))
					if len(seen) == 1 && test.text != "" && err.Error() != test.text {
						t.Errorf("got %q, want %q", err, test.text)
					}
					return 0, durable.Wait(ctx, "w", time.Second)
				}, durable.WithClient(svc), durable.WithErrors(
					durable.ErrorType[*cardDeclined]("CardDeclined"), durable.ErrorValue("Sentinel", errSentinel)))
				svc.run(h)
				if len(seen) != 2 || seen[0] != seen[1] {
					t.Errorf("the handler saw %q; want the same twice", seen)
				}
				got := svc.ops[0].Error
				if text := got.ErrorType + ": " + got.ErrorMessage; test.want != "" && text != test.want {
					t.Errorf("recorded %q, want %q", text, test.want)
				}
				if name == "panic" && (len(got.StackTrace) == 0 || !strings.Contains(got.StackTrace[0], "TestStepFails")) {
					t.Errorf("got stack %q, want the panicking function first", got.StackTrace)
				}
			})
		})
	}
}

// A crash after the START was recorded leaves the step STARTED.
func crashedStep(t *testing.T, svc *service, body func(context.Context) (int, error), opts ...durable.StepOption) output {
	t.Helper()
	h := stepHandler(svc, body, opts...)
	ctx, crash := context.WithCancel(t.Context())
	go func() {
		time.Sleep(time.Minute) // the body takes an hour
		crash()
	}()
	if _, err := svc.invokeWith(ctx, h); !errors.Is(err, context.Canceled) {
		t.Fatalf("the crashed invocation answered %v, want a cancelled context", err)
	}
	return svc.run(h)
}

func hourOnce() (body func(context.Context) (int, error), runs *int) {
	runs = new(int)
	return func(ctx context.Context) (int, error) {
		if *runs++; *runs == 1 {
			select {
			case <-time.After(time.Hour):
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}
		return *runs, nil
	}, runs
}

func TestInterruptedAtLeastOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		body, _ := hourOnce()
		if out := crashedStep(t, svc, body); out.result() != "2" {
			t.Errorf("got %s %s, want 2", out.result(), out.errorText())
		}
		if diff := cmp.Diff([]string{"StepStarted s", "StepSucceeded s"}, svc.events); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

func TestInterruptedAtMostOnce(t *testing.T) {
	atMostOnce := durable.WithAtMostOncePerRetry()
	t.Run("retried", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			svc := newService(t, "{}")
			body, _ := hourOnce()
			out := crashedStep(t, svc, body, atMostOnce, durable.WithRetry(retry.Fixed(2, time.Second)))
			if out.result() != "2" {
				t.Errorf("got %s %s, want 2", out.result(), out.errorText())
			}
			want := []string{"StepStarted s", "StepFailed s", "StepStarted s", "StepSucceeded s"}
			if diff := cmp.Diff(want, svc.events); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	})
	t.Run("given up", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			svc := newService(t, "{}")
			body, runs := hourOnce()
			out := crashedStep(t, svc, body, atMostOnce, durable.WithRetry(retry.None()))
			if *runs != 1 || out.errorText() != `StepInterruptedError: step "s" failed: attempt 1 of step "s" was interrupted: its outcome is unknown` {
				t.Errorf("got %d runs and %q", *runs, out.errorText())
			}
		})
	})
}

// Before an at-most-once body runs, its START is recorded.
func TestAtMostOnceStartsFirst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		svc.run(stepHandler(svc, func(context.Context) (int, error) {
			if len(svc.calls) != 1 || svc.calls[0][0].Action != "START" {
				t.Errorf("the body runs after checkpoints %v, want one with the START", svc.calls)
			}
			return 0, nil
		}, durable.WithAtMostOncePerRetry()))
	})
}

// A short step costs one checkpoint; a long one is seen to have started.
func TestStartIsHeld(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		svc.run(stepHandler(svc, func(context.Context) (int, error) {
			time.Sleep(4 * time.Millisecond)
			return 0, nil
		}))
		if len(svc.calls) != 1 || svc.updates() != 2 {
			t.Errorf("a short step made checkpoints %v, want one of two updates", svc.calls)
		}
		svc = newService(t, "{}")
		svc.run(stepHandler(svc, func(context.Context) (int, error) {
			time.Sleep(time.Second)
			if events := svc.eventsSoFar(); len(events) != 1 {
				t.Errorf("after a second the service knows %q, want the start", events)
			}
			return 0, nil
		}))
	})
}

func TestStepResultTooLarge(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		runs := 0
		h := durable.NewHandler(func(ctx durable.Context, _ any) (string, error) {
			_, err := durable.Step(ctx, "s", func(context.Context) (string, error) {
				runs++
				return strings.Repeat("x", protocol.MaxPayload-1), nil // and two quotes
			})
			var limit *durable.LimitError
			if !errors.As(err, &limit) || limit.Limit != protocol.MaxPayload {
				t.Errorf("got %v, want a LimitError", err)
			}
			return "", err
		}, durable.WithClient(svc))
		out := svc.run(h)
		if runs != 1 || !strings.HasPrefix(out.errorText(), `LimitError: step "s" failed: perdure: the result of durable.Step "s" is 1048577 bytes long`) {
			t.Errorf("got %d runs and %q", runs, out.errorText())
		}
	})
}

func TestStepResultNotEncodable(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		h := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
			return durable.Step(ctx, "s", func(context.Context) (any, error) { return make(chan int), nil })
		}, durable.WithClient(svc))
		out := svc.run(h)
		if len(svc.calls) != 1 || !strings.HasPrefix(out.errorText(), "SerdesError: ") {
			t.Errorf("got %d checkpoints and %q, want one and a SerdesError", len(svc.calls), out.errorText())
		}
	})
}

// The first run gives code what replay will give it.
func TestStepResultIsWhatReplayReads(t *testing.T) {
	bubble(t, func(t *testing.T) {
		type value struct {
			Kept    time.Time
			dropped int
		}
		svc := newService(t, "{}")
		var seen []value
		h := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
			v, err := durable.Step(ctx, "s", func(context.Context) (value, error) { return value{time.Now(), 1}, nil })
			seen = append(seen, v)
			if err != nil {
				return nil, err
			}
			return nil, durable.Wait(ctx, "", time.Second)
		}, durable.WithClient(svc))
		svc.run(h)
		if len(seen) != 2 || seen[0] != seen[1] || seen[0].dropped != 0 || seen[0].Kept.IsZero() {
			t.Errorf("got %+v, want twice the same without the field that JSON drops", seen)
		}
	})
}

func TestBadCalls(t *testing.T) {
	long := strings.Repeat("n", 257)
	ok := func(context.Context) (int, error) { return 0, nil }
	step := func(name string, fn func(context.Context) (int, error), opts ...durable.StepOption) func(durable.Context) error {
		return func(ctx durable.Context) error {
			_, err := durable.Step(ctx, name, fn, opts...)
			return err
		}
	}
	wait := func(d time.Duration) func(durable.Context) error {
		return func(ctx durable.Context) error { return durable.Wait(ctx, "w", d) }
	}
	with := func(p retry.Policy) func(durable.Context) error {
		return step("s", ok, durable.WithRetry(p))
	}
	for want, call := range map[string]func(durable.Context) error{
		`perdure: durable.Step "s": the function is nil`:                                                                                    step("s", nil),
		`perdure: durable.Step "` + long + `": the name is 257 bytes long; at most 256 are allowed`:                                         step(long, ok),
		`perdure: durable.Step "größe": the name has 'ö' at byte 2; only printable ASCII is allowed`:                                        step("größe", ok),
		`perdure: durable.Step "a\nb": the name has '\n' at byte 1; only printable ASCII is allowed`:                                        step("a\nb", ok),
		`perdure: durable.Step "s": an option is nil`:                                                                                       step("s", ok, nil),
		`perdure: durable.Step "s": retry.Policy.MaxAttempts is -1; it must not be negative`:                                                with(retry.Policy{MaxAttempts: -1}),
		`perdure: durable.Step "s": retry.Policy has a negative duration`:                                                                   with(retry.Policy{Delay: -1}),
		`perdure: durable.Step "s": retry.Policy.Multiplier is NaN; it must be a finite number that is not negative`:                        with(retry.Policy{Multiplier: math.NaN()}),
		`perdure: durable.Step "s": retry.Policy.Jitter is 9; use FullJitter, HalfJitter or NoJitter`:                                       with(retry.Policy{Jitter: 9}),
		`perdure: durable.Wait "w": the duration is 999ms; the service waits at least 1s, and WaitUntil takes moments that may have passed`: wait(999 * time.Millisecond),
		`perdure: durable.Wait "w": the duration is -1s; the service waits at least 1s, and WaitUntil takes moments that may have passed`:   wait(-time.Second),
		`perdure: durable.Wait "w": the duration is 8784h0m1s; the service waits at most 8784h0m0s (366 days)`:                              wait(366*24*time.Hour + time.Second),
		`perdure: durable.RunInChildContext "c": the function is nil`:                                                                       func(ctx durable.Context) error { _, err := durable.RunInChildContext[int](ctx, "c", nil); return err },
		`perdure: durable.Wait "w": ctx is not a durable context; pass the one that the handler or the child context got`:                   func(durable.Context) error { return durable.Wait(nil, "w", time.Second) },
	} {
		t.Run(want, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, "{}")
				svc.run(durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
					if err := call(ctx); err == nil || err.Error() != want {
						t.Errorf("got %v\nwant %s", err, want)
					}
					return durable.Step(ctx, "after", ok) // the context is still usable
				}, durable.WithClient(svc)))
				id := "2" // a refused call keeps its number, so that a later run can tell it from what comes behind
				if strings.Contains(want, "not a durable context") {
					id = "1"
				}
				if svc.ops[0].ID != id {
					t.Errorf("the next operation has id %s, want %s", svc.ops[0].ID, id)
				}
			})
		})
	}
}
