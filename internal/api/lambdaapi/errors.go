package lambdaapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"syscall"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// Codes that only the HTTP layer uses.
const (
	codeUnknownOperation protocol.Code = "UnknownOperationException"
	codeMethodNotAllowed protocol.Code = "MethodNotAllowedException"
	codeURITooLong       protocol.Code = "RequestURITooLongException"
)

// statuses is the HTTP status of every error code.
var statuses = map[protocol.Code]int{
	protocol.CodeInvalidParameter: http.StatusBadRequest,
	protocol.CodeValidation:       http.StatusBadRequest,
	protocol.CodeSerialization:    http.StatusBadRequest,
	protocol.CodeInvalidContent:   http.StatusBadRequest,
	protocol.CodeCallbackTimeout:  http.StatusBadRequest,

	protocol.CodeMissingToken:        http.StatusForbidden,
	protocol.CodeIncompleteSignature: http.StatusForbidden,
	protocol.CodeInvalidSignature:    http.StatusForbidden,
	protocol.CodeUnrecognizedClient:  http.StatusForbidden,
	protocol.CodeAccessDenied:        http.StatusForbidden,

	protocol.CodeNotFound:         http.StatusNotFound,
	protocol.CodeRequestTimeout:   http.StatusRequestTimeout,
	protocol.CodeConflict:         http.StatusConflict,
	protocol.CodeAlreadyStarted:   http.StatusConflict,
	protocol.CodePrecondition:     http.StatusPreconditionFailed,
	protocol.CodeRequestTooLarge:  http.StatusRequestEntityTooLarge,
	protocol.CodeUnsupportedMedia: http.StatusUnsupportedMediaType,
	protocol.CodeTooManyRequests:  http.StatusTooManyRequests,
	protocol.CodeService:          http.StatusInternalServerError,
	protocol.CodeNotReady:         http.StatusBadGateway,
	protocol.CodeStorageFull:      http.StatusServiceUnavailable, // not 507, which AWS's clients do not repeat

	codeUnknownOperation: http.StatusNotFound,
	codeMethodNotAllowed: http.StatusMethodNotAllowed,
	codeURITooLong:       http.StatusRequestURITooLong,
}

var (
	// errFault is all that a client learns of a fault.
	errFault = refusal(protocol.CodeService, "Service encountered an unexpected error.")
	// errFull is a fault that the people who run the engine can mend.
	errFull = refusal(protocol.CodeStorageFull,
		"The disk of the engine is full. Nothing of this request was recorded, and everything before it is safe: "+
			"free some space, and repeat the request.")
)

// errorBody is the document of every error. The operations disagree on the case of the message's name; clients take
// the one they know.
type errorBody struct {
	Type         string `json:"Type"`
	Reason       string `json:"Reason,omitempty"`
	LowerMessage string `json:"message"`
	UpperMessage string `json:"Message"`
}

func refusal(code protocol.Code, format string, args ...any) *protocol.Error {
	return protocol.Errorf(code, format, args...)
}

// refuse answers r with err.
func (s *shell) refuse(w http.ResponseWriter, r *http.Request, requestID string, err error) {
	if r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		return // the client is gone; nothing went wrong here
	}
	var e *protocol.Error
	if !errors.As(err, &e) || statuses[e.Code] == 0 {
		s.log.Error("request failed", "requestId", requestID, "method", r.Method, "path", r.URL.Path, "error", err)
		e = errFault
		if errors.Is(err, store.ErrFull) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
			e = errFull
		}
	}
	drain(r)
	s.answer(w, r, e)
}

// answer answers with an error.
func (s *shell) answer(w http.ResponseWriter, r *http.Request, e *protocol.Error) {
	if e.Code == protocol.CodeTooManyRequests {
		w.Header().Set("Retry-After", "1")
	}
	if s.show == nil || !s.show(w, r, statuses[e.Code], e.Message) {
		writeError(w, e)
	}
}

// drain reads the rest of a refused request, within limits, for clients that listen only after sending everything:
// they would see a broken connection instead of the refusal. A client that asked first does listen. A body that
// counts against the budget stops counting.
func drain(r *http.Request) {
	const most = 32 << 20
	if b, ok := r.Body.(interface{ Discard() }); ok {
		b.Discard()
	}
	if r.Header.Get("Expect") == "" {
		_, _ = io.CopyN(io.Discard, r.Body, most)
	}
}

func writeError(w http.ResponseWriter, e *protocol.Error) {
	status := statuses[e.Code]
	body := errorBody{Type: "User", LowerMessage: e.Message, UpperMessage: e.Message}
	if status >= http.StatusInternalServerError {
		body.Type = "Service"
	}
	header := w.Header()
	header.Set("X-Amzn-Errortype", string(e.Code))
	if e.Code == protocol.CodeTooManyRequests {
		body.Reason = "CallerRateLimitExceeded"
	}
	writeJSON(w, status, encode(body))
}
