package adminapi_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/protocol"
)

func TestExportAndImport(t *testing.T) {
	w, other := newWorld(t), newWorld(t)
	w.register(t, "f", `{"Status":"SUCCEEDED","Result":"1"}`)
	s, err := w.engine.Start(t.Context(), &engine.InvokeRequest{Function: "f", Name: "n"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.engine.Wait(t.Context(), s.ARN); err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := w.client.Export(t.Context(), s.ARN, &file); err != nil {
		t.Fatal(err)
	}
	if f, err := other.client.Import(t.Context(), bytes.NewReader(file.Bytes()), &adminapi.Import{}); err != nil ||
		f.DurableExecutionArn != s.ARN {
		t.Errorf("got %+v, %v", f, err)
	}
	if r, err := other.engine.Wait(t.Context(), s.ARN); err != nil || *r.Payload != "1" {
		t.Errorf("got %+v, %v", r, err)
	}
	if f, err := w.client.Import(t.Context(), bytes.NewReader(file.Bytes()), &adminapi.Import{Fork: true, Name: "copy"}); err != nil ||
		f.DurableExecutionName != "copy" {
		t.Errorf("got %+v, %v", f, err)
	}
	_, err = other.client.Import(t.Context(), bytes.NewReader(file.Bytes()[1:]), &adminapi.Import{})
	if e, ok := errors.AsType[*protocol.Error](err); !ok || e.Message != "The file cannot be imported: it is no exported execution." {
		t.Errorf("got %v", err)
	}
	err = w.client.Export(t.Context(), s.ARN+"0", &file)
	if e, ok := errors.AsType[*protocol.Error](err); !ok || e.Code != protocol.CodeNotFound {
		t.Errorf("got %v", err)
	}
}
