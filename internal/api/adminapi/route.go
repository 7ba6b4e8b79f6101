package adminapi

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/perdure/perdure/protocol"
)

// route is one thing that can be asked for: a method, and a path that may have
// a {subject} in it, which may contain slashes, as execution ARNs do.
type route struct {
	method, path string
	handle       handler
}

// handler answers a request for a subject, which is unescaped and empty if
// the path has none.
type handler func(a *api, w http.ResponseWriter, r *http.Request, subject string) error

// routes lists all groups. The first whose path matches counts, so a path that
// ends with its subject comes after those that go on.
var routes = slices.Concat(
	aboutRoutes,
	explainRoutes,
	forkRoutes,
	logRoutes,
	verifyRoutes,
	backupRoutes,
	exportRoutes,
	skipRoutes,
	executionRoutes,
	functionRoutes,
	workerRoutes,
)

const (
	subjectMark = "{subject}"
	maxPath     = 16 << 10 // an ARN is at most 1 KB, three times that when escaped
)

// find returns the handler for r, and the subject of its path. Paths are
// matched as they came, escaped and uncleaned.
func find(r *http.Request) (handler, string, error) {
	path := r.URL.EscapedPath()
	if len(path)+len(r.URL.RawQuery) > maxPath {
		return nil, "", protocol.Errorf(protocol.CodeInvalidParameter, "The path and query of a request must be shorter than %d bytes.", maxPath)
	}
	var other string // a method that the path does have
	for i := range routes {
		escaped, ok := routes[i].match(path)
		if !ok {
			continue
		}
		if routes[i].method != r.Method {
			other = routes[i].method
			continue
		}
		subject, err := url.PathUnescape(escaped)
		if err != nil {
			return nil, "", protocol.Errorf(protocol.CodeInvalidParameter, "The path is not correctly percent-encoded: %v.", err)
		}
		return routes[i].handle, subject, nil
	}
	if other != "" {
		return nil, "", protocol.Errorf(protocol.CodeInvalidParameter, "This path is for %s.", other)
	}
	return nil, "", protocol.Errorf(protocol.CodeNotFound, "This engine serves no such path below %s; is it older than the client?", Prefix)
}

// match reports whether path is the route's, and what stands for the subject.
func (r *route) match(path string) (subject string, ok bool) {
	before, after, has := strings.Cut(r.path, subjectMark)
	if !has {
		return "", path == r.path
	}
	subject, ok = strings.CutPrefix(path, before)
	if !ok {
		return "", false
	}
	subject, ok = strings.CutSuffix(subject, after)
	return subject, ok && subject != ""
}
