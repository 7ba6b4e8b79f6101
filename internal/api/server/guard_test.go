package server

import (
	"context"
	"html"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// everyFace is one path of each face.
var everyFace = []string{"/", "/health", "/ready", "/metrics", "/ui/", "/perdure/about", "/2015-03-31/functions"}

func TestGuard(t *testing.T) {
	const (
		badHost   = `is not allowed on a loopback address: use localhost, or add the name to the allowed hosts.`
		badOrigin = `Requests from web pages of other sites are not allowed (origin `
	)
	h := New(allFaces(), &Options{Hosts: []string{"host.docker.internal"}, Metrics: named("metrics"),
		Ready: withProbes().Ready}).handler
	for _, test := range []struct {
		name    string
		header  []string
		message string // empty if the request is allowed
	}{
		{"plain", []string{"Host", "127.0.0.1:3001"}, ""},
		{"localhost", []string{"Host", "localhost:3001"}, ""},
		{"sub domain of localhost", []string{"Host", "api.localhost"}, ""},
		{"capitals and final dot", []string{"Host", "LocalHost."}, ""},
		{"IPv6", []string{"Host", "[::1]:3001"}, ""},
		{"IPv6 without port", []string{"Host", "[::1]"}, ""},
		{"other loopback", []string{"Host", "127.8.8.8"}, ""},
		{"configured", []string{"Host", "Host.Docker.Internal:3001"}, ""},
		{"only a port", []string{"Host", ":3001"}, `The host name ":3001" ` + badHost},
		{"rebound name", []string{"Host", "evil.example:3001"}, `The host name "evil.example:3001" ` + badHost},
		{"address elsewhere", []string{"Host", "192.0.2.1"}, `The host name "192.0.2.1" ` + badHost},
		{"name like localhost", []string{"Host", "notlocalhost"}, `The host name "notlocalhost" ` + badHost},
		{"own page", []string{"Host", "localhost:3001", "Origin", "http://localhost:3001", "Sec-Fetch-Site", "same-origin"}, ""},
		{"typed into the browser", []string{"Host", "localhost", "Sec-Fetch-Site", "none"}, ""},
		{"other page", []string{"Host", "localhost", "Origin", "https://evil.example"}, badOrigin + `"https://evil.example").`},
		{"other port", []string{"Host", "localhost:3001", "Origin", "http://localhost:80"}, badOrigin + `"http://localhost:80").`},
		{"sandboxed page", []string{"Host", "localhost", "Origin", "null"}, badOrigin + `"null").`},
		{"image on another page", []string{"Host", "localhost", "Sec-Fetch-Site", "cross-site"}, badOrigin + `"").`},
		{"frame on another page", []string{"Host", "localhost", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate",
			"Sec-Fetch-Dest", "iframe"}, badOrigin + `"").`},
	} {
		for _, path := range everyFace {
			t.Run(test.name+" "+path, func(t *testing.T) {
				r := httptest.NewRequest("GET", path, nil)
				for i := 0; i < len(test.header); i += 2 {
					r.Header.Set(test.header[i], test.header[i+1])
				}
				r.Host = r.Header.Get("Host")
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				if refused := w.Code == http.StatusForbidden; refused != (test.message != "") ||
					refused && !strings.Contains(html.UnescapeString(w.Body.String()), said(path, test.message)) {
					t.Errorf("got %d %s, want %s", w.Code, w.Body, test.message)
				}
			})
		}
	}
}

// TestProbes: load balancers may ask how an engine is without naming it, and nothing else.
func TestProbes(t *testing.T) {
	h := New(allFaces(), &Options{Metrics: named("metrics"), Ready: withProbes().Ready}).handler
	for _, path := range everyFace {
		for _, method := range []string{"GET", "HEAD"} {
			want := http.StatusForbidden
			if path == "/ready" || path == "/health" {
				want = http.StatusOK
			}
			r := httptest.NewRequest(method, path, nil)
			r.Host = ""
			w := httptest.NewRecorder()
			if h.ServeHTTP(w, r); w.Code != want {
				t.Errorf("%s %s: got %d, want %d", method, path, w.Code, want)
			}
			r.Header.Set("Origin", "https://evil.example")
			w = httptest.NewRecorder()
			if h.ServeHTTP(w, r); w.Code != http.StatusForbidden {
				t.Errorf("%s %s of a web page: got %d", method, path, w.Code)
			}
		}
	}
}

// said is a message as a path says it: on a page, or in a document, with quotes escaped.
func said(path, message string) string {
	if strings.HasPrefix(path, "/ui/") {
		return message
	}
	return strings.ReplaceAll(message, `"`, `\"`)
}

// TestLinksToThePage: a link on another site may lead to our page, and nowhere else.
func TestLinksToThePage(t *testing.T) {
	h := New(allFaces(), nil).handler
	for path, status := range map[string]int{"/": 200, "/ui/execution": 200, "/2015-03-31/functions": 403, "/perdure/about": 403} {
		for _, method := range []string{"GET", "POST"} {
			r := httptest.NewRequest(method, "http://localhost"+path, nil)
			for name, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate",
				"Sec-Fetch-Dest": "document"} {
				r.Header.Set(name, value)
			}
			want := status
			if method == "POST" {
				want = 403
			}
			w := httptest.NewRecorder()
			if h.ServeHTTP(w, r); w.Code != want {
				t.Errorf("%s %s: got %d, want %d", method, path, w.Code, want)
			}
		}
	}
}

// TestGuardElsewhere: on an address that others can reach, the name is not the
// protection.
func TestGuardElsewhere(t *testing.T) {
	r := httptest.NewRequest("GET", "http://perdure.example/health", nil)
	addr := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 3001}
	r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(addr)))
	w := httptest.NewRecorder()
	New(allFaces(), nil).handler.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Errorf("got %d, want 200", w.Code)
	}
}
