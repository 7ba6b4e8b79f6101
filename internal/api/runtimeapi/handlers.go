package runtimeapi

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/plainhttp"
	"github.com/perdure/perdure/protocol"
)

// MaxAnswer bounds the body of an answer, as on Lambda: 6 MiB and 100 bytes.
const MaxAnswer = 6<<20 + 100

// errorTypeTooLarge is the error of an invocation whose answer is over MaxAnswer.
const errorTypeTooLarge = "Function.ResponseSizeTooLarge"

// Names of the headers of the API.
const (
	headerRequestID     = "Lambda-Runtime-Aws-Request-Id"
	headerDeadline      = "Lambda-Runtime-Deadline-Ms"
	headerFunctionARN   = "Lambda-Runtime-Invoked-Function-Arn"
	headerTraceID       = "Lambda-Runtime-Trace-Id"
	headerClientContext = "Lambda-Runtime-Client-Context"
	headerTenantID      = "Lambda-Runtime-Aws-Tenant-Id"
	headerErrorType     = "Lambda-Runtime-Function-Error-Type"
	headerErrorBody     = "Lambda-Runtime-Function-Error-Body"
	headerResponseMode  = "Lambda-Runtime-Function-Response-Mode"
)

func (s *Session) serveNext(w http.ResponseWriter, r *http.Request) {
	p := s.beginPoll()
	if p == nil {
		refuse(w, http.StatusForbidden, "InvalidStateTransition",
			"the process has an invocation that it has not answered; it must answer before it asks for the next")
		return
	}
	select {
	case c := <-p.calls:
		s.deliver(w, c)
		return
	case <-p.superseded:
		refuse(w, http.StatusForbidden, "InvalidStateTransition",
			"a newer request for the next invocation took the place of this one")
	case <-s.ctx.Done():
		refuse(w, http.StatusForbidden, "Forbidden", "the sandbox is shut down")
	case <-r.Context().Done():
	}
	s.endPoll(p)
}

// deliver writes the invocation, and lets go of its payload. After a failure it is unknown how much the process has
// read, so the invocation is not offered again.
func (s *Session) deliver(w http.ResponseWriter, c *call) {
	h := w.Header()
	for _, optional := range [...][2]string{
		{headerTraceID, c.inv.TraceID}, {headerClientContext, c.inv.ClientContext}, {headerTenantID, c.inv.TenantID},
	} {
		if name, value := optional[0], optional[1]; value != "" {
			h.Set(name, value)
		}
	}
	h.Set(headerRequestID, c.inv.RequestID)
	h.Set(headerDeadline, strconv.FormatInt(c.inv.Deadline.UnixMilli(), 10))
	h.Set(headerFunctionARN, c.inv.FunctionARN)
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(c.inv.Payload)))
	_, err := w.Write(c.inv.Payload)
	c.inv.Payload = nil
	if err == nil {
		err = http.NewResponseController(w).Flush()
	}
	if err != nil {
		s.finish(c, failure(c, protocol.ErrorTypeSandboxFailure,
			"the connection to the function broke while the invocation was handed over"))
	}
}

func (s *Session) serveResponse(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get(headerResponseMode) == "streaming" {
		s.refuseStreaming(w, r)
		return
	}
	s.serveAnswer(w, r, func(body []byte) engine.Outcome {
		// A client whose handler fails after it began to answer says so in trailers.
		if errorType := r.Trailer.Get(headerErrorType); errorType != "" {
			document, _ := base64.StdEncoding.DecodeString(r.Trailer.Get(headerErrorBody))
			return engine.Outcome{Error: decodeError(document, errorType), ErrorPayload: document}
		}
		return engine.Outcome{Payload: body}
	})
}

func (s *Session) serveError(w http.ResponseWriter, r *http.Request) {
	s.serveAnswer(w, r, func(body []byte) engine.Outcome {
		return engine.Outcome{Error: decodeError(body, r.Header.Get(headerErrorType)), ErrorPayload: body}
	})
}

// serveAnswer reads the answer to the invocation in the path and records its outcome.
func (s *Session) serveAnswer(w http.ResponseWriter, r *http.Request, outcome func(body []byte) engine.Outcome) {
	c := s.expectAnswer(w, r)
	if c == nil {
		return
	}
	body, err := readBody(w, r, c.ctx)
	if errors.Is(err, errTooLarge) {
		s.finish(c, engine.Outcome{Error: &protocol.ErrorObject{
			ErrorType: errorTypeTooLarge,
			ErrorMessage: fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).",
				MaxAnswer),
		}})
		// Read on for a while: a client that is cut off while it writes may never see why.
		http.NewResponseController(w).SetReadDeadline(time.Now().Add(discardTime))
		io.CopyN(io.Discard, r.Body, 4*MaxAnswer)
	}
	if err != nil {
		refuseBody(w, err)
		return
	}
	if !s.finish(c, outcome(body)) {
		s.expectAnswer(w, r)
		return
	}
	accept(w)
}

// expectAnswer returns the call in the path, or refuses the request and returns nil.
func (s *Session) expectAnswer(w http.ResponseWriter, r *http.Request) *call {
	id := r.PathValue("id")
	c, how := s.find(id)
	switch {
	case c != nil:
		return c
	case how == answered:
		refuseUnread(w, http.StatusForbidden, "InvalidStateTransition", "the invocation "+id+" was answered already")
	case how == overdue && s.places > 1:
		// As Managed Instances do, where the process goes on.
		refuseUnread(w, http.StatusGone, "InvokeTimeout", "the invocation "+id+" took longer than it may")
	default:
		refuseUnread(w, http.StatusBadRequest, "InvalidRequestID", "the invocation "+id+
			" is not under way: its deadline has passed, or it was never handed to this process")
	}
	return nil
}

func (s *Session) refuseStreaming(w http.ResponseWriter, r *http.Request) {
	const errorType, text = "Runtime.StreamingUnsupported",
		"response streaming is not supported; the function must send its response as one body"
	c := s.expectAnswer(w, r)
	if c == nil {
		return
	}
	s.finish(c, failure(c, errorType, text))
	refuseUnread(w, http.StatusNotImplemented, errorType, text)
}

func (s *Session) serveInitError(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(s.ctx, headerTime)
	defer cancel()
	body, err := readBody(w, r, ctx)
	if err != nil {
		refuseBody(w, err)
		return
	}
	report := &InitError{Object: decodeError(body, r.Header.Get(headerErrorType)), Document: body}
	if !s.failInit(report) {
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "the initialisation has ended already")
		return
	}
	accept(w)
}

func (s *Session) serveUnsupported(w http.ResponseWriter, r *http.Request) {
	refuseUnread(w, http.StatusNotImplemented, "NotImplemented",
		r.Method+" "+strings.TrimPrefix(r.URL.Path, "/"+s.secret)+
			" is not supported here: there are invocations, their answers and init errors, but no extensions, "+
			"telemetry or restore hooks")
}

var errTooLarge = errors.New("the body is too large")

// readBody reads a whole body of at most [MaxAnswer] bytes. It gives up when
// ctx is done, however slowly the body arrives.
func readBody(w http.ResponseWriter, r *http.Request, ctx context.Context) ([]byte, error) {
	if r.ContentLength > MaxAnswer {
		return nil, errTooLarge
	}
	if plainhttp.HasArrived(r) {
		return plainhttp.AppendBody(nil, r, MaxAnswer)
	}
	control := http.NewResponseController(w)
	stop := context.AfterFunc(ctx, func() { control.SetReadDeadline(time.Now()) })
	body, err := plainhttp.AppendBody(nil, r, MaxAnswer)
	if !stop() {
		// The deadline may yet hit the connection's next request.
		w.Header().Set("Connection", "close")
	}
	if len(body) > MaxAnswer {
		return nil, errTooLarge
	}
	return body, err
}

// failure is an outcome that is not the function's fault alone.
func failure(c *call, errorType, text string) engine.Outcome {
	return engine.Outcome{Error: protocol.InvocationError(c.inv.RequestID, errorType, "%s", text)}
}

func accept(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	io.WriteString(w, `{"status":"OK"}`+"\n")
}

func refuseBody(w http.ResponseWriter, err error) {
	if errors.Is(err, errTooLarge) {
		refuseUnread(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge",
			fmt.Sprintf("the body is larger than %d bytes", MaxAnswer))
		return
	}
	refuseUnread(w, http.StatusBadRequest, "TruncatedHTTPRequest", "the body did not arrive whole and in time")
}

// refuseUnread refuses a request with an unread body, and then closes the connection without waiting for a slow
// client.
func refuseUnread(w http.ResponseWriter, status int, errorType, text string) {
	http.NewResponseController(w).SetReadDeadline(time.Now().Add(discardTime))
	w.Header().Set("Connection", "close")
	refuse(w, status, errorType, text)
}

func refuse(w http.ResponseWriter, status int, errorType, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"errorMessage": text, "errorType": errorType})
}
