package adminapi_test

import (
	"errors"
	"testing"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

func TestExplain(t *testing.T) {
	w := newWorld(t)
	err := w.engine.Functions().Register(engine.Function{
		Name: "f", Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour},
		Invoker: invoker(func(*engine.Invocation) engine.Outcome {
			return engine.Outcome{Error: &protocol.ErrorObject{ErrorType: "Runtime.ExitError", ErrorMessage: "exit status 7"}}
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := w.engine.Start(t.Context(), &engine.InvokeRequest{Function: "f", Name: "n"})
	if err != nil {
		t.Fatal(err)
	}
	for e := range w.engine.Watch(t.Context(), s.ARN) { // until the first invocation has failed
		if e.Type == protocol.EventInvocationCompleted {
			break
		}
	}
	x, err := w.client.Explain(t.Context(), s.ARN)
	if err != nil {
		t.Fatal(err)
	}
	want := "the last invocation failed (Runtime.ExitError: exit status 7); next try in 1s"
	if x.Text != want || x.DurableExecutionArn != s.ARN || x.Status != protocol.ExecutionRunning || x.Total != 1 ||
		x.ExpectedExecutionTimeoutTimestamp == 0 {
		t.Errorf("got %+v, want the text %q", x, want)
	}
	if r := x.Reasons[0]; r.Kind != "failing" || r.Text != want || r.Count != 1 || r.Error.ErrorType != "Runtime.ExitError" ||
		r.Until <= r.Since {
		t.Errorf("got %+v", r)
	}
	_, err = w.client.Explain(t.Context(), s.ARN+"0")
	if e, ok := errors.AsType[*protocol.Error](err); !ok || e.Code != protocol.CodeNotFound {
		t.Errorf("of no execution: got %v", err)
	}
	_, err = w.client.Explain(t.Context(), "nonsense")
	if e, ok := errors.AsType[*protocol.Error](err); !ok || e.Code != protocol.CodeInvalidParameter {
		t.Errorf("of nonsense: got %v", err)
	}
}
