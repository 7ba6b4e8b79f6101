package durable

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// ErrorCodec declares how one kind of error goes into the history and comes
// back; see [ErrorType] and [ErrorValue].
type ErrorCodec struct {
	name    string
	encode  func(err error) (data string, ok bool)
	restore func(data string) error
}

// ErrorType declares errors of type T under a name that must stay the same for
// as long as executions that recorded it. The value is stored as JSON, so it
// comes back with what its JSON carries: exported fields, or what MarshalJSON
// and UnmarshalJSON make of it. [errors.As] then finds it on every run.
func ErrorType[T error](name string) ErrorCodec {
	return ErrorCodec{
		name: name,
		encode: func(err error) (string, bool) {
			var target T
			if !errors.As(err, &target) {
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

// ErrorValue declares one error value, such as a package's ErrNotFound, so
// that [errors.Is] finds it on every run.
func ErrorValue(name string, value error) ErrorCodec {
	return ErrorCodec{
		name:    name,
		encode:  func(err error) (string, bool) { return "", errors.Is(err, value) },
		restore: func(string) error { return value },
	}
}

// ownErrors are the SDK's errors that can be the cause of a recorded failure.
var ownErrors = []ErrorCodec{
	ErrorType[*StepInterruptedError]("StepInterruptedError"),
	ErrorType[*StepTimeoutError]("StepTimeoutError"),
	ErrorType[*DeadlineError]("DeadlineError"),
	ErrorType[*CallbackTimeoutError]("CallbackTimeoutError"),
	ErrorValue("ConditionNotMet", ErrConditionNotMet),
	ErrorType[*SerdesError]("SerdesError"),
	ErrorType[*LimitError]("LimitError"),
	ErrorType[*PanicError]("PanicError"),
	ErrorValue("CanceledError", ErrCanceled),
}

// errorCodecs is a handler's declared errors; the first that matches wins, and
// the SDK's own come last.
type errorCodecs []ErrorCodec

// Limits on a recorded error, well inside every limit that the service ever had.
const (
	maxErrorMessage = 16 << 10
	maxErrorData    = 128 << 10
)

// encode is err as the history records it.
func (c errorCodecs) encode(err error) *ErrorObject {
	obj := &ErrorObject{ErrorType: typeName(err), ErrorMessage: shorten(message(err), maxErrorMessage)}
	var p *PanicError
	if errors.As(err, &p) {
		obj.StackTrace = p.stack
	}
	var r *RecordedError
	if errors.As(err, &r) && r.original == nil && obj.ErrorType == "RecordedError" {
		obj.ErrorType, obj.ErrorData = r.Type, r.Data // passed on as it came
	}
	if cb, ok := err.(*CallbackError); ok && errors.As(cb.Err, &r) {
		// Whoever asks why the execution failed asks for what was said to
		// the callback; the conformance suite does.
		obj.ErrorMessage = shorten(r.Message, maxErrorMessage)
	}
	// What was declared around one that nests wins; what was declared inside of
	// it is its cause's.
	var nesting nestingError
	errors.As(err, &nesting)
	name, data, found := c.find(err, nesting)
	if !found && nesting != nil && c.nest(nesting, obj) {
		return obj
	}
	for _, list := range []errorCodecs{c, ownErrors} {
		if !found {
			name, data, found = list.find(err, nil)
		}
	}
	if found {
		obj.ErrorType, obj.ErrorData = name, data
	}
	return obj
}

// find encodes err by the first codec that matches, and does not match inner.
func (c errorCodecs) find(err, inner error) (name, data string, found bool) {
	for _, codec := range c {
		data, ok := codec.encode(err)
		if !ok || len(data) > maxErrorData {
			continue
		}
		if inner != nil {
			if _, within := codec.encode(inner); within {
				continue
			}
		}
		return codec.name, data, true
	}
	return "", "", false
}

// decode is the error that code gets for a recorded one.
func (c errorCodecs) decode(obj *ErrorObject) *RecordedError {
	if obj == nil {
		return &RecordedError{Type: "Error", Message: "failed without a recorded error"}
	}
	e := &RecordedError{Type: obj.ErrorType, Message: obj.ErrorMessage, Data: obj.ErrorData, Stack: obj.StackTrace}
	if e.original = c.unnest(obj); e.original != nil {
		return e
	}
	for _, list := range []errorCodecs{c, ownErrors} {
		for _, codec := range list {
			if codec.name == obj.ErrorType {
				e.original = codec.restore(obj.ErrorData)
				return e
			}
		}
	}
	return e
}

// typeName names an error by the first type in its chain that says something:
// what fmt and errors make are only wrappers of text.
func typeName(err error) string {
	for ; err != nil; err = errors.Unwrap(err) {
		t := reflect.TypeOf(err)
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if p := t.PkgPath(); t.Name() != "" && p != "fmt" && p != "errors" {
			return t.Name()
		}
	}
	return "Error"
}

// message is err.Error(), also for an error whose Error method panics.
func message(err error) (s string) {
	defer func() {
		if v := recover(); v != nil {
			s = fmt.Sprintf("%T, whose Error method panics: %v", err, v)
		}
	}()
	return err.Error()
}

// shorten cuts s to at most max bytes, and says so.
func shorten(s string, max int) string {
	if len(s) <= max {
		return s
	}
	const mark = " … (cut)"
	return strings.ToValidUTF8(s[:max-len(mark)], "") + mark
}
