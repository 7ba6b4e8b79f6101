package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// named is a face that says its name and the path it was asked for.
func named(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s", name, r.URL.EscapedPath())
	})
}

// start serves faces on loopback until the test ends, and returns the address.
func start(t *testing.T, faces Faces, opts *Options) string {
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
	all := Faces{
		Lambda: named("lambda"), Admin: named("admin"), Page: named("page"), Metrics: named("metrics"),
		Ready: func(context.Context) error { return notReady },
	}
	address := start(t, all, nil)
	for _, test := range []struct {
		path   string
		status int
		body   string
	}{
		{"/2015-03-31/functions", 200, "lambda /2015-03-31/functions"},
		{"/2025-12-01/durable-executions/a%2Fb//../c", 200, "lambda /2025-12-01/durable-executions/a%2Fb//../c"},
		{"/health", 200, "lambda /health"},
		{"/perdure/v1/fork", 200, "admin /perdure/v1/fork"},
		{"/perdure", 200, "lambda /perdure"},
		{"/ui/executions/a%2Fb", 200, "page /ui/executions/a%2Fb"},
		{"/ui/../perdure/", 200, "page /ui/../perdure/"},
		{"/%75i/", 200, "lambda /%75i/"},
		{"/metrics", 200, "metrics /metrics"},
		{"/metrics/x", 200, "lambda /metrics/x"},
		{"/ready", 200, `{"status":"ready"}`},
		{"/", 302, `<a href="/ui/">Found</a>.`},
	} {
		if status, body := get(t, "http://"+address+test.path); status != test.status || body != test.body {
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
	address := start(t, Faces{Lambda: named("lambda")}, nil)
	for _, path := range []string{"/", "/ui/", "/perdure/v1/fork", "/metrics", "/ready"} {
		if status, body := get(t, "http://"+address+path); status != 200 || body != "lambda "+path {
			t.Errorf("%s: got %d %q, want the Lambda API", path, status, body)
		}
	}
}
