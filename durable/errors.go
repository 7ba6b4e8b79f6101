package durable

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/perdure/perdure/protocol"
)

// ErrSuspended is the [context.Cause] of a durable context after its invocation was suspended. With it, deferred
// functions can tell a suspension from an end; no other code meets it.
var ErrSuspended = errors.New("perdure: the invocation is suspended until an operation completes")

// ErrTimeout is in the chain of every error about time that was up: of an invoked function, a callback, an attempt
// of a step, a child context with a deadline.
var ErrTimeout = errors.New("perdure: timed out")

// ErrStopped is in the chain of the error of an invoked execution that someone stopped.
var ErrStopped = errors.New("perdure: stopped")

// OperationError says that an operation failed for good. It wraps the cause as it was recorded: mostly a
// [*RecordedError], in which errors.As and errors.Is find errors declared with [WithErrors], and also [ErrTimeout],
// [ErrStopped], [ErrCanceled] and [ErrConditionNotMet].
//
// One may wrap another: the error of a [Retry] wraps that of its last attempt. errors.As finds the outer one, and
// [Failed] the one of a kind.
type OperationError struct {
	// Kind is the protocol's subtype of the failed operation: [protocol.SubTypeStep], SubTypeWaitForCondition,
	// SubTypeCallback for both ways to wait for one, SubTypeChainedInvoke, SubTypeRunInChildContext for all that
	// have contexts of their own; or it is [KindRetry] or [KindSubmitter].
	Kind string
	Name string // of the operation; empty for a submitter
	// Attempts is how many a step, a submitter or a group had, and how often a condition was checked; elsewhere 0.
	Attempts int
	Function string // the invoked one
	Err      error

	status protocol.OperationStatus // of an invoke, unless it is FAILED
}

// Kinds of an [OperationError] without a word in the protocol: a [Retry], and the submitter of a [WaitForCallback].
const (
	KindRetry     = "Retry"
	KindSubmitter = "Submitter"
)

func (e *OperationError) Error() string {
	attempts := ""
	if e.Attempts > 1 {
		attempts = fmt.Sprintf(" after %d attempts", e.Attempts)
	}
	switch e.Kind {
	case protocol.SubTypeStep:
		return fmt.Sprintf("step %q failed%s: %v", e.Name, attempts, e.Err)
	case protocol.SubTypeRunInChildContext:
		return fmt.Sprintf("child context %q failed: %v", e.Name, e.Err)
	case protocol.SubTypeWaitForCondition:
		return fmt.Sprintf("waiting for condition %q ended at attempt %d: %v", e.Name, e.Attempts, e.Err)
	case protocol.SubTypeCallback:
		return fmt.Sprintf("callback %q failed: %v", e.Name, e.Err)
	case protocol.SubTypeChainedInvoke:
		verb := map[protocol.OperationStatus]string{
			protocol.StatusTimedOut: "timed out", protocol.StatusStopped: "was stopped",
		}[e.status]
		return fmt.Sprintf("invoke %q of function %s %s: %v", e.Name, e.Function, cmp.Or(verb, "failed"), e.Err)
	case KindRetry:
		return fmt.Sprintf("%q failed after %d attempts: %v", e.Name, e.Attempts, e.Err)
	case KindSubmitter:
		return fmt.Sprintf("its submitter failed%s: %v", attempts, e.Err)
	}
	return fmt.Sprintf("%s %q failed%s: %v", e.Kind, e.Name, attempts, e.Err)
}

// Unwrap returns the cause.
func (e *OperationError) Unwrap() error { return e.Err }

// Is finds [ErrTimeout] and [ErrStopped] in the error of an [Invoke].
func (e *OperationError) Is(target error) bool {
	return target == ErrTimeout && e.status == protocol.StatusTimedOut || target == ErrStopped && e.status == protocol.StatusStopped
}

// Failed finds the error of an operation of the given kind in the chain of err; see [OperationError.Kind].
// errors.As finds that of any kind.
func Failed(err error, kind string) (failed *OperationError, found bool) {
	found = chain(err, func(err error) (is bool) {
		failed, is = err.(*OperationError)
		return is && failed != nil && failed.Kind == kind
	})
	return failed, found
}

// recordedAs is the ErrorType under which it is recorded.
func (e *OperationError) recordedAs() string {
	if e == nil {
		return "OperationError"
	}
	switch e.Kind {
	case protocol.SubTypeRunInChildContext:
		return "ChildContextError"
	case protocol.SubTypeChainedInvoke:
		return "InvokeError"
	}
	return e.Kind + "Error"
}

// RecordedError is an error that went through the execution's history. Code gets it on the first run, too, so that
// it sees the same on every run. It unwraps to the original if that was declared with [WithErrors], or is the SDK's
// own. An error of another package, a callback or another function does not become the SDK's by having its name.
type RecordedError struct {
	// Type is the declared name, or else the Go type's name without package and pointer; "Error" for errors of
	// errors.New and fmt.Errorf.
	Type    string
	Message string
	// Data is the content of a declared error type, as JSON, or the data that others sent.
	Data string
	// Stack holds the frames of a panic, innermost first.
	Stack []string

	original error
}

func (e *RecordedError) Error() string {
	if e.Message == "" {
		return e.Type
	}
	return e.Message
}

// Unwrap returns the original error, or nil if its type was not declared.
func (e *RecordedError) Unwrap() error { return e.original }

// StepInterruptedError is the failure of an at-most-once attempt that started and has no recorded end: the function
// crashed, or timed out, in between. Whether its side effects happened is unknown.
type StepInterruptedError struct {
	Name    string
	Attempt int
}

func (e *StepInterruptedError) Error() string {
	return fmt.Sprintf("attempt %d of step %q was interrupted: its outcome is unknown", e.Attempt, e.Name)
}

// StepTimeoutError is the failure of an attempt that [WithTimeout] ended.
// errors.Is finds [ErrTimeout] and [context.DeadlineExceeded] in it.
type StepTimeoutError struct {
	Name    string
	Attempt int
	Timeout time.Duration
	Message string // of the error that the body returned
}

func (e *StepTimeoutError) Error() string {
	return fmt.Sprintf("attempt %d of step %q took longer than %v: %s", e.Attempt, e.Name, e.Timeout, e.Message)
}

// Is finds [ErrTimeout] and [context.DeadlineExceeded].
func (e *StepTimeoutError) Is(target error) bool {
	return target == ErrTimeout || target == context.DeadlineExceeded
}

// SerdesError says that a value could not be encoded for the history, or not decoded from it. It is never retried:
// the same value would fail again.
type SerdesError struct {
	// What names the value, such as `the result of step "charge"`.
	What string
	Err  error `json:"-"`
}

func (e *SerdesError) Error() string {
	if e.Err == nil {
		return "perdure: cannot encode or decode " + e.What
	}
	return fmt.Sprintf("perdure: cannot encode or decode %s: %v", e.What, e.Err)
}

// Unwrap returns the encoder's or decoder's error; nil after replay.
func (e *SerdesError) Unwrap() error { return e.Err }

// LimitError says that a value is larger than the service can record. It is never retried. Store the value
// elsewhere and return a reference to it, or use a [Serdes] that does so.
type LimitError struct {
	What  string
	Size  int // bytes
	Limit int // bytes
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("perdure: %s is %d bytes long, over the limit of %d; store it elsewhere and return a reference", e.What, e.Size, e.Limit)
}

// PanicError is a panic in a handler, step or child context.
type PanicError struct {
	Value string // the panic's value, printed
	Type  string // its Go type

	stack []string
	err   error
}

func (e *PanicError) Error() string { return "panic: " + e.Value }

// Unwrap returns the panic's value if it is an error.
func (e *PanicError) Unwrap() error { return e.err }

// nonDeterminism says that the code no longer matches the recorded history. It fails the execution. Code never gets
// it: it might compensate for work that went well.
type nonDeterminism struct {
	ID       string
	Recorded string // a shape; empty if nothing was recorded but something had to be
	Current  string // a shape; empty if the code ended before
	Where    string // where the code makes the call of Current: file:line
	// Err is the error that the code now fails with, before the operation, or where it had succeeded.
	Err error

	panicking []string // the stack of a panic that unwound the code to Where
}

func (e *nonDeterminism) Error() string {
	const hint = "code between operations must do the same on every run, so what is decided by time, chance, a map's order or the environment belongs in a step; and an execution must finish on the version it started on"
	return fmt.Sprintf("perdure: non-deterministic code at operation %s: %s; %s", e.ID, e.difference(), hint)
}

func (e *nonDeterminism) difference() string {
	where := ""
	if e.Where != "" {
		where = " (at " + e.Where + ")"
	}
	if len(e.panicking) > 0 {
		where += " in a deferred function, because it panics at " + e.panicking[0]
	}
	switch {
	case e.Current == "" && e.Err != nil:
		return fmt.Sprintf("recorded %v, but the code now fails without reaching it: %s", e.Recorded, message(e.Err))
	case e.Current == "":
		return fmt.Sprintf("recorded %v, but the code returned without reaching it", e.Recorded)
	case e.Err != nil:
		return fmt.Sprintf("recorded that %v succeeded, but the code now fails: %s%s", e.Recorded, message(e.Err), where)
	case e.Recorded == "":
		return fmt.Sprintf("the code now does %v, but nothing was recorded there, though the execution has come past it%s", e.Current, where)
	}
	return fmt.Sprintf("recorded %v, but the code now does %v%s", e.Recorded, e.Current, where)
}

// Unwrap returns the error that the code fails with, if any.
func (e *nonDeterminism) Unwrap() error { return e.Err }

// fatalError fails the execution, under its name. No code gets one: see package documentation, "Failure".
type fatalError struct {
	name string
	text string
	err  error // that it wraps, if any
}

func (e *fatalError) Error() string { return "perdure: " + e.text }

func (e *fatalError) Unwrap() error { return e.err }

// misuse says that a call breaks a rule about who may use a context, and when.
func misuse(call, rule string) error {
	return &fatalError{name: "MisuseError", text: call + ": " + rule}
}
