package runtimeapi_test

import (
	"net"
	"net/http"
	"testing"

	"github.com/perdure/perdure/internal/api/runtimeapi"
)

func attachPort(t *testing.T) process {
	t.Helper()
	server, err := runtimeapi.Listen(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	count := &polls{}
	session, err := server.AttachPort(1, count.hear)
	if err != nil {
		t.Fatal(err)
	}
	return process{t, session, count}
}

// Rust's runtime client, for one, makes a URI of AWS_LAMBDA_RUNTIME_API as it is.
func TestPortHasNoPath(t *testing.T) {
	p := attachPort(t)
	if _, _, err := net.SplitHostPort(p.Endpoint()); err != nil {
		t.Fatalf("endpoint %q: %v", p.Endpoint(), err)
	}
	done := p.invoke(t.Context(), "r-1")
	if got := p.next(); got.Status != 200 || got.Body != `{"n":1}` {
		t.Errorf("next: got %d %q, want 200 and the payload", got.Status, got.Body)
	}
	wantReply(t, "response", p.post("invocation/r-1/response", `"ok"`), 202, "")
	if got := receive(t, "outcome", done); got.Err != nil || string(got.Outcome.Payload) != `"ok"` {
		t.Errorf("got %+v, want the answer", got)
	}
}

func TestPortIsForItsProcessOnly(t *testing.T) {
	p := attachPort(t)
	web := http.Header{"Origin": {"https://example.com"}}
	wantReply(t, "a web page", p.do("GET", runtimePath+"invocation/next", web, nil), 403, "Forbidden")
	r, err := http.NewRequest("GET", "http://"+p.Endpoint()+runtimePath+"invocation/next", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "rebound.example.com"
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != 403 {
		t.Errorf("another host: got %d, want 403", response.StatusCode)
	}
}

func TestPortIsFreedByClosing(t *testing.T) {
	p := attachPort(t)
	p.Close()
	if conn, err := net.Dial("tcp", p.Endpoint()); err == nil {
		conn.Close()
		t.Error("the port is still open")
	}
}
