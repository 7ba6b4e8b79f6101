package route

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func serve(http.ResponseWriter, *http.Request, string) error { return nil }

func bare(serve func(w http.ResponseWriter, r *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := serve(w, r); err != nil {
			http.Error(w, err.Error(), http.StatusTeapot)
		}
	})
}

// A route that does not say who may use it, or what it is, is no route.
func TestUndeclared(t *testing.T) {
	whole := Route{Method: "GET", Path: "/x", Operation: "X", Access: Readers, Serve: serve}
	New(Face{Routes: []Route{whole}}, bare)
	for name, take := range map[string]func(*Route){
		"access": func(r *Route) { r.Access = 0 }, "method": func(r *Route) { r.Method = "" }, "path": func(r *Route) { r.Path = "" },
		"operation": func(r *Route) { r.Operation = "" }, "handler": func(r *Route) { r.Serve = nil },
	} {
		t.Run(name, func(t *testing.T) {
			r := whole
			take(&r)
			defer func() {
				if recover() == nil {
					t.Error("a face was made of it, want a panic")
				}
			}()
			New(Face{Routes: []Route{whole, r}}, bare)
		})
	}
}

// The first path that matches decides, and then the method.
func TestFind(t *testing.T) {
	face := New(Face{
		Refuse: func(_ *http.Request, why Reason) error { return fmt.Errorf("refused: %d", why) },
		Routes: []Route{
			{Method: "POST", Path: "/things/{subject}/stop", Operation: "Stop", Access: Operators, Serve: serve},
			{Method: "GET", Path: "/things/{subject}", Operation: "Short", Access: Readers, Serve: serve,
				Only: func(subject string) bool { return len(subject) == 1 }},
			{Method: "GET", Path: "/things/{subject}", Operation: "Get", Access: Readers, Serve: serve},
			{Method: "DELETE", Path: "/things/{subject}", Operation: "Delete", Access: Operators, Serve: serve},
			{Method: "GET", Path: "/things", Operation: "List", Access: Readers, Serve: serve},
		},
	}, bare)
	for _, test := range []struct{ method, path, want string }{
		{"POST", "/things/a/b/stop", "Stop of a/b"},
		{"GET", "/things/a/stop", "refused: 2"}, // and not Get of a/stop
		{"GET", "/things/a", "Short of a"},
		{"GET", "/things/a%2Fb//../c", "Get of a/b//../c"},
		{"DELETE", "/things/a", "Delete of a"},
		{"GET", "/things/", "Get of"},
		{"GET", "/things", "List of"},
		{"PUT", "/things", "refused: 2"},
		{"GET", "/thing", "refused: 1"},
		{"GET", "/things/" + strings.Repeat("x", MaxURL), "refused: 0"},
	} {
		for i := range face.Routes {
			r := &face.Routes[i]
			r.Serve = func(w http.ResponseWriter, _ *http.Request, subject string) error {
				fmt.Fprintf(w, "%s of %s", r.Operation, subject)
				return nil
			}
		}
		w := httptest.NewRecorder()
		face.ServeHTTP(w, httptest.NewRequest(test.method, test.path, nil))
		if got := strings.TrimSpace(w.Body.String()); got != test.want {
			t.Errorf("%s %.40s: got %q, want %q", test.method, test.path, got, test.want)
		}
	}
}
