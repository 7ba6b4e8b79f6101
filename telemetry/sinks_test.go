package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/telemetry"
)

// two are the records that the sinks are tested with.
var two = []telemetry.Record{
	{RecordType: telemetry.RecordType, ExecutionARN: "arn/1", Status: "FAILED", EmittedAt: 1,
		Error: &telemetry.Error{Name: "CardDeclined", Message: "<no>"}},
	{RecordType: telemetry.RecordType, ExecutionARN: "arn/2", Status: "SUCCEEDED", EmittedAt: 2,
		Input: json.RawMessage("\"a\u2028b\u2029\"")},
}

const twoLines = `{"recordType":"DurableExecutionTelemetry","schemaVersion":"","emittedAt":"1970-01-01T00:00:00.001Z","executionArn":"arn/1","functionName":"","functionQualifier":"","region":"","accountId":"","status":"FAILED","error":{"name":"CardDeclined","message":"<no>"}}
{"recordType":"DurableExecutionTelemetry","schemaVersion":"","emittedAt":"1970-01-01T00:00:00.002Z","executionArn":"arn/2","functionName":"","functionQualifier":"","region":"","accountId":"","status":"SUCCEEDED","input":"a\u2028b\u2029"}
`

func TestLines(t *testing.T) {
	var buf bytes.Buffer
	if err := telemetry.Lines(&buf).Deliver(t.Context(), two); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(twoLines, buf.String()); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	_, closed, _ := os.Pipe()
	closed.Close()
	if err := telemetry.Lines(closed).Deliver(t.Context(), two); err == nil {
		t.Error("a writer that fails took the records")
	}
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "insight.jsonl")
	for range 2 {
		if err := telemetry.File(path).Deliver(t.Context(), two); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(path)
	if diff := cmp.Diff(twoLines+twoLines, string(data)); err != nil || diff != "" {
		t.Errorf("%v; the file (-want +got):\n%s", err, diff)
	}
	if err := telemetry.File(filepath.Join(path, "below")).Deliver(t.Context(), two); err == nil {
		t.Error("a file that cannot be took the records")
	}
}

// endpoint is one that takes records, and keeps what it was sent.
type endpoint struct {
	*httptest.Server
	bodies, kinds []string
	status        func(n int) int // of the answer to the nth request, from 1
}

func newEndpoint(t *testing.T) *endpoint {
	e := &endpoint{status: func(int) int { return http.StatusAccepted }}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "secret" || r.Method != http.MethodPost || r.Header["X-Idempotency-Key"] != nil {
			t.Errorf("%s with %v", r.Method, r.Header)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		e.bodies, e.kinds = append(e.bodies, string(body)), append(e.kinds, r.Header.Get("Content-Type"))
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(e.status(len(e.bodies)))
		io.WriteString(w, "said the server")
	}))
	t.Cleanup(e.Close)
	return e
}

func (e *endpoint) sink() telemetry.HTTP {
	return telemetry.HTTP{URL: e.URL, Header: http.Header{"Authorization": {"secret"}}}
}

// Each record is a request of its own, or all are one.
func TestHTTP(t *testing.T) {
	e := newEndpoint(t)
	sink := e.sink()
	if err := sink.Deliver(t.Context(), two); err != nil {
		t.Fatal(err)
	}
	sink.Together = true
	if err := sink.Deliver(t.Context(), two); err != nil {
		t.Fatal(err)
	}
	want := []string{string(two[0].JSON()), string(two[1].JSON()), twoLines}
	if diff := cmp.Diff(want, e.bodies); diff != "" {
		t.Errorf("bodies (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"application/json", "application/json", "application/x-ndjson"}, e.kinds); diff != "" {
		t.Errorf("types (-want +got):\n%s", diff)
	}
	if len(sink.Header) != 1 {
		t.Errorf("the sink's own header is now %v", sink.Header)
	}
}

// What an endpoint took before it refused one is not sent again. A redirect is a
// refusal, as it would take the headers elsewhere.
func TestHTTPRefusal(t *testing.T) {
	for _, status := range []int{http.StatusServiceUnavailable, http.StatusFound, http.StatusTemporaryRedirect, http.StatusNotModified} {
		e := newEndpoint(t)
		e.status = func(n int) int { return map[bool]int{true: http.StatusOK, false: status}[n == 1] }
		left, err := telemetry.Deliver(t.Context(), e.sink(), two)
		if left != 1 || err == nil || !strings.Contains(err.Error(), http.StatusText(status)) || len(e.bodies) != 2 {
			t.Errorf("%d: got %d left, %v after %d requests; want 1 left and what the server said", status, left, err, len(e.bodies))
		}
	}
	for _, url := range []string{"http://127.0.0.1:1/", ":"} {
		if err := (telemetry.HTTP{URL: url}).Deliver(t.Context(), two); err == nil {
			t.Errorf("%s took the records", url)
		}
	}
	if err := (telemetry.HTTP{URL: "http://me:hidden@127.0.0.1:1/"}).Deliver(t.Context(), two); strings.Contains(err.Error(), "hidden") {
		t.Errorf("%v has the password", err)
	}
}

func TestDeliver(t *testing.T) {
	for name, x := range map[string]struct {
		sink telemetry.SinkFunc
		left int
	}{
		"takes":          {func(context.Context, []telemetry.Record) error { return nil }, 0},
		"refuses":        {func(context.Context, []telemetry.Record) error { return errors.New("no") }, 2},
		"panics":         {func(context.Context, []telemetry.Record) error { panic("no") }, 2},
		"takes one":      {func(context.Context, []telemetry.Record) error { return &telemetry.PartialError{Taken: 1, Err: io.EOF} }, 1},
		"takes too many": {func(context.Context, []telemetry.Record) error { return &telemetry.PartialError{Taken: 9, Err: io.EOF} }, 0},
	} {
		left, err := telemetry.Deliver(t.Context(), x.sink, two)
		if left != x.left || (err == nil) != (name == "takes") {
			t.Errorf("%s: got %d left and %v, want %d", name, left, err, x.left)
		}
	}
}

func TestSlog(t *testing.T) {
	var buf bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&buf, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	if err := telemetry.Slog(logger).Deliver(t.Context(), two[:1]); err != nil {
		t.Fatal(err)
	}
	want := `{"level":"ERROR","msg":"execution failed","record":` + string(two[0].JSON()) + "}\n"
	if diff := cmp.Diff(want, buf.String()); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}
