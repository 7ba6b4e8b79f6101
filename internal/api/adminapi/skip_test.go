package adminapi_test

import (
	"errors"
	"testing"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/protocol"
)

func TestSkip(t *testing.T) {
	w := newWorld(t)
	err := w.engine.Functions().Register(engine.Function{
		Name: "f", Durable: &engine.DurableConfig{ExecutionTimeout: 3600e9},
		Invoker: invoker(func(*engine.Invocation) engine.Outcome {
			return engine.Outcome{Error: &protocol.ErrorObject{ErrorType: "Runtime.ExitError"}}
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := w.engine.Start(t.Context(), &engine.InvokeRequest{Function: "f", Name: "n"})
	if err != nil {
		t.Fatal(err)
	}
	failed := 0
	for e := range w.engine.Watch(t.Context(), s.ARN) {
		if e.Type != protocol.EventInvocationCompleted {
			continue
		}
		if failed++; failed == 3 { // the third try would come after three seconds
			break
		}
		if skipped, err := w.client.Skip(t.Context(), s.ARN, &adminapi.Skip{}); err != nil || len(skipped) != 1 ||
			skipped[0].DueTimestamp == 0 {
			t.Fatalf("got %+v, %v", skipped, err)
		}
	}
	_, err = w.client.Skip(t.Context(), s.ARN, &adminapi.Skip{Operation: "x"})
	if e, ok := errors.AsType[*protocol.Error](err); !ok || e.Code != protocol.CodeNotFound {
		t.Errorf("got %v", err)
	}
}
