package durabletest

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/internal/wire"
)

// approval is a function that speaks the protocol by hand: it waits for a
// callback and ends with what that brings.
func approval(x *Execution) func(context.Context, []byte) ([]byte, error) {
	return func(ctx context.Context, payload []byte) ([]byte, error) {
		var in wire.InvocationInput
		if err := json.Unmarshal(payload, &in); err != nil {
			return nil, err
		}
		for _, op := range in.InitialExecutionState.Operations {
			switch {
			case op.Type != wire.TypeCallback:
			case op.Status == wire.StatusSucceeded:
				return json.Marshal(wire.InvocationOutput{Status: wire.InvocationSucceeded, Result: op.Payload})
			case op.Status.Closed():
				return json.Marshal(wire.InvocationOutput{Status: wire.InvocationFailed, Error: op.Error})
			}
		}
		_, err := client{x}.Checkpoint(ctx, &durable.CheckpointRequest{
			ExecutionARN: in.DurableExecutionArn, Token: in.CheckpointToken,
			Updates: []wire.Update{{
				ID: "1", Type: wire.TypeCallback, Action: wire.ActionStart, Name: "approve", SubType: wire.SubTypeCallback,
				CallbackOptions: &wire.CallbackOptions{HeartbeatTimeoutSeconds: 60},
			}},
		})
		return []byte(`{"Status":"PENDING"}`), err
	}
}

func driveApproval(t *testing.T, act func(*testing.T, *Execution)) *Result[string] {
	x := newExecution(t, nil)
	x.invoke = approval(x)
	return newResult[string](t, x.drive(t, act))
}

func TestCallbackSucceeds(t *testing.T) {
	r := driveApproval(t, func(t *testing.T, x *Execution) {
		id := x.Await("approve").CallbackID
		x.Advance(50 * time.Second)
		x.HeartbeatCallback(id)
		x.Advance(50 * time.Second)
		x.SucceedCallback(id, "granted")
	})
	if got := r.Output(); got != "granted" || r.Elapsed != 100*time.Second {
		t.Errorf("got %q after %v, want granted after 1m40s", got, r.Elapsed)
	}
	var result string
	if r.Decode("approve", &result); result != "granted" {
		t.Errorf("the callback's result is %q", result)
	}
}

func TestCallbackFails(t *testing.T) {
	r := driveApproval(t, func(t *testing.T, x *Execution) {
		x.FailCallback(x.Await("approve").CallbackID, "Denied", "not you")
	})
	if r.Status != Failed || r.Error.ErrorType != "Denied" || r.Error.ErrorMessage != "not you" {
		t.Errorf("got %s with %+v", r.Status, r.Error)
	}
}

func TestCallbackThatNobodyCompletes(t *testing.T) {
	r := driveApproval(t, func(*testing.T, *Execution) {})
	if r.Status != Failed || r.Error.ErrorType != wire.ErrorTypeCallbackHeartbeat || r.Elapsed != time.Minute {
		t.Errorf("got %s with %+v after %v, want Callback.Heartbeat after 1m", r.Status, r.Error, r.Elapsed)
	}
}

// A test that ends half way leaves nothing behind, or the bubble would panic.
func TestEverythingEndsWithTheTest(t *testing.T) {
	x := newExecution(t, nil)
	x.invoke = approval(x)
	synctest.Test(t, func(t *testing.T) {
		x.open(t)
		defer x.close()
		x.Await("approve")
	})
}
