package adminapi_test

import (
	"errors"
	"testing"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/protocol"
)

func TestForkAndRedrive(t *testing.T) {
	w := newWorld(t)
	w.register(t, "f", `{"Status":"FAILED"}`)
	s, err := w.engine.Start(t.Context(), &engine.InvokeRequest{Function: "f", Name: "n"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.engine.Wait(t.Context(), s.ARN); err != nil {
		t.Fatal(err)
	}
	for want, start := range map[string]func() (*adminapi.Forked, error){
		"n-2": func() (*adminapi.Forked, error) { return w.client.Redrive(t.Context(), s.ARN, &adminapi.Fork{}) },
		"mine": func() (*adminapi.Forked, error) {
			return w.client.Fork(t.Context(), s.ARN, &adminapi.Fork{DurableExecutionName: "mine", Qualifier: "$LATEST"})
		},
	} {
		f, err := start()
		if err != nil || f.DurableExecutionName != want || f.Version != "$LATEST" {
			t.Errorf("got %+v, %v, want the name %s", f, err, want)
			continue
		}
		if x, err := w.client.Explain(t.Context(), f.DurableExecutionArn); err != nil || x.OriginArn != s.ARN {
			t.Errorf("got %+v, %v, want the origin %s", x, err, s.ARN)
		}
	}
	_, err = w.client.Fork(t.Context(), s.ARN, &adminapi.Fork{After: "x", Outcome: &engine.ForkOutcome{}})
	if e, ok := errors.AsType[*protocol.Error](err); !ok || e.Code != protocol.CodeNotFound ||
		e.Message != "The execution has no operation x" {
		t.Errorf("got %v", err)
	}
}
