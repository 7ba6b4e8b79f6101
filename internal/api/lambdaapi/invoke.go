package lambdaapi

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

type invocationType string

// The ways to invoke a function.
const (
	event           invocationType = "Event"
	requestResponse invocationType = "RequestResponse"
	dryRun          invocationType = "DryRun"
)

var invocationTypes = []invocationType{event, requestResponse, dryRun}

type logType string

// Which part of the function's output a caller gets.
const (
	none logType = "None"
	tail logType = "Tail"
)

var logTypes = []logType{none, tail}

// maxClientContext bounds the client context's header.
const maxClientContext = 3583

var (
	errUnqualified = refusal(protocol.CodeInvalidParameter,
		"You cannot invoke a durable function using an unqualified ARN.")
	errTooLongForSync = refusal(protocol.CodeInvalidParameter,
		"You cannot synchronously invoke a durable function with an executionTimeout greater than 15 minutes.")
	errClientContext = refusal(protocol.CodeInvalidContent,
		"Client context must be a valid Base64-encoded JSON object.")
)

// invoke is Invoke: of a plain function, or to start a durable one.
func (a *api) invoke(w http.ResponseWriter, r *http.Request, function string) error {
	how, req, err := decodeInvoke(r, function)
	if err != nil {
		return err
	}
	req.RequestID = w.Header().Get(requestIDHeader)
	f, _, err := a.registry.Lookup(r.Context(), req.Function, req.Qualifier)
	if err != nil {
		return err
	}
	if a.strict && f.Durable != nil {
		if err := admit(how, req, f.Durable); err != nil {
			return err
		}
	}
	if err := f.CheckTenant(req.TenantID, a.strict); err != nil {
		return err
	}
	if req.Payload, err = a.readEvent(r, how); err != nil {
		return err
	}
	if how == dryRun {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	if f.Durable == nil { // a durable one can be started anywhere
		if err := a.registry.Here(r.Context(), req.Function, req.Qualifier); err != nil {
			return unread(r, req.Payload, err)
		}
	}
	if how == event {
		req.Async = true
		return a.invokeAsync(w, r, req, &f)
	}
	if f.Durable == nil {
		return a.call(w, r, req, f.Version)
	}
	return a.run(w, r, req)
}

// decodeInvoke reads everything but the body.
func decodeInvoke(r *http.Request, function string) (invocationType, *engine.InvokeRequest, error) {
	q := newQuery(r)
	q.text(function, "functionName", &functionNameShape)
	how := q.invocationType(r.Header)
	q.logType(r.Header)
	req := &engine.InvokeRequest{
		Function:    function,
		Qualifier:   q.optional("Qualifier", &qualifierShape),
		Name:        q.header(r.Header, "X-Amz-Durable-Execution-Name", "durableExecutionName", &executionNameShape),
		TenantID:    q.header(r.Header, "X-Amz-Tenant-Id", "tenantId", &tenantShape),
		TraceHeader: q.header(r.Header, "X-Amzn-Trace-Id", "xAmznTraceId", &traceShape),
	}
	if err := q.err(); err != nil {
		return "", nil, err
	}
	var err error
	if req.Tags, err = engine.ParseTags(strings.Join(r.Header[engine.TagsHeader], "&")); err != nil {
		return "", nil, err
	}
	req.ClientContext, err = clientContext(r.Header)
	req.LogTail = logType(r.Header.Get("X-Amz-Log-Type")) == tail && how == requestResponse
	return how, req, err
}

// header reads an optional string member that travels in a header.
func (q *query) header(h http.Header, name, member string, shape *textShape) string {
	values := h[name]
	if len(values) == 0 {
		return ""
	}
	q.text(values[0], member, shape)
	return values[0]
}

func (q *query) invocationType(h http.Header) invocationType {
	switch how := invocationType(h.Get("X-Amz-Invocation-Type")); how {
	case "":
		return requestResponse
	case event, requestResponse, dryRun:
		return how
	default:
		q.add(quote(string(how)), "invocationType", invocationTypeConstraint)
		return how
	}
}

func (q *query) logType(h http.Header) {
	if how := logType(h.Get("X-Amz-Log-Type")); how != "" && how != none && how != tail {
		q.add(quote(string(how)), "logType", logTypeConstraint)
	}
}

func clientContext(h http.Header) (string, error) {
	encoded := h.Get("X-Amz-Client-Context")
	if encoded == "" {
		return "", nil
	}
	decoded, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(encoded) > maxClientContext || !json.Valid(decoded) {
		return "", errClientContext
	}
	return string(decoded), nil
}

// admit refuses invocations of a durable function that AWS refuses and this engine could do.
func admit(how invocationType, req *engine.InvokeRequest, config *engine.DurableConfig) error {
	if req.Qualifier == "" && !isQualified(req.Function) {
		return errUnqualified
	}
	if how == requestResponse && config.ExecutionTimeout > protocol.MaxSyncExecutionSeconds*time.Second {
		return errTooLongForSync
	}
	return nil
}

// readEvent reads the body, which is JSON or empty.
func (a *api) readEvent(r *http.Request, how invocationType) ([]byte, error) {
	limit := protocol.MaxSyncPayload
	if a.strict && how == event {
		limit = protocol.MaxPayload
	}
	tooLarge := refusal(protocol.CodeRequestTooLarge,
		"Request must be smaller than %d bytes for the InvokeFunction operation", limit)
	payload, err := readBody(r, nil, limit, tooLarge)
	if err != nil || len(payload) == 0 {
		return nil, err
	}
	if err := validJSON(payload); err != nil {
		return nil, err
	}
	return payload, nil
}

func validJSON(payload []byte) error {
	const prefix = "Could not parse request body into json: "
	if !utf8.Valid(payload) {
		return refusal(protocol.CodeInvalidContent, prefix+"Invalid UTF-8")
	}
	if json.Valid(payload) {
		return nil
	}
	var discard any
	err := json.Unmarshal(payload, &discard) // only to learn what is wrong
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return refusal(protocol.CodeInvalidContent, prefix+"%s", protocol.SyntaxText(payload, syntax))
	}
	return refusal(protocol.CodeInvalidContent, prefix+"%v", err)
}

// start starts an execution and names it in the headers.
func (a *api) start(w http.ResponseWriter, r *http.Request, req *engine.InvokeRequest) (*engine.Started, error) {
	started, err := a.engine.Start(r.Context(), req)
	if err != nil {
		return nil, err
	}
	w.Header().Set("X-Amz-Executed-Version", started.Version)
	w.Header().Set("X-Amz-Durable-Execution-Arn", started.ARN)
	return started, nil
}

// invokeAsync starts an execution, or the call of a plain function, and answers without its result.
func (a *api) invokeAsync(w http.ResponseWriter, r *http.Request, req *engine.InvokeRequest, f *engine.Function) error {
	var err error
	if f.Durable == nil {
		w.Header().Set("X-Amz-Executed-Version", f.Version)
		err = a.callLater(r.Context(), req)
	} else {
		_, err = a.start(w, r, req)
	}
	if err == nil {
		w.WriteHeader(http.StatusAccepted)
	}
	return err
}

// run starts an execution, or finds the one of that name, and waits for its end. A client that hangs up ends the
// waiting; the execution goes on.
func (a *api) run(w http.ResponseWriter, r *http.Request, req *engine.InvokeRequest) error {
	wantsTail := req.LogTail
	started, err := a.start(w, r, req) // from here on nothing keeps req: its payload may be large, and the wait long
	if err != nil {
		return err
	}
	result, err := a.engine.Wait(r.Context(), started.ARN)
	if err != nil {
		return err
	}
	if wantsTail {
		end, err := a.engine.LogTail(r.Context(), started.ARN)
		if err != nil {
			return err
		}
		writeLogTail(w, end)
	}
	writeResult(w, result)
	return nil
}

func writeLogTail(w http.ResponseWriter, end string) {
	if end != "" {
		w.Header().Set("X-Amz-Log-Result", base64.StdEncoding.EncodeToString([]byte(end)))
	}
}

// call runs a plain function.
func (a *api) call(w http.ResponseWriter, r *http.Request, req *engine.InvokeRequest, version string) error {
	result, err := a.engine.Call(r.Context(), req)
	if err != nil {
		return unread(r, req.Payload, err)
	}
	w.Header().Set("X-Amz-Executed-Version", version)
	writeLogTail(w, result.LogTail)
	writeResult(w, result)
	return nil
}

// unread puts the body that was read back into r if err says that another node should have r.
func unread(r *http.Request, body []byte, err error) error {
	if _, ok := errors.AsType[*engine.ElsewhereError](err); ok {
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.ContentLength = int64(len(body))
	}
	return err
}

// maxAsyncCalls bounds the asynchronous calls of plain functions that wait or
// run. Each may hold an event of some megabytes.
const maxAsyncCalls = 1000

var errManyAsyncCalls = refusal(protocol.CodeTooManyRequests, "Rate Exceeded.")

// callLater calls a plain function for a caller that does not wait. Unlike a durable execution, such a call is lost
// when the process ends, and it is not repeated when the function fails.
func (a *api) callLater(ctx context.Context, req *engine.InvokeRequest) error {
	select {
	case a.asyncCalls <- struct{}{}:
	default:
		return errManyAsyncCalls
	}
	ctx = context.WithoutCancel(ctx)
	go func() {
		defer func() { <-a.asyncCalls }()
		result, err := a.engine.Call(ctx, req)
		switch {
		case err != nil:
			a.log.Warn("lambdaapi: an asynchronous call failed", "function", req.Function, "error", err)
		case result.Status != protocol.ExecutionSucceeded:
			a.log.Warn("lambdaapi: a function failed that was called asynchronously",
				"function", req.Function, "error", result.Error.ErrorMessage)
		}
	}()
	return nil
}
