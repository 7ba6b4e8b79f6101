package server

import (
	"net/http"
	"strings"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/credentials"
	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/protocol"
)

// asked is the target of a request.
type asked struct {
	face      *route.Face
	match     route.Match
	operation *operation
	function  string // whose door it came through
}

// find returns the target of a method and an escaped path: a route, or the face that refuses it.
func (s *Server) find(method, path string) asked {
	refusing := asked{operation: s.operations[nil]}
	for i, f := range s.faces {
		m := f.Find(method, path)
		if m.Route != nil {
			return asked{face: f, match: m, operation: s.operations[m.Route]}
		}
		if i == 0 || m.Known || f.Prefix != "" && strings.HasPrefix(path, f.Prefix) {
			refusing.face, refusing.match = f, m
		}
	}
	return refusing
}

// isQuiet reports whether traces leave it out.
func (a *asked) isQuiet() bool { return a.match.Route == nil || a.match.Route.Quiet }

// isOpen reports whether callers need no credentials: balancers and supervisors have none, and learn only that the
// engine is well.
func (a *asked) isOpen() bool {
	return a.match.Route != nil && a.match.Route.Access&route.Everybody != 0
}

// routesFor are the routes that each kind of access opens.
var routesFor = map[credentials.Access]route.Access{
	credentials.Full: ^route.Access(0), credentials.Read: route.Readers, credentials.Function: route.Functions,
}

// mayBeUsedBy reports whether access is enough. Without a route, it is enough to see everything, in order to hear
// why.
func (a *asked) mayBeUsedBy(access credentials.Access, method string) bool {
	if a.match.Route == nil {
		return access == credentials.Full ||
			access == credentials.Read && (method == http.MethodGet || method == http.MethodHead)
	}
	return a.match.Route.Access&routesFor[access] != 0
}

// by returns r with who asks it, for the records of what operators do: the name of the credential and, behind it, by
// what way it came.
func (a *asked) by(r *http.Request, caller string) *http.Request {
	if m := a.match.Route; m == nil || m.Access&^route.Operators != 0 {
		return r // it steers nothing
	}
	way := r.Header.Get(route.CallerHeader)
	if a.face.Login == route.Session {
		way = "the page"
	}
	switch {
	case caller == "":
		caller = way
	case way != "":
		caller += " (" + way + ")"
	}
	if caller == "" {
		return r
	}
	return r.WithContext(engine.AskedBy(r.Context(), caller))
}

// denied is the refusal of a known caller: AWS's, but for people.
func (a *asked) denied(who string, r *http.Request) error {
	if a.face.Login == route.Session {
		_, name, _ := strings.Cut(who, "/")
		return protocol.Errorf(protocol.CodeAccessDenied,
			"The access key of %s may not do this: log in with one that has full access.", name)
	}
	return protocol.Errorf(protocol.CodeAccessDenied,
		"User: arn:aws:iam::000000000000:%s is not authorized to perform: %s:%s "+
			"because no identity-based policy allows the %[2]s:%[3]s action", who, a.face.Service, a.action(r))
}

// action names the target as policies do.
func (a *asked) action(r *http.Request) string {
	switch m := a.match.Route; {
	case m == nil:
		return clip(r.Method + " " + r.URL.EscapedPath())
	case m.Action != "":
		return m.Action
	default:
		return m.Operation
	}
}
