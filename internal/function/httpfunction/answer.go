package httpfunction

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// timedOut is what the emulator says, with status 200, when its own timeout passes.
var timedOut = regexp.MustCompile(`^Task timed out after [0-9.]+ seconds\s*$`)

// read makes an outcome of an answer.
func read(inv *engine.Invocation, resp *http.Response, body []byte) engine.Outcome {
	document := errorDocument(body)
	switch {
	case resp.StatusCode == http.StatusBadGateway && document != nil:
		return engine.Outcome{Error: document, ErrorPayload: body}
	case resp.StatusCode != http.StatusOK:
		return unreached(inv, fmt.Sprintf("the function's endpoint answered %s %s", resp.Status, excerpt(body)))
	case resp.Header.Get("X-Amz-Function-Error") != "":
		if document == nil {
			document = &protocol.ErrorObject{ErrorType: "Unhandled", ErrorMessage: excerpt(body)}
		}
		return engine.Outcome{Error: document, ErrorPayload: body}
	case timedOut.Match(body):
		return failure(inv, protocol.ErrorTypeTimedOut, string(bytes.TrimSpace(body)))
	case document != nil:
		return engine.Outcome{Error: document, ErrorPayload: body}
	}
	return engine.Outcome{Payload: body}
}

// errorDocument reads what runtimes write of an error, and nothing else: nil
// if body is an answer. An object with any other member is one.
func errorDocument(body []byte) *protocol.ErrorObject {
	var doc struct {
		ErrorType    *string         `json:"errorType"`
		ErrorMessage *string         `json:"errorMessage"`
		StackTrace   json.RawMessage `json:"stackTrace"`
		Trace        json.RawMessage `json:"trace"`
		RequestID    json.RawMessage `json:"requestId"`
		Cause        json.RawMessage `json:"cause"`
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if dec.Decode(&doc) != nil || dec.More() || doc.ErrorMessage == nil || doc.ErrorType == nil {
		return nil
	}
	e := &protocol.ErrorObject{ErrorType: *doc.ErrorType, ErrorMessage: *doc.ErrorMessage}
	for _, trace := range []json.RawMessage{doc.StackTrace, doc.Trace} {
		if lines := protocol.DecodeTrace(trace); len(lines) > 0 {
			e.StackTrace = lines
		}
	}
	return e
}

// excerpt is the beginning of a body, for a message.
func excerpt(body []byte) string {
	const most = 200
	if len(body) > most {
		body = append(body[:most:most], "…"...)
	}
	return string(bytes.ToValidUTF8(bytes.TrimSpace(body), []byte("\uFFFD")))
}
