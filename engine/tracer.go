package engine

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/protocol"
)

// Tracer hears of executions, invocations and calls when they have ended. Each
// is told once, but for an engine that dies at just that moment.
type Tracer interface {
	// Ended is told what ended. It is called with locks held: it must not
	// wait, nor call the engine. t belongs to the tracer from then on.
	Ended(t *Traced)
}

// Traced is an execution, an invocation of it, or the call of a plain function,
// that has ended.
type Traced struct {
	// SpanID is its own, 16 hexadecimal digits. That of an execution follows
	// from its ARN.
	SpanID string
	// Execution is the ARN of the execution that it is, or belongs to; empty
	// for a call.
	Execution string
	// RequestID is that of an invocation or a call; empty for an execution.
	RequestID string
	Function  string // its ARN, qualified
	// TraceHeader is X-Ray's: the trace, and the parent. That of an invocation
	// is its execution.
	TraceHeader string
	Start, End  time.Time
	// Status is what an execution ended as; empty for the others.
	Status protocol.ExecutionStatus
	// Failure says in words what failed; empty if nothing did.
	Failure string
}

// executionSpan is the span id of an execution.
func executionSpan(arn string) string {
	sum := sha256.Sum256([]byte("execution " + arn))
	return hex.EncodeToString(sum[:8])
}

// below is a trace header for what lies below a span: that of the execution, so
// that whatever its invocations export finds its place in the trace.
func below(header, spanID string) string {
	root, sampled := traceFields(header)
	if root == "" {
		return header // of another kind than X-Ray's
	}
	return fmt.Sprintf("Root=%s;Parent=%s;Sampled=%s", root, spanID, cmp.Or(sampled, "1"))
}

// traceClosed tells the tracer of an execution that the records closed.
func (e *Engine) traceClosed(x *machine.Execution, records []machine.Record) {
	if e.opts.Tracer == nil || !closes(records) {
		return
	}
	id := x.Identity()
	e.opts.Tracer.Ended(&Traced{
		SpanID: executionSpan(id.ARN.String()), Execution: id.ARN.String(), Function: id.ARN.FunctionARN(), TraceHeader: id.TraceHeader,
		Start: x.Started().Time(), End: x.Closed().Time(), Status: x.Status(), Failure: failureOf(x),
	})
}

// closes reports whether the records close an execution.
func closes(records []machine.Record) bool {
	return slices.ContainsFunc(records, func(r machine.Record) bool { return r.EndsExecution() })
}

func failureOf(x *machine.Execution) string {
	if x.Status() == protocol.ExecutionSucceeded {
		return ""
	}
	if _, failure := x.Result(); failure != nil && failure.ErrorMessage != "" {
		return failure.ErrorMessage
	}
	return string(x.Status())
}

// traceInvocation tells the tracer of an invocation, or a call, that ended now.
func (e *Engine) traceInvocation(inv *Invocation, began time.Time, failure *protocol.ErrorObject) {
	if e.opts.Tracer == nil {
		return
	}
	sum := sha256.Sum256([]byte("invocation " + inv.RequestID))
	t := &Traced{
		SpanID: hex.EncodeToString(sum[:8]), Execution: inv.ExecutionARN, RequestID: inv.RequestID, Function: inv.FunctionARN,
		TraceHeader: inv.TraceID, Start: began, End: time.Now(),
	}
	if failure != nil {
		t.Failure = cmp.Or(failure.ErrorMessage, failure.ErrorType, "it failed")
	}
	e.opts.Tracer.Ended(t)
}
