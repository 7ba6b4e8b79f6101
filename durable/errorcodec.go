package durable

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/perdure/perdure/protocol"
)

// ErrorCodec declares how one kind of error goes into the history and comes back; see [ErrorType] and [ErrorValue].
type ErrorCodec struct {
	name    string
	encode  func(err error) (data string, ok bool)
	restore func(data string) error
}

// ErrorType declares errors of type T under a name that must not change while there are executions with it. The
// value is stored as JSON, so it comes back with its exported fields, or with the result of MarshalJSON and
// UnmarshalJSON. [errors.As] then finds it on every run.
func ErrorType[T error](name string) ErrorCodec { return errorType(name, findAs[T]) }

func errorType[T error](name string, find func(error) (T, bool)) ErrorCodec {
	return ErrorCodec{
		name: name,
		encode: func(err error) (string, bool) {
			target, found := find(err)
			if !found {
				return "", false
			}
			data, err := recovered(func() (string, error) {
				data, err := json.Marshal(target)
				return string(data), err
			})
			return data, err == nil
		},
		restore: func(data string) error {
			var target T
			if data == "" || data == "null" {
				return nil
			}
			if _, err := recovered(func() (string, error) { return "", json.Unmarshal([]byte(data), &target) }); err != nil {
				return nil
			}
			return target
		},
	}
}

// ErrorValue declares one error value, such as a package's ErrNotFound, so that [errors.Is] finds it on every run.
func ErrorValue(name string, value error) ErrorCodec { return errorValue(name, value, isError) }

func errorValue(name string, value error, is func(err, value error) bool) ErrorCodec {
	return ErrorCodec{
		name:    name,
		encode:  func(err error) (string, bool) { return "", is(err, value) },
		restore: func(string) error { return value },
	}
}

// ownErrors are the SDK's errors that can be the cause of a recorded failure. Only the values themselves count, not
// the Is and As methods of other errors.
var ownErrors = errorCodecs{
	errorType("StepInterruptedError", inChain[*StepInterruptedError]),
	errorType("StepTimeoutError", inChain[*StepTimeoutError]),
	errorType("DeadlineError", inChain[*DeadlineError]),
	errorType("CallbackTimeoutError", inChain[*CallbackTimeoutError]),
	errorValue("ConditionNotMet", ErrConditionNotMet, hasValue),
	errorType("SerdesError", inChain[*SerdesError]),
	errorType("LimitError", inChain[*LimitError]),
	errorType("PanicError", inChain[*PanicError]),
	errorValue("CanceledError", ErrCanceled, hasValue),
}

// errorCodecs is a handler's declared errors; the first that matches wins, and the SDK's own come last.
type errorCodecs []ErrorCodec

// Limits on a recorded error, well inside every limit that the service ever had.
const (
	maxErrorType    = 1 << 10
	maxErrorMessage = 16 << 10
	maxErrorData    = 128 << 10
	maxStackFrame   = 1 << 10
)

// A name alone does not say whose error it is: any package may have a CanceledError. So the data of the SDK's own
// errors begins with one mark, and that of an error that could be mistaken for a declared one, or for ours, with
// another.
const (
	markPrefix = "perdure:"
	ownMark    = protocol.SDKErrorMark
	otherMark  = "perdure:other:1 "
)

// encode is err as the history records it; decode reads it.
func (c errorCodecs) encode(err error) *protocol.ErrorObject {
	name, at := typeName(err)
	obj := &protocol.ErrorObject{ErrorType: name, ErrorMessage: message(err), StackTrace: stackOf(err)}
	if cb, ok := err.(*OperationError); ok && cb != nil && cb.Kind == protocol.SubTypeCallback {
		// For the failure of the execution people want the error that was sent to the callback; the conformance
		// suite does, too.
		if r, ok := inChain[*RecordedError](cb.Err); ok {
			obj.ErrorMessage = r.Message
		}
	}
	if _, changed := err.(*nonDeterminism); !changed { // whatever it wraps
		obj.ErrorType, obj.ErrorData = c.identify(err, name, at)
	}
	return fit(obj)
}

// identify returns the record of an error beside its text. at is the error in its chain that names it, under the
// given name.
func (c errorCodecs) identify(err error, name string, at error) (errorType, data string) {
	// An error declared around a nesting one wins; one declared inside belongs to the cause.
	nesting := nestedIn(err)
	if name, data, found := c.find(err, nesting); found {
		return name, data
	}
	if nesting != nil {
		if data, fits := c.nest(nesting); fits {
			return nesting.errorType, ownMark + data
		}
		if name, data, found := c.find(err, nil); found {
			return name, data
		}
	}
	if name, data, found := ownErrors.find(err, nil); found {
		return name, ownMark + data
	}
	if r, ok := at.(*RecordedError); ok { // passed on unchanged
		name, data = r.Type, r.Data
	}
	if strings.HasPrefix(data, markPrefix) || c.declares(name) {
		data = otherMark + data
	}
	return name, data
}

// report is err as the service, and the caller of the function, are told of it.
func (c errorCodecs) report(err error) *protocol.ErrorObject {
	obj := c.encode(err)
	for _, mark := range []string{ownMark, otherMark} {
		if data, marked := strings.CutPrefix(obj.ErrorData, mark); marked {
			obj.ErrorData = data
			break
		}
	}
	return obj
}

// find encodes err by the first codec that matches err but not inner.
func (c errorCodecs) find(err error, inner *nested) (name, data string, found bool) {
	for _, codec := range c {
		data, ok := codec.encode(err)
		if !ok || len(data) > maxErrorData {
			continue
		}
		if inner != nil {
			if _, within := codec.encode(inner.err); within {
				continue
			}
		}
		return codec.name, data, true
	}
	return "", "", false
}

func (c errorCodecs) declares(name string) bool {
	for _, codec := range c {
		if codec.name == name {
			return true
		}
	}
	return false
}

// decode is the error for code, from its record.
func (c errorCodecs) decode(obj *protocol.ErrorObject) *RecordedError {
	e := recordedError(obj)
	if data, own := strings.CutPrefix(e.Data, ownMark); own {
		if e.Data = data; !c.unnest(e) {
			e.original = ownErrors.restore(e)
		}
		return e
	}
	if data, other := strings.CutPrefix(e.Data, otherMark); other {
		e.Data = data
		return e
	}
	e.original = c.restore(e)
	return e
}

// contextFailed is the error of a failed context, from its record.
func (c errorCodecs) contextFailed(name string, obj *protocol.ErrorObject) error {
	return &OperationError{Kind: protocol.SubTypeRunInChildContext, Name: name, Err: c.decode(obj)}
}

// decodeForeign decodes an error that somebody else sent: whatever its name and data, it is none of this SDK's.
func (c errorCodecs) decodeForeign(obj *protocol.ErrorObject) *RecordedError {
	e := recordedError(obj)
	e.original = c.restore(e)
	return e
}

func recordedError(obj *protocol.ErrorObject) *RecordedError {
	if obj == nil || obj.ErrorType == "" && obj.ErrorMessage == "" { // the service makes an empty one of none
		obj = cmp.Or(obj, new(protocol.ErrorObject))
		return &RecordedError{Type: "Error", Message: "failed without a recorded error", Data: obj.ErrorData, Stack: obj.StackTrace}
	}
	return &RecordedError{Type: obj.ErrorType, Message: obj.ErrorMessage, Data: obj.ErrorData, Stack: obj.StackTrace}
}

// restore is the declared error of the name of e.
func (c errorCodecs) restore(e *RecordedError) error {
	for _, codec := range c {
		if codec.name == e.Type {
			return codec.restore(e.Data)
		}
	}
	return nil
}

// fit makes the object fit for the history: within limits, and UTF-8.
func fit(obj *protocol.ErrorObject) *protocol.ErrorObject {
	obj.ErrorType = protocol.Shorten(obj.ErrorType, maxErrorType)
	obj.ErrorMessage = protocol.Shorten(obj.ErrorMessage, maxErrorMessage)
	obj.ErrorData = protocol.Shorten(obj.ErrorData, protocol.MaxInlineResult)
	var stack []string
	for _, frame := range obj.StackTrace[:min(len(obj.StackTrace), maxStackFrames)] {
		stack = append(stack, protocol.Shorten(frame, maxStackFrame))
	}
	obj.StackTrace = stack
	return obj
}

// Some of the SDK's errors have parts of their own and a cause whose type the user may have declared. Their record
// holds both, so that errors.As finds either on every run.

type nested struct {
	err       error
	errorType string
	own       any // its parts beside the cause
	cause     error
}

// The recorded parts of these errors.
type (
	submitterJSON    struct{ Attempts int }
	compensationJSON struct{ Failed []string }
	invokeJSON       struct {
		Name, Function    string
		TimedOut, Stopped bool
	}
)

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
