package httpfunction_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/freeport"
	"github.com/perdure/perdure/internal/function/httpfunction"
	"github.com/perdure/perdure/protocol"
)

func newFunction(t *testing.T, url string) *httpfunction.Function {
	t.Helper()
	f, err := httpfunction.New(httpfunction.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func invocation() *engine.Invocation {
	return &engine.Invocation{
		RequestID: "r-1", Timeout: 20 * time.Second, Payload: []byte(`{"n":1}`),
		TraceID: "Root=1", TenantID: "blue", ClientContext: `{"a":1}`,
	}
}

func TestRequest(t *testing.T) {
	var got *http.Request
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		io.WriteString(w, `{"Status":"PENDING"}`)
	}))
	defer server.Close()
	out := newFunction(t, server.URL+"/2015-03-31/functions/function/invocations").Invoke(t.Context(), invocation())
	if diff := cmp.Diff(engine.Outcome{Payload: []byte(`{"Status":"PENDING"}`)}, out); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
	if got.URL.Path != "/2015-03-31/functions/function/invocations" || string(body) != `{"n":1}` {
		t.Errorf("got %s with %s", got.URL, body)
	}
	for name, want := range map[string]string{
		"X-Amz-Invocation-Type": "RequestResponse", "X-Amzn-Trace-Id": "Root=1", "X-Amz-Tenant-Id": "blue",
		"X-Amz-Client-Context": "eyJhIjoxfQ==",
	} {
		if got := got.Header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestAnswers(t *testing.T) {
	const document = `{"errorMessage":"no stock","errorType":"OutOfStock","stackTrace":["at order"]}`
	for name, c := range map[string]struct {
		status    int
		header    string
		body      string
		payload   string
		errorType string
		message   string
		unstarted bool
	}{
		"payload":                {status: 200, body: `{"Status":"SUCCEEDED"}`, payload: `{"Status":"SUCCEEDED"}`},
		"error":                  {status: 200, header: "Unhandled", body: document, errorType: "OutOfStock", message: "no stock"},
		"error without header":   {status: 200, body: document, errorType: "OutOfStock", message: "no stock"},
		"error that says little": {status: 200, header: "Unhandled", body: `"oh"`, errorType: "Unhandled", message: `"oh"`},
		"payload like an error": {status: 200, body: `{"errorMessage":"a","errorType":"b","Status":"FAILED"}`,
			payload: `{"errorMessage":"a","errorType":"b","Status":"FAILED"}`},
		"timeout as text": {status: 200, body: "Task timed out after 3.00 seconds", errorType: protocol.ErrorTypeTimedOut,
			message: "RequestId: r-1 Error: Task timed out after 3.00 seconds"},
		"init failed":   {status: 502, body: document, errorType: "OutOfStock", message: "no stock"},
		"busy emulator": {status: 400, errorType: protocol.ErrorTypeSandboxFailure, message: "400 Bad Request", unstarted: true},
		"throttled": {status: 429, body: `{"Reason":"x"}`, errorType: protocol.ErrorTypeSandboxFailure,
			message: `429 Too Many Requests {"Reason":"x"}`, unstarted: true},
		"redirect": {status: 302, errorType: protocol.ErrorTypeSandboxFailure, message: "302 Found", unstarted: true},
		"gateway": {status: 502, body: "<html>", errorType: protocol.ErrorTypeSandboxFailure,
			message: "502 Bad Gateway <html>", unstarted: true},
		"too large": {status: 200, body: strings.Repeat(" ", 6<<20+101), errorType: "Function.ResponseSizeTooLarge",
			message: "exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if c.header != "" {
					w.Header().Set("X-Amz-Function-Error", c.header)
				}
				if c.status == 302 {
					w.Header().Set("Location", "http://127.0.0.1:1/")
				}
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			}))
			defer server.Close()
			out := newFunction(t, server.URL).Invoke(t.Context(), invocation())
			if c.errorType == "" {
				if out.Error != nil || string(out.Payload) != c.payload {
					t.Errorf("got %q and error %+v, want %q", out.Payload, out.Error, c.payload)
				}
				return
			}
			if out.Error == nil || out.Error.ErrorType != c.errorType || !strings.Contains(out.Error.ErrorMessage, c.message) ||
				out.Unstarted != c.unstarted {
				t.Errorf("got %q, %+v, unstarted %t; want %s with %q, unstarted %t", out.Payload, out.Error, out.Unstarted, c.errorType,
					c.message, c.unstarted)
			}
		})
	}
}

func TestNobodyThere(t *testing.T) {
	out := newFunction(t, "http://"+freeport.For(t)).Invoke(t.Context(), invocation())
	if out.Error == nil || !out.Unstarted {
		t.Errorf("got %+v, want Unstarted", out)
	}
}

// What breaks off may have done anything.
func TestConnectionBreaks(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, `{"Sta`)
		panic(http.ErrAbortHandler)
	}))
	defer server.Close()
	out := newFunction(t, server.URL).Invoke(t.Context(), invocation())
	if out.Error == nil || out.Error.ErrorType != protocol.ErrorTypeSandboxFailure || out.Unstarted {
		t.Errorf("got %+v, want Sandbox.Failure", out)
	}
}

func TestTimeoutAndTurns(t *testing.T) {
	running := make(chan struct{}, 2)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		running <- struct{}{}
		<-r.Context().Done()
	}))
	defer server.Close()
	f := newFunction(t, server.URL)
	inv := invocation()
	inv.Timeout = 50 * time.Millisecond
	out := f.Invoke(t.Context(), inv)
	if out.Error == nil || out.Error.ErrorMessage != "RequestId: r-1 Error: Task timed out after 0.05 seconds" {
		t.Errorf("got %+v, want a timeout", out.Error)
	}
	<-running

	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan engine.Outcome)
	go func() { done <- f.Invoke(ctx, invocation()) }()
	<-running
	other, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if out := f.Invoke(other, invocation()); !out.Unstarted || len(running) != 0 {
		t.Errorf("a second invocation at the same time: got %+v, want Unstarted", out)
	}
	cancel()
	if out := <-done; out.Error == nil || out.Error.ErrorType != protocol.ErrorTypeSandboxFailure || out.Unstarted {
		t.Errorf("cancelled: got %+v, want Sandbox.Failure", out)
	}
}

func TestBadURLs(t *testing.T) {
	for _, url := range []string{"", "order", "file:///etc/passwd", "http://", "http://user:secret@host/", "://"} {
		if _, err := httpfunction.New(httpfunction.Config{URL: url}); err == nil {
			t.Errorf("%q is taken for an endpoint", url)
		}
	}
}
