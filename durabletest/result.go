package durabletest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// Status is how an execution ended.
type Status = protocol.ExecutionStatus

// The ends of an execution.
const (
	Succeeded = protocol.ExecutionSucceeded
	Failed    = protocol.ExecutionFailed
	TimedOut  = protocol.ExecutionTimedOut
	Stopped   = protocol.ExecutionStopped
)

// Result is the result of an execution under test. Its methods fail the test that ran it rather than return an
// error.
type Result[Out any] struct {
	Status Status
	// Error is the recorded error of an execution that failed, was stopped or timed out; nil if it succeeded.
	Error *protocol.ErrorObject
	// Elapsed is the virtual time from the start of the execution to its end; the real time with [Cloud].
	Elapsed time.Duration
	// Invocations is how often the function was invoked.
	Invocations int
	// History has every event, and from it every operation.
	History History
	// Logs has the lines of the handler and its steps on durable loggers, unless durable.WithLogger gave another
	// one, or the handler is a deployed one.
	Logs []LogLine

	t       *testing.T
	outcome *outcome
}

type outcome struct {
	*engine.Description
	history     History
	invocations int
	logs        []LogLine
}

func newResult[Out any](t *testing.T, o *outcome) *Result[Out] {
	return &Result[Out]{
		Status: o.Status, Error: o.Error, Elapsed: o.Closed.Sub(o.Started),
		Invocations: o.invocations, History: o.history, Logs: o.logs,
		t: t, outcome: o,
	}
}

// Output is the handler's result, read back from JSON. Unless the execution succeeded it fails the test, and shows
// the history.
func (r *Result[Out]) Output() Out {
	r.t.Helper()
	var out Out
	if r.Status != Succeeded {
		r.t.Fatalf("durabletest: the execution did not succeed but %s:\n%s", ending(r.Status, r.Error),
			r.History.Details())
	}
	if text := r.outcome.Result; text != nil {
		if err := json.Unmarshal([]byte(*text), &out); err != nil {
			r.t.Fatalf("durabletest: the result %s cannot be read back: %v", *text, err)
		}
	}
	return out
}

// Same reports whether two executions ended alike: with the same status, and the same result or type of error.
func (r *Result[Out]) Same(other *Result[Out]) bool { return r.outcome.sameAs(other.outcome) }

func (o *outcome) sameAs(other *outcome) bool {
	switch {
	case o.Status != other.Status:
		return false
	case o.Result != nil && other.Result != nil:
		return *o.Result == *other.Result
	case o.Error != nil && other.Error != nil:
		return o.Error.ErrorType == other.Error.ErrorType
	}
	return (o.Result == nil) == (other.Result == nil) && (o.Error == nil) == (other.Error == nil)
}

// mistakes are the types of errors that a handler which is right never ends with.
var mistakes = []string{"PanicError", "MisuseError", "NonDeterminismError", "DeadlockError", "CheckpointError"}

func (o *outcome) isMistake() bool {
	return o.Error != nil && slices.Contains(mistakes, o.Error.ErrorType)
}

// String is the outcome in messages.
func (o *outcome) String() string {
	text := strings.ToLower(string(o.Status))
	if o.Result != nil {
		text += " with " + protocol.Clip(*o.Result, maxShown)
	}
	if o.Error != nil {
		text += " with " + o.Error.ErrorType + ": " + protocol.Clip(o.Error.ErrorMessage, maxShown)
	}
	return text
}

// ending is a failed end in words.
func ending(s Status, err *protocol.ErrorObject) string {
	verb := strings.ToLower(strings.ReplaceAll(string(s), "_", " "))
	if err == nil {
		return verb
	}
	return fmt.Sprintf("%s with %s: %s", verb, err.ErrorType, err.ErrorMessage)
}

// Operation is the last record of the operation called name. The test fails if there is none, or more than one; for
// those see [History.Operations].
func (r *Result[Out]) Operation(name string) *protocol.Operation {
	r.t.Helper()
	var found []*protocol.Operation
	for _, op := range r.History.Operations() {
		if op.Name == name {
			found = append(found, op)
		}
	}
	if len(found) != 1 {
		r.t.Fatalf("durabletest: there are %d operations called %q:\n%s", len(found), name, r.History)
	}
	return found[0]
}

// Decode reads the result of the operation called name, which must have succeeded, from JSON.
func (r *Result[Out]) Decode(name string, result any) {
	r.t.Helper()
	op := r.Operation(name)
	if op.Status != protocol.StatusSucceeded || op.Payload == nil {
		r.t.Fatalf("durabletest: %q has no result, its status is %s:\n%s", name, op.Status, r.History.Details())
	}
	if err := json.Unmarshal([]byte(*op.Payload), result); err != nil {
		r.t.Fatalf("durabletest: the result of %q, %s, is not what was expected: %v", name, *op.Payload, err)
	}
}
