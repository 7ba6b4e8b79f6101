package durable_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/protocol"
)

func TestChildContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		runs := 0
		h := durable.NewHandler(func(ctx durable.Context, _ any) (int, error) {
			n, err := durable.RunInChildContext(ctx, "child", func(ctx durable.Context) (int, error) {
				runs++
				n, err := durable.Step(ctx, "inner", func(context.Context) (int, error) { return 41, nil })
				if err != nil {
					return 0, err
				}
				return n + 1, durable.Wait(ctx, "pause", 1500*time.Millisecond)
			})
			if err != nil {
				return 0, err
			}
			return n, durable.Wait(ctx, "after", time.Second)
		}, durable.WithClient(svc))
		start := time.Now()
		if out := svc.run(h); out.result() != "42" {
			t.Errorf("got %s %s, want 42", out.result(), out.errorText())
		}
		if runs != 2 {
			t.Errorf("the child ran %d times, want 2: not again once it has closed", runs)
		}
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("took %v, want 3s: fractions of a second round up", d)
		}
		var ids []string
		for _, op := range svc.ops {
			ids = append(ids, op.ID+" in "+op.ParentID+": "+op.SubType+" "+op.Name)
		}
		want := []string{"1 in : RunInChildContext child", "1-1 in 1: Step inner", "1-2 in 1: Wait pause", "2 in : Wait after"}
		if diff := cmp.Diff(want, ids); diff != "" {
			t.Errorf("operations (-want +got):\n%s", diff)
		}
		// START of the child and its step, and the step's result, are one call.
		if len(svc.calls) != 4 {
			t.Errorf("got %d checkpoints, want 4", len(svc.calls))
		}
	})
}

func TestChildContextFails(t *testing.T) {
	for name, fn := range map[string]func(durable.Context) (int, error){
		"error": func(durable.Context) (int, error) { return 0, &cardDeclined{Code: 5} },
		"panic": func(durable.Context) (int, error) { panic(&cardDeclined{Code: 5}) },
		"in a step of it": func(ctx durable.Context) (int, error) {
			return durable.Step(ctx, "", func(context.Context) (int, error) { return 0, &cardDeclined{Code: 5} },
				durable.WithRetry(retry.None()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, "{}")
				var seen []string
				h := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
					_, err := durable.RunInChildContext(ctx, "child", fn)
					var card *cardDeclined
					_, isChild := durable.Failed(err, protocol.SubTypeRunInChildContext)
					if !errors.As(err, &card) || card.Code != 5 || !isChild {
						t.Errorf("got %v, want a ChildContextError of a cardDeclined", err)
					}
					seen = append(seen, err.Error())
					return nil, durable.Wait(ctx, "", time.Second)
				}, durable.WithClient(svc), durable.WithErrors(durable.ErrorType[*cardDeclined]("CardDeclined")))
				svc.run(h)
				if len(seen) != 2 || seen[0] != seen[1] || svc.ops[0].Error.ErrorType != "CardDeclined" {
					t.Errorf("the handler saw %q, recorded was %+v", seen, svc.ops[0].Error)
				}
			})
		})
	}
}

// largeChild is a handler whose child has a result over the inline limit.
func largeChild(svc *service, size int, inner func(durable.Context) error) *durable.Handler {
	return durable.NewHandler(func(ctx durable.Context, _ any) (int, error) {
		s, err := durable.RunInChildContext(ctx, "large", func(ctx durable.Context) (string, error) {
			half, err := durable.Step(ctx, "half", func(context.Context) (string, error) { return strings.Repeat("x", size/2), nil })
			if err == nil {
				err = inner(ctx)
			}
			return half + half, err
		})
		if err != nil {
			return 0, err
		}
		return len(s), durable.Wait(ctx, "pause", time.Second)
	}, durable.WithClient(svc))
}

func TestLargeChildReplaysChildren(t *testing.T) {
	const size = 300 << 10
	none := func(durable.Context) error { return nil }
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		if out := svc.run(largeChild(svc, size, none)); out.result() != "307200" {
			t.Errorf("got %s %s, want 307200", out.result(), out.errorText())
		}
		if op := svc.ops[0]; !op.ReplayChildren || *op.Payload != "" {
			t.Errorf("the child closed with ReplayChildren %v and %d bytes, want no payload", op.ReplayChildren, len(*op.Payload))
		}
	})
	// What is rebuilt may do nothing new, and must not fail.
	for want, inner := range map[string]func(durable.Context) error{
		`the code now does WAIT/Wait "new", but nothing was recorded`: func(ctx durable.Context) error {
			return durable.Wait(ctx, "new", time.Second)
		},
		`succeeded, but the code now fails: changed`: func(durable.Context) error { return errors.New("changed") },
	} {
		t.Run(want, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, "{}")
				if _, err := svc.invoke(largeChild(svc, size, none)); err != nil {
					t.Fatal(err)
				}
				if out := svc.run(largeChild(svc, size, inner)); !strings.Contains(out.errorText(), want) {
					t.Errorf("got %q, want %q in it", out.errorText(), want)
				}
			})
		})
	}
}
