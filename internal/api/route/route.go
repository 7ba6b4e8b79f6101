// Package route declares what the faces of an engine answer over HTTP, and to whom.
//
// A face is a table of routes. Each has a method, a path, a name and who may use it; the server mounts, counts,
// traces and authorises from that alone. A new route is a line in its face's table, and nothing else.
package route

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Route is one route of a face.
type Route struct {
	Method string
	// Path may have one [Subject] in it, which may contain slashes, as execution ARNs do. Paths are matched as they
	// come: escaped and uncleaned.
	Path string
	// Operation is the route's name, in metrics and traces.
	Operation string
	Access    Access
	// Serve answers a request. The subject is unescaped, and empty if the path has none. If Serve returns an error
	// it must not have begun to answer. If that is an [engine.ElsewhereError], another node answers, so the body must
	// be as it came.
	Serve func(w http.ResponseWriter, r *http.Request, subject string) error

	// Only restricts the form of a subject; nil is any.
	Only func(subject string) bool
	// Action is the operation's name in policies, if that differs.
	Action string
	// Quiet keeps requests out of traces: probes and pages are not worth a span.
	Quiet bool

	// What stands before and after the subject, if the path has one: [New] cuts it once, for all requests.
	before, after string
	hasSubject    bool
}

// Subject stands in a path for the subject of the request.
const Subject = "{subject}"

// Access says who may use a route, beside those with full access. The zero value is a mistake.
type Access uint8

// Who may use a route.
const (
	Operators Access = 1 << iota // those with full access, who belong to all others, too
	Readers                      // those who may see everything and change nothing
	Functions                    // functions, and the workers that run them elsewhere
	Everybody                    // anyone, without credentials
)

// Login is a way for a face's callers to log in, beside signing each request.
type Login uint8

// The ways to log in.
const (
	Signature Login = iota // none
	Session                // the cookie that a person gets for a key and a secret; links from elsewhere may lead here
	Basic                  // a key and a secret as user and password
)

// Caller is who sent a request, as the server found out.
type Caller struct {
	Name   string // for people
	Access Access // the routes that it may use
	// Session is known to nobody but the caller and the server. It is empty if each request is signed.
	Session string
}

// May reports whether the caller may use routes with this access. Nil, where nobody is asked for credentials, may.
func (c *Caller) May(access Access) bool { return c == nil || c.Access&access != 0 }

// DefaultAddress is where an engine listens, and where the command line looks for one, unless somebody says otherwise.
const DefaultAddress = "127.0.0.1:3001"

// CameFrom is the path and query of the page of this very server whose link or form led to r; empty if none did.
func CameFrom(r *http.Request) string {
	from, err := url.Parse(r.Referer())
	if err != nil || from.Host != r.Host || !strings.HasPrefix(from.Path, "/") {
		return ""
	}
	return from.RequestURI()
}

type callerKey struct{}

// By returns r with its caller.
func By(c *Caller, r *http.Request) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), callerKey{}, c))
}

// CallerOf is who sent r; nil if the server lets everybody in.
func CallerOf(r *http.Request) *Caller {
	c, _ := r.Context().Value(callerKey{}).(*Caller)
	return c
}

// Handler answers with h, which knows paths itself.
func Handler(h http.Handler) func(http.ResponseWriter, *http.Request, string) error {
	return func(w http.ResponseWriter, r *http.Request, _ string) error {
		h.ServeHTTP(w, r)
		return nil
	}
}

// CallerHeader says for people who sends a request, such as "perdure ann@laptop". Nobody checks it.
const CallerHeader = "X-Perdure-Caller"

// MaxURL bounds the path and query of a request. The longest ones carry an execution ARN, a checkpoint token and a
// marker, percent-encoded.
const MaxURL = 16 << 10

// Face is a part of the engine's HTTP interface.
type Face struct {
	// Handler answers requests by Serve, and the errors of Serve in the face's form.
	http.Handler
	// Service begins the names of the face's actions in policies.
	Service string
	// Prefix begins the face's paths, with or without a route. The first face of a server has all other paths.
	Prefix string
	// Login is how callers may log in.
	Login Login
	// Routes are matched in this order. The first match decides the path; only routes with the same path can match
	// then.
	Routes []Route
	// Show answers with an error as people want to see it: everything below Prefix is for them. Nil answers errors as
	// the API does.
	Show func(w http.ResponseWriter, r *http.Request, status int, message string)
	// Refuse returns the error for a request without a route, in the face's words.
	Refuse func(r *http.Request, why Reason) error
}

// Reason is why a request has no route.
type Reason uint8

// The reasons.
const (
	TooLong    Reason = iota // its path and query are longer than MaxURL
	Unknown                  // no route has its path
	NotMethod                // the path is for other methods
	NotEscaped               // the path is not correctly percent-encoded
)

// Shell wraps a handler that may fail with the answers to errors.
type Shell func(serve func(w http.ResponseWriter, r *http.Request) error) http.Handler

// New makes f ready. It panics if a route lacks its name or its access.
func New(f Face, shell Shell) *Face {
	for i := range f.Routes {
		r := &f.Routes[i]
		if r.Method == "" || r.Path == "" || r.Operation == "" || r.Access == 0 || r.Serve == nil {
			panic(fmt.Sprintf("route: %s %s: Method, Path, Operation, Access and Serve are required", r.Method, r.Path))
		}
		r.before, r.after, r.hasSubject = strings.Cut(r.Path, Subject)
	}
	f.Handler = shell(f.Serve)
	return &f
}

// Match is what a face has for a request.
type Match struct {
	Route   *Route // nil if there is none
	Known   bool   // the path has routes
	path    string // escaped, as the subject is
	subject string
}

// Find returns what the face has for a method and an escaped path.
func (f *Face) Find(method, path string) (m Match) {
	known := ""
	m.path = path
	for i := range f.Routes {
		r := &f.Routes[i]
		if m.Known && r.Path != known {
			continue
		}
		subject, ok := r.match(path)
		if !ok {
			continue
		}
		m.Known, known = true, r.Path
		if r.Method == method {
			m.Route, m.subject = r, subject
			return m
		}
	}
	return m
}

// match matches greedily: all between the texts before and after the subject is the subject, with its slashes
// escaped or not.
func (r *Route) match(path string) (subject string, ok bool) {
	if !r.hasSubject {
		return "", path == r.Path
	}
	if subject, ok = strings.CutPrefix(path, r.before); !ok {
		return "", false
	}
	subject, ok = strings.CutSuffix(subject, r.after)
	return subject, ok && (r.Only == nil || r.Only(subject))
}

// Answer answers a request by its match m, or returns the refusal.
func (f *Face) Answer(w http.ResponseWriter, r *http.Request, m Match) error {
	switch {
	case len(m.path)+len(r.URL.RawQuery) > MaxURL:
		return f.Refuse(r, TooLong)
	case !m.Known:
		return f.Refuse(r, Unknown)
	case m.Route == nil:
		return f.Refuse(r, NotMethod)
	}
	subject, err := url.PathUnescape(m.subject)
	if err != nil {
		return f.Refuse(r, NotEscaped)
	}
	return m.Route.Serve(w, r, subject)
}

// Serve answers a request.
func (f *Face) Serve(w http.ResponseWriter, r *http.Request) error {
	return f.Answer(w, r, f.Find(r.Method, r.URL.EscapedPath()))
}
