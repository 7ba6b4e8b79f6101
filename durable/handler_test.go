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

func TestNotAnEnvelope(t *testing.T) {
	h := durable.NewHandler(func(durable.Context, any) (any, error) { return nil, nil })
	for _, payload := range []string{"", "{}", `"text"`, "[1]", "{", `{"order":1}`, `{"DurableExecutionArn":"a"}`} {
		_, err := h.Invoke(t.Context(), []byte(payload))
		if err == nil || !strings.Contains(err.Error(), "DurableConfig") {
			t.Errorf("payload %q: got error %v, want one that says how to deploy", payload, err)
		}
	}
}

func FuzzInvoke(f *testing.F) {
	f.Add([]byte(`{"DurableExecutionArn":"a","CheckpointToken":"t","InitialExecutionState":{"Operations":[{"Id":"e","Type":"EXECUTION"},{"Id":"1","Type":"STEP","Status":"SUCCEEDED"}]}}`))
	f.Add([]byte(`{"DurableExecutionArn":"a","CheckpointToken":"t","InitialExecutionState":{"Operations":[null,{"Id":"99999999999-1"}]}}`))
	h := durable.NewHandler(func(durable.Context, any) (any, error) { return nil, nil }, durable.WithClient(nowhere{}))
	f.Fuzz(func(t *testing.T, payload []byte) {
		reply, err := h.Invoke(t.Context(), payload)
		if err == nil && !json.Valid(reply) {
			t.Errorf("the reply is not JSON: %s", reply)
		}
	})
}

func TestHandlerOutcomes(t *testing.T) {
	type unknown struct{ F func() }
	for name, test := range map[string]struct {
		handler func(durable.Context, order) (any, error)
		input   string
		want    string
	}{
		"result":         {func(_ durable.Context, in order) (any, error) { return in.ID + "<&>", nil }, `{"id":"a"}`, `SUCCEEDED "a<&>" `},
		"no result":      {func(durable.Context, order) (any, error) { return nil, nil }, `{}`, "SUCCEEDED null "},
		"error":          {func(durable.Context, order) (any, error) { return 1, &cardDeclined{Code: 1} }, `{}`, "FAILED  cardDeclined: declined with 1"},
		"panic":          {func(durable.Context, order) (any, error) { panic("oh") }, `{}`, "FAILED  PanicError: panic: oh"},
		"not encodable":  {func(durable.Context, order) (any, error) { return unknown{}, nil }, `{}`, "FAILED  SerdesError: perdure: cannot encode or decode the handler's result: json: unsupported type: func()"},
		"input mismatch": {func(durable.Context, order) (any, error) { return nil, nil }, `[]`, "FAILED  SerdesError: perdure: cannot encode or decode the execution's input: json: cannot unmarshal array into Go value of type durable_test.order"},
		"too large": {
			func(durable.Context, order) (any, error) { return strings.Repeat("x", 6<<20), nil }, `{}`,
			"FAILED  LimitError: perdure: the handler's result is 6291458 bytes long, over the limit of 6291456; store it elsewhere and return a reference",
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, test.input)
				out, err := svc.invoke(durable.NewHandler(test.handler, durable.WithClient(svc)))
				if got := fmt.Sprint(out.Status, " ", out.result(), " ", out.errorText()); err != nil || got != test.want {
					t.Errorf("got %s %v\nwant %s", got, err, test.want)
				}
				if len(svc.calls) != 0 {
					t.Errorf("got %d checkpoints, want none", len(svc.calls))
				}
			})
		})
	}
}

// A result that is too large for the reply closes the execution by a checkpoint.
func TestLargeResultIsCheckpointed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		const size = 6<<20 - 100 // fits, but not with what JSON adds inside JSON
		h := durable.NewHandler(func(durable.Context, any) (string, error) { return strings.Repeat("\"", size/2), nil }, durable.WithClient(svc))
		out, err := svc.invoke(h)
		if err != nil || len(out.result()) != size+2 {
			t.Fatalf("got %d bytes %s %v, want %d", len(out.result()), out.errorText(), err, size+2)
		}
		if u := svc.calls[0][0]; len(svc.calls) != 1 || u.Type != protocol.TypeExecution || u.Action != protocol.ActionSucceed {
			t.Errorf("got %d checkpoints, the first with %s %s; want one EXECUTION SUCCEED", len(svc.calls), u.Type, u.Action)
		}
	})
}

func TestStatePaging(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{"id":"paged"}`)
		svc.pageSize = 2
		bodies := 0
		h := durable.NewHandler(func(ctx durable.Context, in order) (string, error) {
			for range 7 {
				if _, err := durable.Step(ctx, "s", func(context.Context) (int, error) { bodies++; return 0, nil }); err != nil {
					return "", err
				}
			}
			return in.ID, durable.Wait(ctx, "w", time.Second)
		}, durable.WithClient(svc))
		if out := svc.run(h); out.result() != `"paged"` || bodies != 7 {
			t.Errorf("got %s %s after %d bodies, want \"paged\" after 7", out.result(), out.errorText(), bodies)
		}
	})
}

// Suspension runs deferred functions, and user code never sees an error of it.
func TestSuspensionIsInvisible(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		var causes []error
		h := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
			defer func() {
				causes = append(causes, context.Cause(ctx))
				if len(causes) == 1 {
					durable.Wait(ctx, "in a defer", time.Second)
					t.Error("an operation returned in a deferred function of a suspended invocation")
				}
			}()
			if err := durable.Wait(ctx, "w", time.Hour); err != nil {
				t.Errorf("Wait returned %v", err)
			}
			return nil, nil
		}, durable.WithClient(svc))
		if out := svc.run(h); out.Status != protocol.InvocationSucceeded {
			t.Errorf("got %s %s", out.Status, out.errorText())
		}
		if len(causes) != 2 || causes[0] != durable.ErrSuspended || causes[1] != nil {
			t.Errorf("the context's causes were %v, want ErrSuspended, then none", causes)
		}
	})
}

func TestGoexitInHandlerFailsTheInvocation(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		_, err := svc.invoke(stepHandler(svc, func(context.Context) (int, error) {
			t.SkipNow() // as t.Fatal does, this leaves the goroutine
			return 0, nil
		}))
		if err == nil || !strings.Contains(err.Error(), "runtime.Goexit") {
			t.Errorf("got %v, want an error that names runtime.Goexit", err)
		}
	})
}

// What the service says to a checkpoint decides between another invocation
// and the end of the execution; user code has no say.
func TestCheckpointRefused(t *testing.T) {
	for name, test := range map[string]struct {
		err   error
		fault bool
	}{
		"stale token":    {protocol.Errorf(protocol.CodeInvalidParameter, "Invalid checkpoint token: expired"), true},
		"throttled":      {protocol.Errorf(protocol.CodeTooManyRequests, "slow down"), true},
		"service error":  {protocol.Errorf(protocol.CodeService, "oops"), true},
		"network":        {errNowhere, true},
		"proxy":          {&httpError{502}, true},
		"other 4xx":      {protocol.Errorf(protocol.CodeInvalidParameter, "Inconsistent operation name."), false},
		"other casing":   {protocol.Errorf(protocol.CodeInvalidParameter, "Invalid Checkpoint Token"), false},
		"access denied":  {protocol.Errorf("AccessDeniedException", "no"), false},
		"KMS":            {protocol.Errorf("KMSDisabledException", "key"), false},
		"unmodelled 404": {&httpError{404}, false},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, "{}")
				svc.before = func(int) error { return fmt.Errorf("calling: %w", test.err) }
				h := durable.NewHandler(func(ctx durable.Context, _ any) (int, error) {
					durable.Step(ctx, "s", zero)
					t.Error("the step returned")
					return 0, nil
				}, durable.WithClient(svc))
				out, err := svc.invoke(h)
				if fault := err != nil && errors.Is(err, test.err); fault != test.fault {
					t.Errorf("got %s %v, want fault %v", out.errorText(), err, test.fault)
				}
				if !test.fault && !strings.HasPrefix(out.errorText(), "CheckpointError: ") {
					t.Errorf("got %q, want a CheckpointError", out.errorText())
				}
			})
		})
	}
}

type httpError struct{ status int }

func (e *httpError) Error() string       { return fmt.Sprint("status ", e.status) }
func (e *httpError) HTTPStatusCode() int { return e.status }

func TestNoTokenMeansPending(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		log := captureLog()
		svc.after = func(_ int, reply *protocol.CheckpointReply) error {
			reply.Token, reply.Operations = "", nil
			return nil
		}
		h := durable.NewHandler(func(ctx durable.Context, _ any) (int, error) {
			durable.Step(ctx, "s", zero)
			t.Error("the step returned")
			return 0, nil
		}, durable.WithClient(svc), durable.WithLogger(log.logger()))
		reply, err := h.Invoke(t.Context(), svc.envelope())
		if string(reply) != `{"Status":"PENDING"}` || err != nil {
			t.Errorf("got %s %v, want PENDING", reply, err)
		}
		if diff := cmp.Diff([]string{"the service ended this invocation: its reply to a checkpoint has no token"}, log.messages()); diff != "" {
			t.Errorf("log (-want +got):\n%s", diff)
		}
	})
}

// A reply that was lost is made good by the next invocation.
func TestLostReply(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		svc.after = func(call int, _ *protocol.CheckpointReply) error {
			if call == 1 {
				return errNowhere
			}
			return nil
		}
		bodies := 0
		out := svc.run(stepHandler(svc, func(context.Context) (int, error) { bodies++; return bodies, nil }))
		if out.result() != "1" || bodies != 1 {
			t.Errorf("got %s %s after %d bodies, want 1 after one: its result was recorded", out.result(), out.errorText(), bodies)
		}
	})
}

// A derived context takes part in operations through From.
func TestFrom(t *testing.T) {
	type key struct{}
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		h := durable.NewHandler(func(ctx durable.Context, _ any) (string, error) {
			if same, ok := durable.From(ctx); !ok || same != ctx {
				t.Error("From(ctx) is not ctx")
			}
			dctx, ok := durable.From(context.WithValue(ctx, key{}, "carried"))
			if !ok || dctx.ExecutionARN() != testARN || dctx.StartTime() != ctx.StartTime() {
				t.Error("From did not find the context")
			}
			return durable.RunInChildContext(dctx, "c", func(ctx durable.Context) (string, error) {
				return durable.Step(ctx, "s", func(ctx context.Context) (string, error) {
					if _, ok := durable.From(ctx); ok {
						t.Error("a step's body has a durable context")
					}
					if got := durable.ExecutionARN(ctx); got != testARN {
						t.Errorf("got ARN %q in the body", got)
					}
					return ctx.Value(key{}).(string), nil
				})
			})
		}, durable.WithClient(svc))
		if out := svc.run(h); out.result() != `"carried"` {
			t.Errorf("got %s %s, want the context's value", out.result(), out.errorText())
		}
	})
}

// A branch that waits while another works is polled for, and resumes in place.
func TestPolling(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		h := durable.NewHandler(func(ctx durable.Context, _ any) (string, error) {
			start := time.Now()
			var waited time.Duration
			block, wake := durable.Block(ctx)
			durable.Spawn(ctx, func(ctx durable.Context) {
				durable.Wait(ctx, "w", 3*time.Second)
				waited = time.Since(start)
				wake()
			})
			durable.Spawn(ctx, func(ctx durable.Context) {
				durable.Step(ctx, "long", func(context.Context) (int, error) { time.Sleep(time.Minute); return 0, nil })
			})
			block()
			return waited.String(), nil
		}, durable.WithClient(svc))
		out, err := svc.invoke(h)
		if out.result() != `"3s"` || err != nil || svc.invocations != 1 {
			t.Errorf("got %s %s %v in %d invocations, want the wait to end after 3s in one", out.result(), out.errorText(), err, svc.invocations)
		}
		empty := 0
		for _, c := range svc.calls {
			if len(c) == 0 {
				empty++
			}
		}
		if empty != 1 {
			t.Errorf("got %d polls, want 1", empty)
		}
	})
}

// vicious is an error that panics when it is recorded, and when it is read.
type vicious struct{}

func (*vicious) Error() string                { return "vicious" }
func (*vicious) MarshalJSON() ([]byte, error) { panic("on the way out") }
func (*vicious) UnmarshalJSON([]byte) error   { panic("on the way in") }

// brittle panics when errors.Is asks it.
type brittle struct{}

func (brittle) Error() string { return "brittle" }
func (brittle) Is(error) bool { panic("do not touch") }

// Methods of errors run outside of what expects a panic, in goroutines of our own.
func TestErrorsThatPanic(t *testing.T) {
	for want, err := range map[string]error{
		"ChildContextError: child context \"f\" failed: vicious": new(vicious),
		"ChildContextError: child context \"f\" failed: brittle": brittle{},
	} {
		t.Run(want, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, "{}")
				out := svc.run(durable.NewHandler(func(ctx durable.Context, _ any) (int, error) {
					return durable.Go(ctx, "f", func(durable.Context) (int, error) { return 0, err }).Result(ctx)
				}, durable.WithClient(svc), durable.WithErrors(durable.ErrorType[*vicious]("V"), durable.ErrorValue("S", errShop))))
				if out.errorText() != want {
					t.Errorf("got %s, want %s", out.errorText(), want)
				}
			})
		})
	}
}

func TestHandlerMistakes(t *testing.T) {
	for want, opts := range map[string][]durable.HandlerOption{
		"a handler option is nil":            {nil},
		"a plugin is nil":                    {durable.WithPlugins(nil)},
		"the attempt budget is negative":     {durable.WithAttemptBudget(-1)},
		"an ErrorCodec without a name":       {durable.WithErrors(durable.ErrorCodec{})},
		"two ErrorCodecs with the name shop": {durable.WithErrors(durable.ErrorValue("shop", errShop), durable.ErrorType[*vicious]("shop"))},
	} {
		t.Run(want, func(t *testing.T) {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.HasPrefix(got, "perdure: ") || !strings.Contains(got, want) {
					t.Errorf("got %s, want %s", got, want)
				}
			}()
			durable.NewHandler(func(durable.Context, any) (any, error) { return nil, nil }, opts...)
		})
	}
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		h := durable.NewHandler(func(ctx durable.Context, _ any) (int, error) { return durable.Step(ctx, "s", one) },
			durable.WithClient(svc), durable.WithSerdes(nil), durable.WithLogger(nil))
		if out := svc.run(h); out.result() != "1" {
			t.Errorf("nil is the default: got %s", out.errorText())
		}
	})
}
