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
	"github.com/perdure/perdure/protocol"
)

// deadlined is a handler with a child context that has a minute, and that then
// waits, so that it replays.
func deadlined(svc *service, fn func(durable.Context) (int, error), look func(int, error)) *durable.Handler {
	return durable.NewHandler(func(ctx durable.Context, _ any) (int, error) {
		n, err := durable.RunInChildContext(ctx, "job", fn, durable.WithTimeout(time.Minute))
		look(n, err)
		return n, durable.Wait(ctx, "after", time.Second)
	}, durable.WithClient(svc))
}

func TestDeadlinePasses(t *testing.T) {
	for name, fn := range map[string]func(durable.Context) (int, error){
		"in a wait": func(ctx durable.Context) (int, error) { return 1, durable.Wait(ctx, "long", time.Hour) },
		"in a second": func(ctx durable.Context) (int, error) {
			return 1, errors.Join(durable.Wait(ctx, "a", 40*time.Second), durable.Wait(ctx, "b", 40*time.Second))
		},
		"in a retry": func(ctx durable.Context) (int, error) {
			return durable.Step(ctx, "s", func(context.Context) (int, error) { return 0, errors.New("busy") }, durable.WithRetry(retry.Fixed(100, 20*time.Second)))
		},
		"in a step": func(ctx durable.Context) (int, error) {
			return durable.Step(ctx, "s", func(ctx context.Context) (int, error) {
				<-ctx.Done()
				if cause := context.Cause(ctx); !errors.Is(cause, durable.ErrTimeout) {
					return 0, fmt.Errorf("the cause is %w", cause)
				}
				return 0, ctx.Err()
			})
		},
		"in a child of it": func(ctx durable.Context) (int, error) {
			return durable.RunInChildContext(ctx, "inner", func(ctx durable.Context) (int, error) { return 1, durable.Wait(ctx, "long", time.Hour) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, `{}`)
				var seen []string
				h := deadlined(svc, fn, func(_ int, err error) {
					var passed *durable.DeadlineError
					if !errors.Is(err, durable.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &passed) || passed.Timeout != time.Minute {
						t.Errorf("got %v, want a DeadlineError", err)
					}
					seen = append(seen, err.Error())
				})
				start := time.Now()
				svc.run(h)
				if d := time.Since(start); d < time.Minute+time.Second || d > time.Minute+3*time.Second {
					t.Errorf("took %v, want about 1m1s", d)
				}
				const want = `child context "job" failed: it took longer than 1m0s`
				if diff := cmp.Diff([]string{want, want}, seen); diff != "" {
					t.Errorf("errors seen (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// What is done in time leaves nothing behind.
func TestDeadlineInTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		svc.run(deadlined(svc, func(ctx durable.Context) (int, error) { return durable.Step(ctx, "s", one) }, func(n int, err error) {
			if n != 1 || err != nil {
				t.Errorf("got %d, %v", n, err)
			}
		}))
		// The step's result and its START are one call, so the timer began with it.
		want := []string{"ContextStarted job", "WaitStarted job", "StepStarted s", "StepSucceeded s", "WaitCancelled job", "ContextSucceeded job", "WaitStarted after", "WaitSucceeded after"}
		if diff := cmp.Diff(want, svc.events); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		svc.run(deadlined(svc, func(durable.Context) (int, error) { return 1, nil }, func(int, error) {}))
		want := []string{"ContextStarted job", "ContextSucceeded job", "WaitStarted after", "WaitSucceeded after"}
		if diff := cmp.Diff(want, svc.events); diff != "" {
			t.Errorf("events of a function without operations (-want +got):\n%s", diff)
		}
	})
}

// The time is measured over suspensions and interruptions, and a result that
// is recorded in time stands.
func TestDeadlineHoldsOverInvocations(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		svc.after = func(call int, _ *protocol.CheckpointReply) error {
			if call == 2 {
				return errors.New("connection lost")
			}
			return nil
		}
		start := time.Now()
		var ended time.Duration
		svc.run(deadlined(svc, func(ctx durable.Context) (int, error) {
			for i := range 10 {
				if err := durable.Wait(ctx, fmt.Sprint(i), 25*time.Second); err != nil {
					return 0, err
				}
			}
			return 1, nil
		}, func(_ int, err error) {
			if ended == 0 {
				ended = time.Since(start)
			}
		}))
		if ended != time.Minute {
			t.Errorf("it ended after %v, want 1m", ended)
		}
		if open := strings.Join(svc.openWaits(), ","); open != "" {
			t.Errorf("left waiting: %s", open)
		}
	})
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		seen := 0
		svc.run(deadlined(svc, func(ctx durable.Context) (int, error) { return 7, durable.Wait(ctx, "w", 59*time.Second) }, func(n int, err error) {
			if seen++; n != 7 || err != nil {
				t.Errorf("got %d, %v, want 7", n, err)
			}
		}))
		if open := strings.Join(svc.openWaits(), ","); open != "" || seen != 2 {
			t.Errorf("seen %d times, left waiting: %s", seen, open)
		}
	})
}

// A crash between the deadline and its record: the function does not go on.
func TestDeadlineInterruptedBeforeItsRecord(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		var passed error
		runs := 0
		h := deadlined(svc, func(ctx durable.Context) (int, error) {
			runs++
			return 1, durable.Wait(ctx, "long", time.Hour)
		}, func(_ int, err error) { passed = err })
		if _, err := svc.invoke(h); err != nil {
			t.Fatal(err)
		}
		svc.sleep()
		svc.before = func(call int) error {
			if call == 2 {
				return errors.New("connection lost")
			}
			return nil
		}
		if _, err := svc.invoke(h); err == nil {
			t.Fatal("the invocation ended well without a connection")
		}
		svc.run(h)
		if !errors.Is(passed, durable.ErrTimeout) || runs != 1 {
			t.Errorf("got %v after %d runs of the function, want a timeout after 1", passed, runs)
		}
	})
}

func TestDeadlineOfFuture(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		out := svc.run(durable.NewHandler(func(ctx durable.Context, _ any) (int, error) {
			slow := durable.Go(ctx, "slow", func(ctx durable.Context) (int, error) { return 1, durable.Wait(ctx, "", time.Hour) }, durable.WithTimeout(time.Minute))
			quick := durable.Go(ctx, "quick", func(ctx durable.Context) (int, error) { return 2, durable.Wait(ctx, "", time.Second) }, durable.WithTimeout(time.Minute))
			n, err := quick.Result(ctx)
			if err != nil {
				return 0, err
			}
			if _, err := slow.Result(ctx); !errors.Is(err, durable.ErrTimeout) {
				t.Errorf("got %v, want a timeout", err)
			}
			return n, nil
		}, durable.WithClient(svc)))
		if open := strings.Join(svc.openWaits(), ","); out.result() != "2" || open != "" {
			t.Errorf("got %s %s, left waiting: %s", out.result(), out.errorText(), open)
		}
	})
}

// The deadline is an option: a running execution gets along with and without.
func TestDeadlineAddedAndRemoved(t *testing.T) {
	for _, added := range []bool{true, false} {
		t.Run(fmt.Sprint("added ", added), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, `{}`)
				runs := 0
				out := svc.run(durable.NewHandler(func(ctx durable.Context, _ any) (int, error) {
					var opts []durable.ChildOption
					if runs++; (runs > 1) == added {
						opts = append(opts, durable.WithTimeout(time.Minute))
					}
					return durable.RunInChildContext(ctx, "c", func(ctx durable.Context) (int, error) { return 3, durable.Wait(ctx, "", time.Second) }, opts...)
				}, durable.WithClient(svc)))
				if out.result() != "3" {
					t.Errorf("got %s %s", out.result(), out.errorText())
				}
			})
		})
	}
}

func TestDeadlineBadInput(t *testing.T) {
	with := func(opts ...durable.ChildOption) func(durable.Context) error {
		return func(ctx durable.Context) error {
			_, err := durable.RunInChildContext(ctx, "x", func(durable.Context) (int, error) { return 1, nil }, opts...)
			return err
		}
	}
	for want, call := range map[string]func(durable.Context) error{
		"the timeout is 10ms; a context's is at least 1s": with(durable.WithTimeout(10 * time.Millisecond)),
		"at most 8784h0m0s (366 days)":                    with(durable.WithTimeout(10000 * time.Hour)),
		"subtype nor timeout":                             with(durable.WithTimeout(time.Hour), durable.WithVirtual()),
	} {
		refusedAtTheCall(t, "durable.RunInChildContext", want, call)
	}
}

// A part of the workflow has an hour, however often it is interrupted.
func ExampleDeadlineError() {
	svc := simulated(`{}`)
	handler := func(ctx durable.Context, _ struct{}) (string, error) {
		answer, err := durable.RunInChildContext(ctx, "ask", func(ctx durable.Context) (string, error) {
			return durable.WaitForCallback[string](ctx, "reply", func(ctx context.Context, id string) error { return nil })
		}, durable.WithTimeout(time.Hour))
		if errors.Is(err, durable.ErrTimeout) {
			return "nobody replied", nil
		}
		return answer, err
	}
	simulate(durable.NewHandler(handler, durable.WithClient(svc)), svc)
	// Output: succeeded: "nobody replied"
}
