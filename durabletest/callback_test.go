package durabletest_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durabletest"
)

// approval waits for a callback that has to show signs of life.
func approval(ctx durable.Context, _ any) (string, error) {
	c, err := durable.CreateCallback[string](ctx, "approve", durable.WithHeartbeat(time.Minute))
	if err != nil {
		return "", err
	}
	return c.Result(ctx)
}

func TestCallbackSucceeds(t *testing.T) {
	r := durabletest.Drive(t, approval, nil, func(t *testing.T, x *durabletest.Execution) {
		id := x.Callback("approve")
		x.Advance(50 * time.Second)
		x.HeartbeatCallback(id)
		x.Advance(50 * time.Second)
		x.SucceedCallback(id, "granted")
	})
	if got := r.Output(); got != "granted" || r.Elapsed != 100*time.Second {
		t.Errorf("got %q after %v, want granted after 1m40s", got, r.Elapsed)
	}
	if op := r.Operation("approve"); op.Status != "SUCCEEDED" || *op.Payload != "granted" || op.CallbackID == "" {
		t.Errorf("got callback %+v", op)
	}
}

func TestCallbackInsideOfWaitForCallback(t *testing.T) {
	handler := func(ctx durable.Context, _ any) (int, error) {
		return durable.WaitForCallback[int](ctx, "count", func(context.Context, string) error { return nil })
	}
	r := durabletest.Drive(t, handler, nil, func(t *testing.T, x *durabletest.Execution) {
		x.SucceedCallback(x.Callback("count"), "7")
	})
	if got := r.Output(); got != 7 {
		t.Errorf("got %d, want 7", got)
	}
}

func TestCallbackFails(t *testing.T) {
	r := durabletest.Drive(t, approval, nil, func(t *testing.T, x *durabletest.Execution) {
		x.FailCallback(x.Callback("approve"), "Denied", "not you")
	})
	if op := r.Operation("approve"); r.Status != durabletest.Failed || op.Error.ErrorType != "Denied" ||
		op.Error.ErrorMessage != "not you" {
		t.Errorf("got %s with %+v", r.Status, op.Error)
	}
}

func TestCallbackThatNobodyCompletes(t *testing.T) {
	r := durabletest.Run(t, approval, nil)
	if op := r.Operation("approve"); r.Status != durabletest.Failed || op.Error.ErrorType != "Callback.Heartbeat" ||
		r.Elapsed != time.Minute {
		t.Errorf("got %s with %+v after %v, want Callback.Heartbeat after 1m", r.Status, op.Error, r.Elapsed)
	}
}

// seatsOf asks another function.
func seatsOf(ctx durable.Context, train string) (int, error) {
	return durable.Invoke(ctx, "look_up", durable.Function[string, int]{Name: "seats"}, train)
}

func TestStubAnswers(t *testing.T) {
	var asked []string
	r := durabletest.Drive(t, seatsOf, "EC 173", func(_ *testing.T, x *durabletest.Execution) {
		durabletest.Stub(x, "seats", func(_ context.Context, train string) (int, error) {
			asked = append(asked, train)
			time.Sleep(time.Second)
			return 420, nil
		})
	})
	if got := r.Output(); got != 420 || r.Elapsed != time.Second {
		t.Errorf("got %d after %v, want 420 after 1s", got, r.Elapsed)
	}
	if diff := cmp.Diff([]string{"EC 173"}, asked); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestStubFails(t *testing.T) {
	for name, stub := range map[string]func(x *durabletest.Execution){
		"errorString": func(x *durabletest.Execution) {
			durabletest.Stub(x, "seats", func(context.Context, string) (int, error) { return 0, errors.New("no such train") })
		},
		"UnmarshalTypeError": func(x *durabletest.Execution) {
			durabletest.Stub(x, "seats", func(context.Context, bool) (int, error) { return 1, nil })
		},
		"UnsupportedValueError": func(x *durabletest.Execution) {
			durabletest.Stub(x, "seats", func(context.Context, json.RawMessage) (any, error) { return math.Inf(1), nil })
		},
		"ResourceNotFoundException": func(*durabletest.Execution) {},
	} {
		t.Run(name, func(t *testing.T) {
			r := durabletest.Drive(t, seatsOf, "EC 0", func(_ *testing.T, x *durabletest.Execution) { stub(x) })
			if op := r.Operation("look_up"); r.Status != durabletest.Failed || op.Error.ErrorType != name {
				t.Errorf("got %s, and the call %s with %+v", r.Status, op.Status, op.Error)
			}
		})
	}
}
