package durable_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/protocol"
)

func TestRaw(t *testing.T) {
	type text string
	roundTrip := func(v, into any) string {
		data, err := durable.Raw.Marshal(t.Context(), v)
		if err == nil {
			err = durable.Raw.Unmarshal(t.Context(), data, into)
		}
		return fmt.Sprintf("%s %v", data, err)
	}
	if got := roundTrip("a\"b", new(string)); got != `a"b <nil>` {
		t.Errorf("a string: got %s", got)
	}
	var message json.RawMessage
	if got := roundTrip(json.RawMessage(`{"a":1}`), &message); got != `{"a":1} <nil>` || string(message) != `{"a":1}` {
		t.Errorf("JSON: got %s, then %s", got, message)
	}
	var own text
	if roundTrip(text("own"), &own); own != "own" {
		t.Errorf("a type of one's own: got %q", own)
	}
	if got := roundTrip(7, new(int)); !strings.Contains(got, "not for int") {
		t.Errorf("an int: got %s", got)
	}
	if err := durable.Raw.Unmarshal(t.Context(), []byte("7"), new(int)); err == nil || !strings.Contains(err.Error(), "not for int") {
		t.Errorf("into an int: got %v", err)
	}
}

func TestRawInTheHistory(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		out := svc.run(handle(svc, func(ctx durable.Context) (string, error) {
			return durable.Step(ctx, "s", func(context.Context) (string, error) { return "as it is", nil }, durable.WithSerdes(durable.Raw))
		}))
		if got := *svc.find("1").Payload; got != "as it is" || out.result() != `"as it is"` {
			t.Errorf("recorded %s, got %s %s", got, out.result(), out.errorText())
		}
	})
}

// cents writes an amount as people do.
var cents = durable.SerdesOf(
	func(_ context.Context, n int) ([]byte, error) {
		return fmt.Appendf(nil, "%d.%02d EUR", n/100, n%100), nil
	},
	func(_ context.Context, data []byte) (int, error) {
		var euros, cents int
		_, err := fmt.Sscanf(string(data), "%d.%d EUR", &euros, &cents)
		return euros*100 + cents, err
	},
)

func TestSerdesOf(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var svc *service
		reads := durable.SerdesOf(nil, func(_ context.Context, data []byte) (fmt.Stringer, error) {
			return &strings.Builder{}, nil
		})
		for want, call := range map[string]func(durable.Context) error{
			"": func(ctx durable.Context) error {
				n, err := durable.Step(ctx, "price", func(context.Context) (int, error) { return 1234, nil }, durable.WithSerdes(cents))
				if n != 1234 || *svc.find("1").Payload != "12.34 EUR" {
					t.Errorf("got %d, recorded %s", n, *svc.find("1").Payload)
				}
				return err
			},
			"the Serdes is for int, not for string": func(ctx durable.Context) error {
				return second(durable.Step(ctx, "s", func(context.Context) (string, error) { return "", nil }, durable.WithSerdes(cents)))
			},
			"no function to encode with": func(ctx durable.Context) error {
				return second(durable.Step(ctx, "s", func(context.Context) (fmt.Stringer, error) { return nil, nil }, durable.WithSerdes(reads)))
			},
			"no function to decode with": func(ctx durable.Context) error {
				writes := durable.SerdesOf(func(context.Context, int) ([]byte, error) { return nil, nil }, nil)
				return second(durable.Step(ctx, "s", func(context.Context) (int, error) { return 0, nil }, durable.WithSerdes(writes)))
			},
			" ": func(ctx durable.Context) error { // a callback is only read
				cb, err := durable.CreateCallback[fmt.Stringer](ctx, "cb", durable.WithSerdes(reads))
				if err != nil {
					return err
				}
				return second(cb.Result(ctx))
			},
		} {
			svc = newService(t, "{}")
			svc.answers(succeeds(0, "anything"))
			out := svc.run(handle(svc, func(ctx durable.Context) (any, error) { return nil, call(ctx) }))
			if want = strings.TrimSpace(want); want == "" && out.errorText() != "" || !strings.Contains(out.errorText(), want) {
				t.Errorf("got %q, want %q", out.errorText(), want)
			}
		}
	})
}

// A Serdes that is for the user's values only has nothing to do with the SDK's own.
func TestSerdesOfTheHandlerIsForTheUsersValues(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		svc.handedOut = func(op *protocol.Operation) { svc.settles(op, succeeds(0, "sent")) }
		undone := 0
		runs := allRunsOf(t, svc, func(ctx durable.Context) (any, error) {
			v, err := durable.WaitForCallback[string](ctx, "callback", func(context.Context, string) error { return nil })
			if err != nil {
				return nil, err
			}
			_, saga := durable.RunSaga(ctx, "saga", func(_ durable.Context, s *durable.Saga) (string, error) {
				s.Compensate("undo", func(context.Context) error { undone++; return nil })
				return "", errItem
			})
			g := new(durable.Graph)
			a := durable.AddTask(g, "a", func(durable.Context) (string, error) { return "a", nil }).Compensate(func(durable.Context, string) error { undone++; return nil })
			durable.AddTask(g, "b", func(durable.Context) (string, error) { return "", errItem }).After(a)
			return v, errors.Join(saga, g.Run(ctx, "graph"))
		}, durable.WithSerdes(durable.Raw))
		if undone != 2 || strings.Contains(runs[0].err, "durable.Raw is for") {
			t.Errorf("%d compensations ran: %s", undone, runs[0].err)
		}
	})
}
