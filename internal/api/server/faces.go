package server

import (
	"context"
	"net/http"
	"strings"
)

// Faces are what an engine shows on its port. All but Lambda may be nil; their
// paths are then the Lambda API's to refuse. Requests reach a face with the
// path that was asked for.
type Faces struct {
	// Lambda is the Lambda API. It gets every path that no other face has.
	Lambda http.Handler
	// Admin is the engine's own API, below /perdure/.
	Admin http.Handler
	// Page is for people, below /ui/, but for /ui/login and /ui/logout. With a
	// page, / redirects to it.
	Page http.Handler
	// Emulator answers /start-durable-execution and /lambda-endpoint, for SAM.
	Emulator http.Handler
	// Metrics answers /metrics.
	Metrics http.Handler
	// Ready answers /ready: nil says that the engine takes work on, an error
	// why it does not. It is called for every request and should be quick.
	Ready func(ctx context.Context) error

	discreet bool // whoever asks whether we are ready need not hear why not
}

// isPage reports whether an escaped path is the page's.
func isPage(path string) bool { return path == "/" || strings.HasPrefix(path, "/ui/") }

// face returns the handler of a path, which is escaped and not cleaned.
func (f *Faces) face(path string) http.Handler {
	switch {
	case path == "/" && f.Page != nil:
		return http.RedirectHandler("/ui/", http.StatusFound)
	case path == "/metrics" && f.Metrics != nil:
		return f.Metrics
	case path == "/ready" && f.Ready != nil:
		return http.HandlerFunc(f.ready)
	case (path == "/start-durable-execution" || path == "/lambda-endpoint") && f.Emulator != nil:
		return f.Emulator
	case strings.HasPrefix(path, "/perdure/") && f.Admin != nil:
		return f.Admin
	case strings.HasPrefix(path, "/ui/") && f.Page != nil:
		return f.Page
	}
	return f.Lambda
}

// ServeHTTP answers with the face that the path belongs to.
func (f *Faces) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.face(r.URL.EscapedPath()).ServeHTTP(w, r)
}
