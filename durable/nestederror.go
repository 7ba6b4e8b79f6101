package durable

import "encoding/json"

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
	Cause *ErrorObject
}

// nest makes obj the record of e, unless that is too large.
func (c errorCodecs) nest(e nestingError, obj *ErrorObject) bool {
	errorType, cause := e.nesting()
	own, jsonErr := json.Marshal(e)
	if jsonErr != nil {
		return false
	}
	data, jsonErr := json.Marshal(nestedData{own, c.encode(cause)})
	if jsonErr != nil || len(data) > maxErrorData {
		return false
	}
	obj.ErrorType, obj.ErrorData = errorType, string(data)
	return true
}

// unnest undoes nest; nil if there is nothing to undo.
func (c errorCodecs) unnest(obj *ErrorObject) error {
	var data nestedData
	switch obj.ErrorType {
	case "CallbackSubmitterError":
		e := new(SubmitterError)
		if data.read(obj, e) {
			e.Err = c.decode(data.Cause)
			return e
		}
	case "CompensationError":
		e := new(CompensationError)
		if data.read(obj, e) {
			e.Err = c.decode(data.Cause)
			return e
		}
	case "InvokeError":
		e := new(InvokeError)
		if data.read(obj, e) {
			e.Err = c.decode(data.Cause)
			return e
		}
	}
	return nil
}

func (d *nestedData) read(obj *ErrorObject, e error) bool {
	return json.Unmarshal([]byte(obj.ErrorData), d) == nil && d.Cause != nil && json.Unmarshal(d.Error, e) == nil
}
