package durable

import (
	"os"
	"runtime"
	"strings"
)

// WithGoroutineChecks says whether every operation checks that its context's goroutine calls it, and fails the
// execution with a MisuseError if not. Without it only simultaneous calls are found. The check takes some
// microseconds for each operation, as Go has no cheap way to tell goroutines apart, so it is on by default only in
// programs of go test.
func WithGoroutineChecks(on bool) HandlerOption {
	return handlerOption(func(cfg *handlerConfig) { cfg.unchecked = !on })
}

// isTest reports whether this is a program of go test.
func isTest() bool {
	return len(os.Args) > 0 && strings.HasSuffix(strings.TrimSuffix(os.Args[0], ".exe"), ".test")
}

// goroutine is the number of the calling goroutine, or 0 without checks.
func (c *handlerConfig) goroutine() uint64 {
	if c.unchecked {
		return 0
	}
	var buf [64]byte
	var id uint64
	for _, digit := range buf[len("goroutine "):runtime.Stack(buf[:], false)] {
		if digit < '0' || digit > '9' {
			break
		}
		id = id*10 + uint64(digit-'0')
	}
	return id
}

const wrongGoroutine = "it is called by a goroutine that its context does not belong to: the function that durable.Go, Map or Parallel runs gets a context of its own, and in plain goroutines there is none"

// checkGoroutine fails the run if the scope belongs to another goroutine.
func (s *scope) checkGoroutine(k *kind, name string) {
	if s.owner != 0 && s.owner != s.run.cfg.goroutine() {
		s.run.fail(misuse(k.describe(name), wrongGoroutine))
	}
}

// unwinding notes that the scope's goroutine unwinds because the run is over.
func (s *scope) unwinding() {
	for ; s != nil; s = s.parent {
		s.unwound.Store(true)
		if s.isTask {
			return
		}
	}
}

// checkRun unwinds the calling goroutine if the run is over. Operations of deferred functions do nothing then, with
// a line in the log. It panics on a goroutine of another run, which would be unwound in every later invocation,
// too.
func (s *scope) checkRun(k *kind, name string) {
	if s.run.gone.Load() && isWorkflow() {
		panic(misuse(k.describe(name),
			"its context is of an earlier invocation; use the one that the handler got, and keep none outside of it"))
	}
	if s.run.ended.Load() && s.unwound.Load() {
		s.run.log.warn("perdure: " + k.describe(name) + " did nothing: it is in a deferred function, and the invocation is over; move it to where the function ends, behind a check of its error")
	}
	s.run.checkEnded()
}

// isWorkflow reports whether a run started the calling goroutine.
func isWorkflow() bool {
	pcs := make([]uintptr, 128)
	for skip := 2; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs)
		frames := runtime.CallersFrames(pcs[:n])
		for more := n > 0; more; {
			var f runtime.Frame
			if f, more = frames.Next(); strings.Contains(f.Function, "/durable.(*run).spawn") {
				return true
			}
		}
		if n < len(pcs) {
			return false
		}
	}
}
