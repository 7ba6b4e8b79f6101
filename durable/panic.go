package durable

import (
	"fmt"
	"runtime"
	"strings"
)

// recovered calls fn, and makes an error of its panic.
func recovered(fn func() (string, error)) (result string, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = newPanicError(v)
		}
	}()
	return fn()
}

// ask has a function of the user's decide something about the operation. If it
// panics there is no decision to go on with, and the execution fails.
func (o *operation) ask(what string, decide func()) {
	_, err := recovered(func() (string, error) {
		decide()
		return "", nil
	})
	if err != nil {
		o.scope.run.fail(fmt.Errorf("perdure: the %s of %s: %w", what, o.describe(o.name), err))
	}
}

// newPanicError is called by the deferred function that recovered v.
func newPanicError(v any) *PanicError {
	e := &PanicError{Value: fmt.Sprint(v), Type: fmt.Sprintf("%T", v), stack: panicStack()}
	e.err, _ = v.(error)
	return e
}

const maxStackFrames = 32

// panicStack lists the frames from the one that panicked down to the SDK.
func panicStack() []string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	var stack []string
	panicked := false
	for len(stack) < maxStackFrames {
		f, more := frames.Next()
		switch {
		case f.Function == "runtime.gopanic":
			panicked, stack = true, nil
		case !panicked || strings.HasPrefix(f.Function, "runtime."):
		case strings.HasSuffix(f.Function, "/durable.recovered"):
			return stack
		default:
			stack = append(stack, fmt.Sprintf("%s (%s:%d)", f.Function, f.File, f.Line))
		}
		if !more {
			break
		}
	}
	return stack
}
