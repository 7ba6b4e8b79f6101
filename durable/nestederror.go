package durable

import (
	"encoding/json"

	"github.com/perdure/perdure/protocol"
)

// Some of the SDK's errors say something of their own about a cause whose type
// the user may have declared. Their record holds both: what they say, and the
// record of the cause, so that errors.As finds either on every run.

// nestingError is such an error; its JSON leaves out the cause.
type nestingError interface {
	error
	nesting() (errorType string, cause error)
}

func (e *SubmitterError) nesting() (string, error)    { return "CallbackSubmitterError", e.Err }
func (e *CompensationError) nesting() (string, error) { return "CompensationError", e.Err }
func (e *InvokeError) nesting() (string, error)       { return "InvokeError", e.Err }

// nestedData is the data of a recorded error with a cause.
type nestedData struct {
	Error json.RawMessage
	Cause *protocol.ErrorObject
}

// nestingIn finds one in the chain of err; nil if there is none.
func nestingIn(err error) (found nestingError) {
	chain(err, func(err error) bool {
		switch e := err.(type) {
		case *SubmitterError, *CompensationError, *InvokeError:
			found = e.(nestingError)
			return !isNil(err)
		}
		return false
	})
	return found
}

// nest is the record of e, unless that is too large.
func (c errorCodecs) nest(e nestingError) (errorType, data string, fits bool) {
	errorType, cause := e.nesting()
	own, err := json.Marshal(e)
	if err != nil {
		return "", "", false
	}
	text, err := json.Marshal(nestedData{own, c.encode(cause)})
	return errorType, string(text), err == nil && len(text) <= maxErrorData
}

// unnest undoes nest, and reports whether there was something to undo.
func (c errorCodecs) unnest(e *RecordedError) bool {
	var data nestedData
	switch e.Type {
	case "CallbackSubmitterError":
		if own := new(SubmitterError); data.read(e, own) {
			own.Err, e.original = c.decode(data.Cause), own
		}
	case "CompensationError":
		if own := new(CompensationError); data.read(e, own) {
			own.Err, e.original = c.decode(data.Cause), own
		}
	case "InvokeError":
		if own := new(InvokeError); data.read(e, own) {
			own.Err, e.original = c.decode(data.Cause), own
		}
	}
	return e.original != nil
}

func (d *nestedData) read(e *RecordedError, own error) bool {
	return json.Unmarshal([]byte(e.Data), d) == nil && d.Cause != nil && json.Unmarshal(d.Error, own) == nil
}
