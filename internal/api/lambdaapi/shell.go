package lambdaapi

import (
	"cmp"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/google/uuid"

	"github.com/perdure/perdure/internal/api/route"
)

// requestIDHeader tells a client the id of its request. It is in canonical form, so it needs no [http.Header.Set].
const requestIDHeader = "X-Amzn-Requestid"

// shell surrounds every request with an id, and answers to errors and panics.
type shell struct {
	log   *slog.Logger
	show  Show // nil shows nothing
	serve func(w http.ResponseWriter, r *http.Request) error
}

// Show answers a request that failed for people, with a page of this status. It is false if the request is not one
// of theirs, which gets the document of the API.
type Show func(w http.ResponseWriter, r *http.Request, status int, message string) bool

// Shell is for the faces on the port of the Lambda API. It answers errors, and panics, as the Lambda API does: an
// error that wraps a *protocol.Error reaches the client as it is, any other is a fault, which is logged and not
// shown. A shell within a shell keeps the request's id. A nil log is slog.Default().
func Shell(log *slog.Logger) route.Shell { return ShellFor(log, nil) }

// ShellFor is a [Shell] whose errors are shown by show, if that is not nil and shows them.
func ShellFor(log *slog.Logger, show Show) route.Shell {
	log = cmp.Or(log, slog.Default())
	return func(serve func(w http.ResponseWriter, r *http.Request) error) http.Handler {
		return &shell{log: log, show: show, serve: serve}
	}
}

// ServeHTTP answers one request.
func (s *shell) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	requestID := requestIDOf(w.Header())
	defer s.recoverPanic(w, r, requestID)
	if err := s.serve(w, r); err != nil {
		s.refuse(w, r, requestID, err)
	}
}

// requestIDOf returns the id of the request whose answer has the header h, and gives it one if it has none.
func requestIDOf(h http.Header) string {
	if ids := h[requestIDHeader]; len(ids) > 0 {
		return ids[0]
	}
	id := uuid.NewString()
	h[requestIDHeader] = []string{id}
	return id
}

// recoverPanic turns a broken invariant into a fault of one request.
func (s *shell) recoverPanic(w http.ResponseWriter, r *http.Request, requestID string) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler {
		panic(v)
	}
	s.log.Error("panic", "requestId", requestID, "path", r.URL.Path, "panic", v, "stack", string(debug.Stack()))
	s.answer(w, r, errFault)
}
