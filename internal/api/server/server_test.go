package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/api/emulator"
	"github.com/perdure/perdure/internal/api/lambdaapi"
	"github.com/perdure/perdure/internal/api/page"
	"github.com/perdure/perdure/internal/api/route"
)

// named says the name of a face and the path it was asked for.
func named(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s", name, r.URL.EscapedPath())
	})
}

// answeredBy is a face with the routes of f, all of which h answers.
func answeredBy(h http.Handler, f *route.Face) *route.Face {
	through := *f
	through.Routes = slices.Clone(f.Routes)
	for i := range through.Routes {
		through.Routes[i].Serve = route.Handler(h)
	}
	return &through
}

// lambdaOf is the Lambda API with h for its answers.
func lambdaOf(h http.Handler) []*route.Face { return []*route.Face{lambdaapi.Through(h, nil)} }

// allFaces are those of an engine, each of which says its name.
func allFaces() []*route.Face {
	return append(lambdaOf(named("lambda")),
		answeredBy(named("admin"), adminapi.New(nil, nil, nil)), answeredBy(named("page"), page.New(nil, nil, nil)),
		answeredBy(named("emulator"), emulator.New(nil, nil, nil, &emulator.Options{}).Face()))
}

// withProbes are options for the server's own routes.
func withProbes() *Options {
	return &Options{Metrics: named("metrics"), Ready: func(context.Context) error { return nil }}
}

// start serves faces on loopback until the test ends, and returns the address.
func start(t *testing.T, faces []*route.Face, opts *Options) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New(faces, opts)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // what is still open is what the test wanted to be open
		_ = s.Shutdown(ctx)
		if err := <-done; err != nil {
			t.Errorf("Serve: got %v, want nil after a shutdown", err)
		}
	})
	return l.Addr().String()
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(b))
}

func TestFaces(t *testing.T) {
	var notReady error
	address := start(t, allFaces(), &Options{Metrics: named("metrics"), Ready: func(context.Context) error { return notReady }})
	for _, test := range []struct {
		path   string
		status int
		body   string
	}{
		{"/2015-03-31/functions", 200, "lambda /2015-03-31/functions"},
		{"/2025-12-01/durable-executions/a%2Fb//../c", 200, "lambda /2025-12-01/durable-executions/a%2Fb//../c"},
		{"/health", 200, "lambda /health"},
		{"/perdure/executions/a%2Fb/explain", 200, "admin /perdure/executions/a%2Fb/explain"},
		{"/perdure/v1/fork", 404, "This engine serves no such path below /perdure/"},
		{"/perdure", 404, "GET /perdure is not served here"},
		{"/ui/execution?arn=a%2Fb", 200, "page /ui/execution"},
		{"/ui/static/x", 200, "page /ui/static/x"},
		{"/ui/../perdure/", 404, "There is no such page"},
		{"/%75i/", 404, "GET /%75i/ is not served here"},
		{"/start-durable-execution", 400, "GET is not a route of the emulator"},
		{"/metrics", 200, "metrics /metrics"},
		{"/metrics/x", 404, "GET /metrics/x is not served here"},
		{"/ready", 200, `{"status":"ready"}`},
		{"/", 200, "page /"},
	} {
		if status, body := get(t, "http://"+address+test.path); status != test.status || !strings.Contains(body, test.body) {
			t.Errorf("%s: got %d %q, want %d %q", test.path, status, body, test.status, test.body)
		}
	}
	notReady = errors.New("the disk is full")
	if status, body := get(t, "http://"+address+"/ready"); status != 503 || body != `{"status":"not ready","reason":"the disk is full"}` {
		t.Errorf("got %d %q, want 503 with the reason", status, body)
	}
}

// TestFacesThatAreNotThere: the Lambda API says what it does not serve.
func TestFacesThatAreNotThere(t *testing.T) {
	address := start(t, lambdaOf(named("lambda")), nil)
	for _, path := range []string{"/", "/ui/", "/perdure/v1/fork", "/metrics", "/ready"} {
		if status, body := get(t, "http://"+address+path); status != 404 || !strings.Contains(body, "GET "+path+" is not served here") {
			t.Errorf("%s: got %d %q, want the Lambda API", path, status, body)
		}
	}
}
