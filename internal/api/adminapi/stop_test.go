package adminapi_test

import (
	"context"
	"testing"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/protocol"
)

// A stop over our own API may kill, and keeps its reason.
func TestStopAll(t *testing.T) {
	w := newWorld(t)
	began, ended := make(chan none, 1), make(chan none)
	err := w.engine.Functions().Register(engine.Function{
		Name: "f", Timeout: time.Hour, Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour},
		Invoker: hanging{began, ended},
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := w.engine.Start(t.Context(), &engine.InvokeRequest{Function: "f", Name: "n"})
	if err != nil {
		t.Fatal(err)
	}
	<-began
	reason := &protocol.ErrorObject{ErrorType: "Operator", ErrorMessage: "enough"}
	if err := w.client.StopAll(t.Context(), s.ARN, &adminapi.Stop{Error: reason, Kill: true, Cascade: true}); err != nil {
		t.Fatal(err)
	}
	<-ended
	d, err := w.engine.Describe(t.Context(), s.ARN)
	if err != nil || d.Status != protocol.ExecutionStopped || d.Error == nil || d.Error.ErrorMessage != "enough" {
		t.Errorf("got %+v, %v", d, err)
	}
	err = w.client.StopAll(t.Context(), s.ARN+"0", &adminapi.Stop{})
	if !protocol.HasCode(err, protocol.CodeNotFound) {
		t.Errorf("got %v, want %s", err, protocol.CodeNotFound)
	}
}

type none = struct{}

// hanging goes on until its context ends.
type hanging struct{ began, ended chan none }

func (h hanging) Invoke(ctx context.Context, _ *engine.Invocation) engine.Outcome {
	h.began <- none{}
	<-ctx.Done()
	close(h.ended)
	return engine.Outcome{Error: &protocol.ErrorObject{ErrorType: "Ended"}}
}
