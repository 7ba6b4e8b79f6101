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

// approving is a handler that waits for a callback, and then a second, so that
// it replays.
func approving[T any](svc *service, submit func(context.Context, string) error, look func(T, error), opts ...durable.WaitForCallbackOption) *durable.Handler {
	return durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
		v, err := durable.WaitForCallback[T](ctx, "approval", submit, opts...)
		look(v, err)
		return v, errors.Join(err, durable.Wait(ctx, "pause", time.Second))
	}, durable.WithClient(svc), durable.WithErrors(durable.ErrorType[*cardDeclined]("CardDeclined")))
}

func TestWaitForCallback(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		svc.answers(succeeds(time.Hour, "yes"))
		var submitted []string
		submit := func(ctx context.Context, id string) error {
			submitted = append(submitted, id+" "+durable.IdempotencyKey(ctx))
			return nil
		}
		h := approving(svc, submit, func(v string, err error) {
			if v != "yes" || err != nil {
				t.Errorf("got %q, %v", v, err)
			}
		})
		if out := svc.run(h); out.result() != `"yes"` {
			t.Errorf("got %s %s, want yes", out.result(), out.errorText())
		}
		if diff := cmp.Diff([]string{"cb-2 " + testARN + "/1-2"}, submitted); diff != "" {
			t.Errorf("submitted (-want +got):\n%s", diff)
		}
		want := []string{
			"ContextStarted approval", "CallbackStarted approval-callback", "StepStarted approval-submitter", "StepSucceeded approval-submitter",
			"CallbackSucceeded approval-callback", "ContextSucceeded approval", "WaitStarted pause", "WaitSucceeded pause",
		}
		if diff := cmp.Diff(want, svc.events); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if c := svc.ops[0]; c.SubType != protocol.SubTypeWaitForCallback || svc.ops[1].ParentID != c.ID || svc.ops[2].ParentID != c.ID {
			t.Errorf("got operations %+v", svc.ops)
		}
	})
}

// The parts have names as long as there is room for them.
func TestWaitForCallbackNames(t *testing.T) {
	for name, want := range map[string]string{
		"":                       " ",
		"a":                      "a-callback a-submitter",
		strings.Repeat("a", 247): strings.Repeat("a", 247) + "-callback ",
		strings.Repeat("a", 256): " ",
	} {
		bubble(t, func(t *testing.T) {
			svc := newService(t, `{}`)
			svc.answers(succeeds(time.Hour, "yes"))
			h := durable.NewHandler(func(ctx durable.Context, _ any) (string, error) {
				return durable.WaitForCallback[string](ctx, name, func(context.Context, string) error { return nil })
			}, durable.WithClient(svc))
			if out := svc.run(h); out.result() != `"yes"` {
				t.Fatalf("got %s %s, want yes", out.result(), out.errorText())
			}
			if got := svc.ops[1].Name + " " + svc.ops[2].Name; got != want {
				t.Errorf("in %q: got names %q, want %q", name, got, want)
			}
		})
	}
}

// Code sees the same error on the first run and when the context has closed.
func TestWaitForCallbackFails(t *testing.T) {
	declined := func(context.Context, string) error { return &cardDeclined{Code: 9} }
	fine := func(context.Context, string) error { return nil }
	twice := durable.WithRetry(retry.Fixed(2, time.Second))
	for want, test := range map[string]struct {
		what   settling
		submit func(context.Context, string) error
		opts   []durable.WaitForCallbackOption
		check  func(error) bool
	}{
		`callback "approval" failed: no`: {fails(time.Second, "Rejected", "no"), fine, nil, func(err error) bool {
			var r *durable.RecordedError
			return errors.As(err, &r) && r.Type == "Rejected"
		}},
		`callback "approval" failed: declined with 3`: {settling{0, protocol.ExecutionFailed, nil, &protocol.ErrorObject{ErrorType: "CardDeclined", ErrorMessage: "declined with 3", ErrorData: `{"Code":3}`}}, fine, nil, func(err error) bool {
			var card *cardDeclined
			return errors.As(err, &card) && card.Code == 3
		}},
		`callback "approval" failed: it was not completed in time`: {succeeds(time.Hour, ""), fine, []durable.WaitForCallbackOption{durable.WithTimeout(time.Minute)}, func(err error) bool {
			var timeout *durable.CallbackTimeoutError
			return errors.Is(err, durable.ErrTimeout) && errors.As(err, &timeout) && !timeout.Heartbeat
		}},
		`callback "approval" failed: no heartbeat came in time`: {succeeds(time.Hour, ""), fine, []durable.WaitForCallbackOption{durable.WithHeartbeat(time.Minute)}, func(err error) bool {
			var timeout *durable.CallbackTimeoutError
			return errors.Is(err, durable.ErrTimeout) && errors.As(err, &timeout) && timeout.Heartbeat
		}},
		`callback "approval" failed: its submitter failed after 2 attempts: declined with 9`: {succeeds(time.Hour, ""), declined, []durable.WaitForCallbackOption{twice}, func(err error) bool {
			var card *cardDeclined
			submitter, isSubmitter := durable.Failed(err, durable.KindSubmitter)
			return isSubmitter && submitter.Attempts == 2 && errors.As(err, &card) && card.Code == 9
		}},
	} {
		t.Run(want, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, `{}`)
				svc.answers(test.what)
				seen := 0
				svc.run(approving(svc, test.submit, func(_ string, err error) {
					seen++
					_, isCallback := durable.Failed(err, protocol.SubTypeCallback)
					if !isCallback || err.Error() != want || !test.check(err) {
						t.Errorf("got %v, want a CallbackError %q", err, want)
					}
				}, test.opts...))
				if seen != 2 || svc.ops[0].Status != protocol.StatusFailed {
					t.Errorf("the handler saw it %d times, the context is %s; want 2, FAILED", seen, svc.ops[0].Status)
				}
			})
		})
	}
}

// A submitter that fails at first is tried again, with the same callback.
func TestWaitForCallbackSubmitterRetries(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		svc.answers(succeeds(time.Second, "early")) // while the submitter is retried
		var attempts []string
		submit := func(ctx context.Context, id string) error {
			attempts = append(attempts, fmt.Sprint(id, durable.Attempt(ctx)))
			if len(attempts) < 3 {
				return errors.New("busy")
			}
			return nil
		}
		out := svc.run(approving(svc, submit, func(string, error) {}, durable.WithRetry(retry.Fixed(3, 10*time.Second))))
		if diff := cmp.Diff([]string{"cb-21", "cb-22", "cb-23"}, attempts); diff != "" || out.result() != `"early"` {
			t.Errorf("got %s %s, attempts (-want +got):\n%s", out.result(), out.errorText(), diff)
		}
	})
}

func TestWaitForCallbackValues(t *testing.T) {
	fine := func(context.Context, string) error { return nil }
	large := `"` + strings.Repeat("x", 300<<10) + `"`
	for name, test := range map[string]struct {
		what settling
		want string
		opts []durable.WaitForCallbackOption
	}{
		"JSON":     {succeeds(0, `"a\nb"`), "a\nb", []durable.WaitForCallbackOption{durable.WithSerdes(durable.JSON)}},
		"own":      {succeeds(0, "abc"), "ABC", []durable.WaitForCallbackOption{durable.WithSerdes(upper{})}},
		"nothing":  {settling{0, protocol.ExecutionSucceeded, nil, nil}, "", []durable.WaitForCallbackOption{durable.WithSerdes(upper{})}},
		"large":    {succeeds(0, large), large, nil},
		"not JSON": {succeeds(0, "<a>"), "<a>", nil},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, `{}`)
				svc.answers(test.what)
				seen := 0
				svc.run(approving(svc, fine, func(v string, err error) {
					seen++
					if v != test.want || err != nil {
						t.Errorf("got %.40q, %v, want %.40q", v, err, test.want)
					}
				}, test.opts...))
				if seen != 2 {
					t.Errorf("the handler saw it %d times, want 2", seen)
				}
			})
		})
	}
}

func TestWaitForCallbackBadInput(t *testing.T) {
	fine := func(context.Context, string) error { return nil }
	for want, call := range map[string]func(durable.Context) error{
		"the submitter is nil": func(ctx durable.Context) error { _, err := durable.WaitForCallback[int](ctx, "x", nil); return err },
		"an option is nil": func(ctx durable.Context) error {
			_, err := durable.WaitForCallback[int](ctx, "x", fine, nil)
			return err
		},
		"the timeout is 1ms": func(ctx durable.Context) error {
			_, err := durable.WaitForCallback[int](ctx, "x", fine, durable.WithTimeout(time.Millisecond))
			return err
		},
		"MaxAttempts is -1": func(ctx durable.Context) error {
			_, err := durable.WaitForCallback[int](ctx, "x", fine, durable.WithRetry(retry.Policy{MaxAttempts: -1}))
			return err
		},
		"the name has '\\n' at byte": func(ctx durable.Context) error { _, err := durable.WaitForCallback[int](ctx, "x\n", fine); return err },
	} {
		refusedAtTheCall(t, "durable.WaitForCallback", want, call)
	}
}

func TestWaitForCallbackNonDeterminism(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		svc.answers(succeeds(time.Second, ""))
		runs := 0
		out := svc.run(durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
			if runs++; runs > 1 {
				return durable.RunInChildContext(ctx, "approval", func(durable.Context) (int, error) { return 1, nil })
			}
			return durable.WaitForCallback[int](ctx, "approval", func(context.Context, string) error { return nil })
		}, durable.WithClient(svc)))
		if want := `recorded CONTEXT/WaitForCallback "approval", but the code now does CONTEXT/RunInChildContext "approval"`; !strings.Contains(out.errorText(), want) {
			t.Errorf("got %q, want %q", out.errorText(), want)
		}
	})
}

// The submitter sends the id out; the result comes a day later.
func ExampleWaitForCallback() {
	svc := simulated(`{}`)
	svc.answers(succeeds(24*time.Hour, `{"Approved": true}`))
	handler := func(ctx durable.Context, _ struct{}) (string, error) {
		type decision struct{ Approved bool }
		d, err := durable.WaitForCallback[decision](ctx, "approval",
			func(ctx context.Context, callbackID string) error {
				fmt.Println("please approve with", callbackID)
				return nil
			},
			durable.WithTimeout(7*24*time.Hour))
		if err != nil {
			return "", err
		}
		if !d.Approved {
			return "rejected", nil
		}
		return "approved", nil
	}
	simulate(durable.NewHandler(handler, durable.WithClient(svc)), svc)
	// Output:
	// please approve with cb-2
	// succeeded: "approved"
}
