package durableinsight_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/durable/durableinsight"
)

var start = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// two are the records that the sinks are tested with.
var two = []durableinsight.Record{
	{
		ID: "arn/1", Kind: durableinsight.Operation, Execution: "arn", Operation: "1", Type: "STEP", SubType: "Step", Name: "charge", Attempts: 2,
		Status: "FAILED", Start: start, End: start.Add(time.Second), DurationMillis: 1000,
		Error: &durableinsight.Error{Type: "CardDeclined", Message: "<no>"},
	},
	{ID: "arn", Kind: durableinsight.Execution, Execution: "arn", Status: "SUCCEEDED", Start: start, End: start, Input: "1", Result: "2"},
}

const twoLines = `{"id":"arn/1","kind":"operation","execution":"arn","operation":"1","type":"STEP","subType":"Step","name":"charge","attempts":2,"status":"FAILED","start":"2026-11-01T12:00:00Z","end":"2026-11-01T12:00:01Z","durationMs":1000,"error":{"type":"CardDeclined","message":"<no>"}}
{"id":"arn","kind":"execution","execution":"arn","status":"SUCCEEDED","start":"2026-11-01T12:00:00Z","end":"2026-11-01T12:00:00Z","durationMs":0,"input":"1","result":"2"}
`

func TestLines(t *testing.T) {
	var buf bytes.Buffer
	if err := durableinsight.Lines(&buf).Deliver(t.Context(), two); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(twoLines, buf.String()); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	_, closed, _ := os.Pipe()
	closed.Close()
	if err := durableinsight.Lines(closed).Deliver(t.Context(), two); err == nil {
		t.Error("a writer that fails took the records")
	}
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "insight.jsonl")
	for range 2 {
		if err := durableinsight.File(path).Deliver(t.Context(), two); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(path)
	if diff := cmp.Diff(twoLines+twoLines, string(data)); err != nil || diff != "" {
		t.Errorf("%v; the file (-want +got):\n%s", err, diff)
	}
	if err := durableinsight.File(filepath.Join(path, "below")).Deliver(t.Context(), two); err == nil {
		t.Error("a file that cannot be took the records")
	}
}

func TestHTTP(t *testing.T) {
	var got []durableinsight.Record
	status := http.StatusAccepted
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = nil
		if r.Header.Get("Authorization") != "secret" || r.Header.Get("Content-Type") != "application/json" || r.Method != http.MethodPost || r.Header["X-Idempotency-Key"] != nil {
			t.Errorf("%s with %v", r.Method, r.Header)
		}
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		w.WriteHeader(status)
		io.WriteString(w, "said the server")
	}))
	defer server.Close()
	sink := durableinsight.HTTP{URL: server.URL, Header: http.Header{"Authorization": {"secret"}}, Client: server.Client()}
	if err := sink.Deliver(t.Context(), two); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(two, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	if len(sink.Header) != 1 {
		t.Errorf("the sink's own header is now %v", sink.Header)
	}
	status = http.StatusServiceUnavailable
	if err := sink.Deliver(t.Context(), two); err == nil || !strings.Contains(err.Error(), "503") || !strings.Contains(err.Error(), "said the server") {
		t.Errorf("got %v, want what the server said", err)
	}
	if err := (durableinsight.HTTP{URL: "http://127.0.0.1:1/"}).Deliver(t.Context(), two); err == nil {
		t.Error("nobody took the records")
	}
	if err := (durableinsight.HTTP{URL: ":"}).Deliver(t.Context(), two); err == nil {
		t.Error("a URL that is none took the records")
	}
}

func TestSlog(t *testing.T) {
	var buf bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&buf, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	if err := durableinsight.Slog(logger).Deliver(context.Background(), two); err != nil {
		t.Fatal(err)
	}
	want := `level=ERROR msg="operation failed" id=arn/1 execution=arn start=2026-11-01T12:00:00.000Z end=2026-11-01T12:00:01.000Z durationMs=1000 operation=1 type=STEP subType=Step name=charge attempts=2 error.type=CardDeclined error.message=<no>
level=INFO msg="execution succeeded" id=arn execution=arn start=2026-11-01T12:00:00.000Z end=2026-11-01T12:00:00.000Z durationMs=0 input=1 result=2
`
	if diff := cmp.Diff(want, buf.String()); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}
