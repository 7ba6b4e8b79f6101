package runtimeapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/perdure/perdure/protocol"
)

// Bounds of a decoded error, which becomes part of an execution's history.
const (
	maxDocument   = 2*protocol.MaxSyncPayload + 4<<20 // as [protocol.Weight] counts
	maxErrorText  = 256 << 10
	maxErrorTrace = 256 << 10
)

// unknownErrorType is the type of an error without one.
const unknownErrorType = "Runtime.Unknown"

// decodeError reads the error document of a runtime client. It takes anything: a document that is not JSON becomes
// the message, members of an unexpected type keep their JSON. fallbackType is for a document without a type.
func decodeError(document []byte, fallbackType string) *protocol.ErrorObject {
	var d struct {
		Message json.RawMessage `json:"errorMessage"`
		Type    json.RawMessage `json:"errorType"`
		Trace   json.RawMessage `json:"stackTrace"`
		// JavaScript's client uses this name.
		ShortTrace json.RawMessage `json:"trace"`
	}
	e := &protocol.ErrorObject{}
	if protocol.CheckWeight(document, maxDocument) != nil || json.Unmarshal(document, &d) != nil {
		e.ErrorMessage = cut(string(document), maxErrorText)
	} else {
		e.ErrorMessage = cut(text(d.Message), maxErrorText)
		e.ErrorType = cut(text(d.Type), maxErrorText)
		e.StackTrace = append(frames(d.Trace), frames(d.ShortTrace)...)
	}
	if e.ErrorType == "" {
		e.ErrorType = cut(fallbackType, maxErrorText)
	}
	if e.ErrorType == "" {
		e.ErrorType = unknownErrorType
	}
	return e
}

// text is the value of a JSON string, and the JSON of anything else.
func text(raw json.RawMessage) string {
	var s *string
	if len(raw) == 0 {
		return ""
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		var compact bytes.Buffer
		if json.Compact(&compact, raw) != nil {
			return string(raw)
		}
		return compact.String()
	}
	if s == nil {
		return "" // null
	}
	return *s
}

// frames reads a stack trace: an array of lines, or of the frames that the Go client sends.
func frames(raw json.RawMessage) []string {
	var elements []json.RawMessage
	if json.Unmarshal(raw, &elements) != nil {
		return nil
	}
	var lines []string
	room := maxErrorTrace
	for _, element := range elements {
		line := frame(element)
		if room -= len(line) + 1; room < 0 {
			break
		}
		lines = append(lines, line)
	}
	return lines
}

func frame(raw json.RawMessage) string {
	var f struct {
		Path  string `json:"path"`
		Line  int    `json:"line"`
		Label string `json:"label"`
	}
	if json.Unmarshal(raw, &f) == nil && f.Path != "" {
		return strings.ToValidUTF8(fmt.Sprintf("%s:%d %s", f.Path, f.Line, f.Label), "\ufffd")
	}
	return cut(text(raw), maxErrorTrace)
}

// cut makes s valid UTF-8 of at most max bytes.
func cut(s string, max int) string {
	return protocol.Head(strings.ToValidUTF8(s[:min(len(s), max)], "\ufffd"), max)
}
