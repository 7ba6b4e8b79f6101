package durable_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/protocol"
)

type receipt struct{ Text string }

var charge = durable.Function[order, receipt]{Name: "charge:live"}

// invoking is a handler that invokes charge, and waits, so that it replays.
func invoking(svc *service, look func(receipt, error), opts ...durable.InvokeOption) *durable.Handler {
	return durable.NewHandler(func(ctx durable.Context, in order) (string, error) {
		r, err := charge.Invoke(ctx, "charge", in, opts...)
		look(r, err)
		if err := durable.Wait(ctx, "pause", time.Second); err != nil {
			return "", err
		}
		return r.Text, err
	}, durable.WithClient(svc))
}

func TestInvoke(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{"id":"o1","amount":3}`)
		calls := 0
		svc.targets = map[string]func(string) settling{"charge:live": func(payload string) settling {
			calls++
			if payload != `{"id":"o1","amount":3}` {
				t.Errorf("the function got %s", payload)
			}
			return succeeds(10*time.Second, `{"Text":"paid"}`)
		}}
		h := invoking(svc, func(r receipt, err error) {
			if r.Text != "paid" || err != nil {
				t.Errorf("got %v, %v", r, err)
			}
		})
		start := time.Now()
		if out := svc.run(h); out.result() != `"paid"` || time.Since(start) != 11*time.Second {
			t.Errorf("got %s %s after %v, want paid after 11s", out.result(), out.errorText(), time.Since(start))
		}
		if calls != 1 || svc.invocations != 3 {
			t.Errorf("%d calls in %d invocations, want 1 in 3", calls, svc.invocations)
		}
		want := []string{"ChainedInvokeStarted charge", "ChainedInvokeSucceeded charge", "WaitStarted pause", "WaitSucceeded pause"}
		if diff := cmp.Diff(want, svc.events); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

func TestInvokeFails(t *testing.T) {
	for name, test := range map[string]struct {
		how  settling
		is   error
		text string
	}{
		"error":   {fails(time.Second, "CardDeclined", "no funds"), nil, `invoke "charge" of function charge:live failed: no funds`},
		"timeout": {settling{time.Second, protocol.ExecutionTimedOut, nil, &protocol.ErrorObject{ErrorType: protocol.ErrorTypeInvokeTimeout, ErrorMessage: "timed out after 5 seconds"}}, durable.ErrTimeout, `invoke "charge" of function charge:live timed out: timed out after 5 seconds`},
		"stopped": {settling{time.Second, protocol.ExecutionStopped, nil, nil}, durable.ErrStopped, `invoke "charge" of function charge:live was stopped: failed without a recorded error`},
		"at once": {fails(0, "ResourceNotFoundException", "Function not found"), nil, `invoke "charge" of function charge:live failed: Function not found`},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, `{}`)
				svc.targets = map[string]func(string) settling{"charge:live": func(string) settling { return test.how }}
				var seen []string
				h := invoking(svc, func(_ receipt, err error) {
					_, isInvoke := durable.Failed(err, protocol.SubTypeChainedInvoke)
					if !isInvoke || test.is != nil && !errors.Is(err, test.is) || errors.Is(err, durable.ErrTimeout) != (test.is == durable.ErrTimeout) {
						t.Errorf("got %#v, want an InvokeError that is %v", err, test.is)
					}
					seen = append(seen, err.Error())
				})
				out := svc.run(h)
				for _, text := range seen {
					if text != test.text {
						t.Errorf("the handler saw %q, want %q", text, test.text)
					}
				}
				if got, want := out.errorText(), "InvokeError: "+test.text; got != want {
					t.Errorf("the execution failed with %q, want %q", got, want)
				}
			})
		})
	}
}

// A declared error type is found in what another function failed with.
func TestInvokeDeclaredError(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		svc.targets = map[string]func(string) settling{"charge:live": func(string) settling {
			return settling{0, protocol.ExecutionFailed, nil, &protocol.ErrorObject{ErrorType: "CardDeclined", ErrorMessage: "no", ErrorData: `{"Code":7}`}}
		}}
		svc.run(durable.NewHandler(func(ctx durable.Context, in order) (any, error) {
			_, err := charge.Invoke(ctx, "", in)
			var card *cardDeclined
			if !errors.As(err, &card) || card.Code != 7 {
				t.Errorf("got %v, want a cardDeclined", err)
			}
			return nil, nil
		}, durable.WithClient(svc), durable.WithErrors(durable.ErrorType[*cardDeclined]("CardDeclined"))))
	})
}

// What cannot be sent, or read, is an error that code sees, the same each time.
func TestInvokeValues(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		svc.targets = map[string]func(string) settling{"f": func(string) settling { return succeeds(0, "[") }}
		large := durable.Function[string, string]{Name: "f"}
		odd := durable.Function[func(), string]{Name: "f"}
		var limit *durable.LimitError
		var serdes *durable.SerdesError
		out := svc.run(durable.NewHandler(func(ctx durable.Context, _ any) (int, error) {
			if _, err := large.Invoke(ctx, "large", strings.Repeat("x", protocol.MaxPayload)); !errors.As(err, &limit) || !strings.Contains(err.Error(), `"large"`) {
				t.Errorf("a payload over the limit gave %v, want a LimitError", err)
			}
			if _, err := odd.Invoke(ctx, "odd", func() {}); !errors.As(err, &serdes) || !strings.Contains(err.Error(), `the payload of durable.Invoke "odd"`) {
				t.Errorf("a function as payload gave %v, want a SerdesError", err)
			}
			if _, err := large.Invoke(ctx, "broken", ""); !errors.As(err, &serdes) || !strings.Contains(err.Error(), `the result of durable.Invoke "broken"`) {
				t.Errorf("a broken result gave %v, want a SerdesError", err)
			}
			return 1, durable.Wait(ctx, "", time.Second)
		}, durable.WithClient(svc)))
		if out.result() != "1" || svc.invocations != 3 {
			t.Errorf("got %s %s in %d invocations, want 1 in 3", out.result(), out.errorText(), svc.invocations)
		}
	})
}

func TestInvokeSerdes(t *testing.T) {
	for name, test := range map[string]struct {
		opts          []durable.InvokeOption
		payload, want string
	}{
		"default":      {nil, `"hello"`, "answer"},
		"both":         {[]durable.InvokeOption{durable.WithSerdes(upper{})}, "HELLO", `"ANSWER"`},
		"payload only": {[]durable.InvokeOption{durable.WithPayloadSerdes(upper{})}, "HELLO", "answer"},
		"result only":  {[]durable.InvokeOption{durable.WithSerdes(upper{}), durable.WithPayloadSerdes(durable.JSON)}, `"hello"`, `"ANSWER"`},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, `{}`)
				var payload string
				svc.targets = map[string]func(string) settling{"f": func(p string) settling { payload = p; return succeeds(0, `"answer"`) }}
				f := durable.Function[string, string]{Name: "f", Options: test.opts}
				// The handler's Serdes is not the other function's.
				svc.run(durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
					got, err := durable.Invoke(ctx, "", f, "hello")
					if got != test.want || err != nil {
						t.Errorf("got %q, %v, want %q", got, err, test.want)
					}
					return nil, nil
				}, durable.WithClient(svc), durable.WithSerdes(doubling{})))
				if payload != test.payload {
					t.Errorf("the function got %s, want %s", payload, test.payload)
				}
			})
		})
	}
}

func TestInvokeOptions(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		svc.targets = map[string]func(string) settling{"charge:live": func(string) settling { return succeeds(0, `{}`) }}
		svc.run(invoking(svc, func(receipt, error) {}, durable.WithTenantID("a tenant@x.org"), durable.WithTraceHeader("Root=1-2")))
		want := &protocol.ChainedInvokeOptions{FunctionName: "charge:live", TenantID: "a tenant@x.org", XAmznTraceID: "Root=1-2"}
		if diff := cmp.Diff(want, svc.calls[0][0].ChainedInvokeOptions); diff != "" {
			t.Errorf("options (-want +got):\n%s", diff)
		}
	})
}

func TestInvokeBadInput(t *testing.T) {
	for want, call := range map[string]func(durable.Context) error{
		"has no name": func(ctx durable.Context) error {
			_, err := durable.Function[int, int]{}.Invoke(ctx, "x", 1)
			return err
		},
		"' ' at byte 1": func(ctx durable.Context) error {
			_, err := durable.Function[int, int]{Name: "a b"}.Invoke(ctx, "x", 1)
			return err
		},
		"is 257 bytes long": func(ctx durable.Context) error {
			_, err := durable.Function[int, int]{Name: strings.Repeat("x", 257)}.Invoke(ctx, "x", 1)
			return err
		},
		"an option is nil": func(ctx durable.Context) error { _, err := charge.Invoke(ctx, "x", order{}, nil); return err },
		"tenant id is 300 bytes": func(ctx durable.Context) error {
			_, err := charge.Invoke(ctx, "x", order{}, durable.WithTenantID(strings.Repeat("x", 300)))
			return err
		},
		`tenant id "a*b" has`: func(ctx durable.Context) error {
			_, err := charge.Invoke(ctx, "x", order{}, durable.WithTenantID("a*b"))
			return err
		},
		"header is 9000 bytes": func(ctx durable.Context) error {
			_, err := charge.Invoke(ctx, "x", order{}, durable.WithTraceHeader(strings.Repeat("x", 9000)))
			return err
		},
		"not a durable context": func(durable.Context) error { _, err := charge.Invoke(nil, "x", order{}); return err },
		"the name is 300 bytes": func(ctx durable.Context) error {
			_, err := charge.Invoke(ctx, strings.Repeat("x", 300), order{})
			return err
		},
	} {
		refusedAtTheCall(t, "durable.Invoke", want, call)
	}
}

func TestInvokeNonDeterminism(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		svc.targets = map[string]func(string) settling{"f": func(string) settling { return succeeds(time.Second, `1`) }}
		f := durable.Function[int, int]{Name: "f"}
		name := "before"
		out := svc.run(durable.NewHandler(func(ctx durable.Context, _ any) (int, error) {
			defer func() { name = "after" }()
			return f.Invoke(ctx, name, 1)
		}, durable.WithClient(svc)))
		if want := `recorded CHAINED_INVOKE/ChainedInvoke "before", but the code now does CHAINED_INVOKE/ChainedInvoke "after"`; !strings.Contains(out.errorText(), want) {
			t.Errorf("got %q, want %q", out.errorText(), want)
		}
	})
}

// An invoke whose invocation ends meanwhile goes on, and is not made again.
func TestInvokeInterrupted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		calls := 0
		svc.targets = map[string]func(string) settling{"charge:live": func(string) settling {
			calls++
			return succeeds(time.Minute, `{"Text":"ok"}`)
		}}
		svc.after = func(call int, _ *protocol.CheckpointReply) error {
			if call == 1 {
				return errors.New("connection lost")
			}
			return nil
		}
		if out := svc.run(invoking(svc, func(receipt, error) {})); out.result() != `"ok"` || calls != 1 {
			t.Errorf("got %s %s with %d calls, want ok with 1", out.result(), out.errorText(), calls)
		}
	})
}

// A function that others run: declared once, called anywhere.
func ExampleInvoke() {
	type Request struct{ Amount int }
	type Receipt struct{ ID string }
	chargeCard := durable.Function[Request, Receipt]{Name: "charge:live"}

	svc := simulated(`{"Amount": 12}`)
	svc.targets = map[string]func(string) settling{"charge:live": func(payload string) settling {
		fmt.Println("charge got", payload)
		return succeeds(time.Hour, `{"ID": "r-17"}`)
	}}
	handler := func(ctx durable.Context, in Request) (string, error) {
		receipt, err := durable.Invoke(ctx, "charge", chargeCard, in)
		if err != nil {
			return "", err
		}
		return receipt.ID, nil
	}
	simulate(durable.NewHandler(handler, durable.WithClient(svc)), svc)
	// Output:
	// charge got {"Amount":12}
	// succeeded: "r-17"
}

// A timeout of the function that was invoked can be told from a failure.
func ExampleInvokeError() {
	svc := simulated(`{}`)
	svc.targets = map[string]func(string) settling{"slow:1": func(string) settling {
		return settling{time.Hour, protocol.ExecutionTimedOut, nil, &protocol.ErrorObject{ErrorMessage: "timed out after 3600 seconds"}}
	}}
	slow := durable.Function[struct{}, string]{Name: "slow:1"}
	handler := func(ctx durable.Context, _ struct{}) (string, error) {
		answer, err := slow.Invoke(ctx, "ask", struct{}{})
		if errors.Is(err, durable.ErrTimeout) {
			return "too slow", nil
		}
		return answer, err
	}
	simulate(durable.NewHandler(handler, durable.WithClient(svc)), svc)
	// Output: succeeded: "too slow"
}

// What an InvokeError says survives the way out of a child context, and so does
// what it wraps.
func TestInvokeErrorThroughChildContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		svc.targets = map[string]func(string) settling{"charge:live": func(string) settling {
			return settling{time.Second, protocol.ExecutionTimedOut, nil, &protocol.ErrorObject{ErrorType: "CardDeclined", ErrorMessage: "no", ErrorData: `{"Code":7}`}}
		}}
		seen := 0
		svc.run(durable.NewHandler(func(ctx durable.Context, in order) (any, error) {
			_, err := durable.RunInChildContext(ctx, "child", func(ctx durable.Context) (receipt, error) { return charge.Invoke(ctx, "charge", in) })
			seen++
			invoke, isInvoke := durable.Failed(err, protocol.SubTypeChainedInvoke)
			var card *cardDeclined
			if !errors.Is(err, durable.ErrTimeout) || errors.Is(err, durable.ErrStopped) || !isInvoke || invoke.Function != "charge:live" || !errors.As(err, &card) || card.Code != 7 {
				t.Errorf("got %v, want an InvokeError of a cardDeclined", err)
			}
			return nil, durable.Wait(ctx, "", time.Second)
		}, durable.WithClient(svc), durable.WithErrors(durable.ErrorType[*cardDeclined]("CardDeclined"))))
		if seen != 2 {
			t.Errorf("seen %d times, want 2", seen)
		}
	})
}

// orderFailed is a declared error around whatever it was.
type orderFailed struct {
	ID    string
	Cause error `json:"-"`
}

func (e *orderFailed) Error() string { return "order " + e.ID + " failed: " + e.Cause.Error() }
func (e *orderFailed) Unwrap() error { return e.Cause }

// A declared error comes back, also one around an InvokeError; and one inside of
// it, with the InvokeError.
func TestDeclaredErrorAroundInvokeError(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		svc.targets = map[string]func(string) settling{"charge:live": func(string) settling {
			return settling{0, protocol.ExecutionFailed, nil, &protocol.ErrorObject{ErrorType: "CardDeclined", ErrorMessage: "no", ErrorData: `{"Code":7}`}}
		}}
		runs := 0
		svc.run(durable.NewHandler(func(ctx durable.Context, in order) (any, error) {
			runs++
			charging := func(wrap bool) error {
				_, err := durable.RunInChildContext(ctx, "", func(ctx durable.Context) (any, error) {
					_, err := charge.Invoke(ctx, "", in)
					if wrap {
						err = &orderFailed{"o1", err}
					}
					return nil, err
				})
				return err
			}
			var failed *orderFailed
			if err := charging(true); !errors.As(err, &failed) || failed.ID != "o1" {
				t.Errorf("got %v, want an orderFailed", err)
			}
			var card *cardDeclined
			err := charging(false)
			if invoke, isInvoke := durable.Failed(err, protocol.SubTypeChainedInvoke); !isInvoke || invoke.Function != "charge:live" || !errors.As(err, &card) || card.Code != 7 {
				t.Errorf("got %v, want a cardDeclined in an InvokeError", err)
			}
			return nil, durable.Wait(ctx, "", time.Second)
		}, durable.WithClient(svc), durable.WithErrors(durable.ErrorType[*cardDeclined]("CardDeclined"), durable.ErrorType[*orderFailed]("OrderFailed"))))
		if runs < 2 {
			t.Errorf("%d runs, want a replay", runs)
		}
	})
}
