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
