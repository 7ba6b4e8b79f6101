package durable_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/protocol"
)

func TestCallback(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		svc.answers(succeeds(time.Hour, `{"id":"o1"}`))
		var ids []string
		h := durable.NewHandler(func(ctx durable.Context, _ any) (string, error) {
			cb, err := durable.CreateCallback[order](ctx, "approval")
			if err != nil {
				return "", err
			}
			ids = append(ids, cb.ID())
			o, err := cb.Result(ctx)
			if err != nil {
				return "", err
			}
			again, err := cb.Result(ctx)
			if again != o || err != nil {
				t.Errorf("the second time Result returned %v, %v", again, err)
			}
			return o.ID, durable.Wait(ctx, "pause", time.Second)
		}, durable.WithClient(svc))
		start := time.Now()
		if out := svc.run(h); out.result() != `"o1"` || time.Since(start) != time.Hour+time.Second {
			t.Errorf("got %s %s after %v, want o1 after 1h1s", out.result(), out.errorText(), time.Since(start))
		}
		if diff := cmp.Diff([]string{"cb-1", "cb-1", "cb-1"}, ids); diff != "" {
			t.Errorf("ids in each invocation (-want +got):\n%s", diff)
		}
		want := []string{"CallbackStarted approval", "CallbackSucceeded approval", "WaitStarted pause", "WaitSucceeded pause"}
		if diff := cmp.Diff(want, svc.events); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// The id is durable before code can give it away.
func TestCallbackIDIsDurable(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		svc.answers(succeeds(0, `"yes"`))
		h := durable.NewHandler(func(ctx durable.Context, _ any) (string, error) {
			cb, err := durable.CreateCallback[string](ctx, "")
			if len(svc.calls) != 1 {
				t.Errorf("the callback was handed out after %d checkpoints, want 1", len(svc.calls))
			}
			if err != nil {
				return "", err
			}
			// It is completed before anyone asks, and the next checkpoint says so: no suspension.
			if _, err := durable.Step(ctx, "", one); err != nil {
				return "", err
			}
			return cb.Result(ctx)
		}, durable.WithClient(svc))
		if out := svc.run(h); out.result() != `"\"yes\""` || svc.invocations != 1 {
			t.Errorf("got %s %s in %d invocations, want the text that was sent, in 1", out.result(), out.errorText(), svc.invocations)
		}
	})
}

// resultOf is what code gets of a callback that was completed with payload.
func resultOf[T any](t *testing.T, what settling, opts ...durable.CallbackOption) (v T, err error) {
	t.Helper()
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		svc.answers(what)
		svc.run(durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
			cb, e := durable.CreateCallback[T](ctx, "cb", opts...)
			if e != nil {
				return nil, e
			}
			v, err = cb.Result(ctx)
			return nil, nil
		}, durable.WithClient(svc), durable.WithSerdes(doubling{})))
	})
	return v, err
}

func TestCallbackDecoding(t *testing.T) {
	const sent = `{"a": 1}`
	if v, err := resultOf[string](t, succeeds(0, sent)); v != sent || err != nil {
		t.Errorf("as string: got %q, %v", v, err)
	}
	if v, err := resultOf[[]byte](t, succeeds(0, sent)); string(v) != sent || err != nil {
		t.Errorf("as []byte: got %q, %v", v, err)
	}
	if v, err := resultOf[json.RawMessage](t, succeeds(0, sent)); string(v) != sent || err != nil {
		t.Errorf("as RawMessage: got %q, %v", v, err)
	}
	if v, err := resultOf[map[string]int](t, succeeds(0, sent)); v["a"] != 1 || err != nil {
		t.Errorf("as JSON: got %v, %v", v, err)
	}
	if v, err := resultOf[string](t, succeeds(0, "abc"), durable.WithSerdes(upper{})); v != "ABC" || err != nil {
		t.Errorf("with a Serdes: got %q, %v", v, err)
	}
	for _, nothing := range []settling{succeeds(0, ""), {0, protocol.ExecutionSucceeded, nil, nil}} {
		if v, err := resultOf[*order](t, nothing); v != nil || err != nil {
			t.Errorf("nothing was sent: got %v, %v", v, err)
		}
	}
	var serdes *durable.SerdesError
	if _, err := resultOf[order](t, succeeds(0, "[")); !errors.As(err, &serdes) {
		t.Errorf("nonsense was sent: got %v, want a SerdesError", err)
	}
}

func TestCallbackFails(t *testing.T) {
	second := durable.WithTimeout(time.Second)
	for want, test := range map[string]struct {
		what      settling
		opts      []durable.CallbackOption
		timeout   bool
		heartbeat bool
	}{
		`callback "cb" failed: not approved`:                    {what: fails(time.Second, "Rejected", "not approved")},
		`callback "cb" failed: it was not completed in time`:    {what: succeeds(time.Hour, ""), opts: []durable.CallbackOption{second}, timeout: true},
		`callback "cb" failed: no heartbeat came in time`:       {what: succeeds(time.Hour, ""), opts: []durable.CallbackOption{durable.WithHeartbeat(1500 * time.Millisecond), durable.WithTimeout(3 * time.Second)}, timeout: true, heartbeat: true},
		`callback "cb" failed: failed without a recorded error`: {what: settling{0, protocol.ExecutionFailed, nil, nil}},
	} {
		_, err := resultOf[string](t, test.what, test.opts...)
		_, isCallback := durable.Failed(err, protocol.SubTypeCallback)
		if !isCallback || err.Error() != want {
			t.Errorf("got %v, want a CallbackError %q", err, want)
		}
		var timeout *durable.CallbackTimeoutError
		if errors.As(err, &timeout) != test.timeout || errors.Is(err, durable.ErrTimeout) != test.timeout || test.timeout && timeout.Heartbeat != test.heartbeat {
			t.Errorf("%v: as a timeout it is %+v", err, timeout)
		}
	}
}

// An execution that fails because a callback did says what the callback was told.
func TestCallbackFailsTheExecution(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		svc.answers(fails(time.Second, "Rejected", "not approved"))
		out := svc.run(durable.NewHandler(func(ctx durable.Context, _ any) (string, error) {
			cb, err := durable.CreateCallback[string](ctx, "cb")
			if err != nil {
				return "", err
			}
			return cb.Result(ctx)
		}, durable.WithClient(svc)))
		if out.Error == nil || out.Error.ErrorMessage != "not approved" || out.Error.ErrorType != "CallbackError" {
			t.Errorf("got %+v, want a CallbackError that says: not approved", out.Error)
		}
	})
}

func TestCallbackOptions(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		svc.answers(succeeds(0, ""))
		svc.run(durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
			_, err := durable.CreateCallback[string](ctx, "cb", durable.WithTimeout(90*time.Minute), durable.WithHeartbeat(1500*time.Millisecond), durable.WithSubType("Approval"))
			return nil, err
		}, durable.WithClient(svc)))
		u := svc.calls[0][0]
		if diff := cmp.Diff(&protocol.CallbackOptions{TimeoutSeconds: 5400, HeartbeatTimeoutSeconds: 2}, u.CallbackOptions); diff != "" || u.SubType != "Approval" {
			t.Errorf("subtype %q, options (-want +got):\n%s", u.SubType, diff)
		}
	})
}

func TestCallbackBadInput(t *testing.T) {
	with := func(opts ...durable.CallbackOption) func(durable.Context) error {
		return func(ctx durable.Context) error {
			_, err := durable.CreateCallback[string](ctx, "x", opts...)
			return err
		}
	}
	for want, call := range map[string]func(durable.Context) error{
		"the timeout is 0s":                   with(durable.WithTimeout(0)),
		"the timeout is -1s":                  with(durable.WithTimeout(-time.Second)),
		"the heartbeat timeout is 10ms":       with(durable.WithHeartbeat(10 * time.Millisecond)),
		"at most 27777h46m39s are allowed":    with(durable.WithTimeout(30000 * time.Hour)),
		"can never pass":                      with(durable.WithTimeout(time.Second), durable.WithHeartbeat(time.Minute)),
		"an option is nil":                    with(nil),
		`the subtype "a b" is not 1 to 32`:    with(durable.WithSubType("a b")),
		`the subtype "" is not 1 to 32`:       with(durable.WithSubType("")),
		`"Callback" is one that the SDKs use`: with(durable.WithSubType("Callback")),
	} {
		refusedAtTheCall(t, "durable.CreateCallback", want, call)
	}
}

// A callback may outlive the context that made it, and be asked for elsewhere.
func TestCallbackOfAnotherContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		svc.answers(succeeds(time.Minute, "yes"))
		h := durable.NewHandler(func(ctx durable.Context, _ any) (string, error) {
			cb, err := durable.CreateCallback[string](ctx, "outer")
			if err != nil {
				return "", err
			}
			_, err = durable.RunInChildContext(ctx, "large", func(ctx durable.Context) (string, error) {
				_, err := durable.CreateCallback[string](ctx, "left-open")
				return strings.Repeat("x", 300<<10), err
			})
			if err != nil {
				return "", err
			}
			return durable.RunInChildContext(ctx, "asks", func(ctx durable.Context) (string, error) { return cb.Result(ctx) })
		}, durable.WithClient(svc))
		if out := svc.run(h); out.result() != `"yes"` {
			t.Errorf("got %s %s, want yes", out.result(), out.errorText())
		}
	})
}

// Two branches may wait for one callback; whoever comes late gets it too.
func TestCallbackSharedByBranches(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		svc.answers(succeeds(time.Second, "yes"))
		got := make(chan string, 2)
		h := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
			cb, err := durable.CreateCallback[string](ctx, "cb")
			if err != nil {
				return nil, err
			}
			durable.Spawn(ctx, func(ctx durable.Context) {
				v, _ := cb.Result(ctx)
				got <- v
			})
			_, err = durable.Step(ctx, "busy", func(ctx context.Context) (int, error) {
				time.Sleep(5 * time.Second) // the callback is polled for meanwhile
				return 1, nil
			})
			if err != nil {
				return nil, err
			}
			v, err := cb.Result(ctx)
			got <- v
			return nil, err
		}, durable.WithClient(svc))
		if out := svc.run(h); svc.invocations != 1 || out.errorText() != "" {
			t.Errorf("got %s in %d invocations, want 1", out.errorText(), svc.invocations)
		}
		if a, b := <-got, <-got; a != "yes" || b != "yes" {
			t.Errorf("got %q and %q, want yes twice", a, b)
		}
	})
}

func TestCallbackMisuse(t *testing.T) {
	var kept *durable.Callback[string]
	h := func(svc *service) *durable.Handler {
		return durable.NewHandler(func(ctx durable.Context, _ any) (string, error) {
			cb, err := durable.CreateCallback[string](ctx, "cb")
			if err != nil {
				return "", err
			}
			if kept == nil {
				kept = cb
			}
			return kept.Result(ctx)
		}, durable.WithClient(svc))
	}
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		svc.answers(succeeds(time.Minute, "yes"))
		if out := svc.run(h(svc)); !strings.Contains(out.errorText(), `Callback.Result "cb": the callback is of another invocation`) {
			t.Errorf("got %q", out.errorText())
		}
	})
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		out := svc.run(durable.NewHandler(func(ctx durable.Context, _ any) (string, error) {
			cb, err := durable.CreateCallback[string](ctx, "cb")
			if err != nil {
				return "", err
			}
			return durable.Step(ctx, "inside", func(context.Context) (string, error) { return cb.Result(ctx) })
		}, durable.WithClient(svc)))
		if want := `Callback.Result "cb": its context is in use`; !strings.Contains(out.errorText(), want) {
			t.Errorf("got %q, want %q", out.errorText(), want)
		}
	})
}

// A service that gives no id fails the invocation, not the execution.
func TestCallbackWithoutID(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		svc.answers(succeeds(0, "yes"))
		svc.after = func(call int, reply *protocol.CheckpointReply) error {
			if call == 1 {
				reply.Operations = nil
			}
			return nil
		}
		h := durable.NewHandler(func(ctx durable.Context, _ any) (string, error) {
			cb, err := durable.CreateCallback[string](ctx, "")
			if err != nil {
				return "", err
			}
			return cb.Result(ctx)
		}, durable.WithClient(svc))
		if _, err := svc.invoke(h); err == nil || !strings.Contains(err.Error(), "no id") {
			t.Errorf("got %v, want a fault", err)
		}
		if out := svc.run(h); out.result() != `"yes"` {
			t.Errorf("got %s %s, want yes", out.result(), out.errorText())
		}
	})
}

// A callback is a result that someone outside sends.
func ExampleCreateCallback() {
	svc := simulated(`{}`)
	svc.answers(succeeds(48*time.Hour, "approved by Ada"))
	handler := func(ctx durable.Context, _ struct{}) (string, error) {
		approval, err := durable.CreateCallback[string](ctx, "approval", durable.WithTimeout(7*24*time.Hour))
		if err != nil {
			return "", err
		}
		_, err = durable.Step(ctx, "send-mail", func(context.Context) (struct{}, error) {
			fmt.Println("please approve with", approval.ID())
			return struct{}{}, nil
		})
		if err != nil {
			return "", err
		}
		return approval.Result(ctx)
	}
	simulate(durable.NewHandler(handler, durable.WithClient(svc)), svc)
	// Output:
	// please approve with cb-1
	// succeeded: "approved by Ada"
}

// Nobody answered in time.
func ExampleCallback_tooLate() {
	svc := simulated(`{}`)
	handler := func(ctx durable.Context, _ struct{}) (string, error) {
		cb, err := durable.CreateCallback[string](ctx, "approval", durable.WithTimeout(time.Hour))
		if err != nil {
			return "", err
		}
		answer, err := cb.Result(ctx)
		if errors.Is(err, durable.ErrTimeout) {
			return "nobody answered", nil
		}
		return answer, err
	}
	simulate(durable.NewHandler(handler, durable.WithClient(svc)), svc)
	// Output: succeeded: "nobody answered"
}
