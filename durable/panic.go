package durable

import (
	"fmt"
	"reflect"
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

// ask lets a function of the user decide something about the operation. If it panics there is no decision, and the
// operation fails.
func (o *operation) ask(what string, decide func()) error {
	_, err := recovered(func() (string, error) {
		decide()
		return "", nil
	})
	if err != nil {
		return fmt.Errorf("the %s of %s: %w", what, o.describe(o.name), err)
	}
	return nil
}

// newPanicError is called by the deferred function that recovered v.
func newPanicError(v any) *PanicError {
	e := &PanicError{Value: fmt.Sprint(v), Type: fmt.Sprintf("%T", v), stack: panicStack()}
	e.err, _ = v.(error)
	return e
}

const maxStackFrames = 32

// callSite is where the user's code called the SDK: file:line; empty if not on this goroutine.
func callSite() string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		f, more := frames.Next()
		switch {
		case f.Function == "" || strings.HasPrefix(f.Function, "runtime."):
		case strings.HasSuffix(f.Function, ".(*run).spawn.func1"):
			return ""
		case !strings.HasPrefix(f.Function, packagePath):
			return fmt.Sprintf("%s:%d", f.File, f.Line)
		}
		if !more {
			return ""
		}
	}
}

// packagePath begins the names of the SDK's own functions.
var packagePath = reflect.TypeFor[run]().PkgPath() + "."

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
