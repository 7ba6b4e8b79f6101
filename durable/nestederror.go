package durable

import (
	"encoding/json"

	"github.com/perdure/perdure/protocol"
)

// Some of the SDK's errors say something of their own about a cause whose type
// the user may have declared. Their record holds both: what they say, and the
// record of the cause, so that errors.As finds either on every run.

// nested is such an error, taken apart.
type nested struct {
	err       error
	errorType string
	own       any // what its record holds beside the cause
	cause     error
}

// The errors' own parts, as they are recorded.
type (
	submitterJSON    struct{ Attempts int }
	compensationJSON struct{ Failed []string }
	invokeJSON       struct {
		Name, Function    string
		TimedOut, Stopped bool
	}
)

// nestedIn finds one in the chain of err; nil if there is none.
func nestedIn(err error) (found *nested) {
	chain(err, func(err error) bool {
		switch e := err.(type) {
		case *CompensationError:
			if e != nil {
				found = &nested{e, "CompensationError", compensationJSON{e.Failed}, e.Err}
			}
		case *OperationError:
			switch {
			case e == nil:
			case e.Kind == KindSubmitter:
				found = &nested{e, "CallbackSubmitterError", submitterJSON{e.Attempts}, e.Err}
			case e.Kind == protocol.SubTypeChainedInvoke:
				own := invokeJSON{e.Name, e.Function, e.status == protocol.StatusTimedOut, e.status == protocol.StatusStopped}
				found = &nested{e, e.recordedAs(), own, e.Err}
			}
		}
		return found != nil
	})
	return found
}

// nestedData is the data of a recorded error with a cause.
type nestedData struct {
	Error json.RawMessage
	Cause *protocol.ErrorObject
}

// nest is the record of n, unless that is too large.
func (c errorCodecs) nest(n *nested) (data string, fits bool) {
	own, err := json.Marshal(n.own)
	if err != nil {
		return "", false
	}
	text, err := json.Marshal(nestedData{own, c.encode(n.cause)})
	return string(text), err == nil && len(text) <= maxErrorData
}

// unnest undoes nest, and reports whether there was something to undo.
func (c errorCodecs) unnest(e *RecordedError) bool {
	var data nestedData
	switch e.Type {
	case "CallbackSubmitterError":
		if own := new(submitterJSON); data.read(e, own) {
			e.original = &OperationError{Kind: KindSubmitter, Attempts: own.Attempts, Err: c.decode(data.Cause)}
		}
	case "CompensationError":
		if own := new(compensationJSON); data.read(e, own) {
			e.original = &CompensationError{Err: c.decode(data.Cause), Failed: own.Failed}
		}
	case "InvokeError":
		if own := new(invokeJSON); data.read(e, own) {
			invoke := &OperationError{Kind: protocol.SubTypeChainedInvoke, Name: own.Name, Function: own.Function, Err: c.decode(data.Cause)}
			switch {
			case own.TimedOut:
				invoke.status = protocol.StatusTimedOut
			case own.Stopped:
				invoke.status = protocol.StatusStopped
			}
			e.original = invoke
		}
	}
	return e.original != nil
}

func (d *nestedData) read(e *RecordedError, own any) bool {
	return json.Unmarshal([]byte(e.Data), d) == nil && d.Cause != nil && json.Unmarshal(d.Error, own) == nil
}
