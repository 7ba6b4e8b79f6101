package engine

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/protocol"
)

// Tracer hears of executions, invocations and calls that have ended: of each once, unless the engine dies just then.
type Tracer interface {
	// Ended hears of one end. It is called under locks: it must not wait, nor call the engine. t may be kept.
	Ended(t *Traced)
}

// Traced is an execution, an invocation of it, or the call of a plain function, that has ended.
type Traced struct {
	// SpanID has 16 hexadecimal digits. An execution's is derived from its ARN.
	SpanID    string
	Execution string // the ARN of the execution, or of the invocation's execution; empty for a call
	RequestID string // that of an invocation or a call; empty for an execution
	Function  string // its ARN, qualified
	// TraceHeader is X-Ray's: the trace, and the parent. An invocation's parent is its execution.
	TraceHeader string
	Start, End  time.Time
	Status      protocol.ExecutionStatus // how an execution ended; empty for the others
	Failure     string                   // for people; empty if nothing failed
}

// spanID is the id of a span, derived from what it stands for.
func spanID(of string) string {
	sum := sha256.Sum256([]byte(of))
	return hex.EncodeToString(sum[:8])
}

func executionSpan(arn string) string { return spanID("execution " + arn) }

// tracing is what an engine does about traces.
type tracing struct {
	tracer Tracer // nil for none
	strict bool
}

// heard tells the tracer of an execution that a change closed.
func (t *tracing) heard(c change) {
	if t.tracer == nil || c.x == nil || !closes(c.records) {
		return
	}
	x, id := c.x, c.x.Identity()
	t.tracer.Ended(&Traced{
		SpanID: executionSpan(id.ARN.String()), Execution: id.ARN.String(),
		Function: id.ARN.FunctionARN(), TraceHeader: id.TraceHeader,
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

// invocationEnded tells the tracer of an invocation, or a call, that ends now.
func (t *tracing) invocationEnded(inv *Invocation, began time.Time, failure *protocol.ErrorObject) {
	if t.tracer == nil {
		return
	}
	ended := &Traced{
		SpanID: spanID("invocation " + inv.RequestID), Execution: inv.ExecutionARN, RequestID: inv.RequestID,
		Function: inv.FunctionARN, TraceHeader: inv.TraceID, Start: began, End: time.Now(),
	}
	if failure != nil {
		ended.Failure = cmp.Or(failure.ErrorMessage, failure.ErrorType, "it failed")
	}
	t.tracer.Ended(ended)
}

// An execution belongs to the trace of the header with which it was started, or to a new one.
//
// Lambda puts an id of its own between the caller and each invocation, because it exports a segment with that id. An
// engine with a tracer puts the execution's span there. One without a tracer exports nothing, so an id of its own would
// break the trace: it makes one only if it is strict.

// traceOf is the trace header of the execution, or the call, with this id.
func traceOf(given, id string, start protocol.Timestamp) string {
	if given != "" {
		return given
	}
	sum := sha256.Sum256([]byte(id)) // and not random: an identity can be made again
	return fmt.Sprintf("Root=1-%08x-%s", uint32(start/1000), hex.EncodeToString(sum[:12]))
}

// invocationTrace is the trace header of an invocation of the execution with this ARN; a call has no ARN.
func (t *tracing) invocationTrace(header, arn string) string {
	switch {
	case t.tracer != nil && arn != "":
		return withParent(header, executionSpan(arn), "1")
	case t.strict:
		id := make([]byte, 8)
		rand.Read(id)
		return withParent(header, hex.EncodeToString(id), "0") // as Lambda does
	}
	return header
}

// withParent is a trace header with another parent. It is sampled as the header says, or else as sampled does.
func withParent(header, parent, sampled string) string {
	root, decided := traceFields(header)
	if root == "" {
		return header // of another kind than X-Ray's
	}
	return fmt.Sprintf("Root=%s;Parent=%s;Sampled=%s", root, parent, cmp.Or(decided, sampled))
}

// traceFields reads X-Ray's header; a missing field is empty.
func traceFields(header string) (root, sampled string) {
	for field := range strings.SplitSeq(header, ";") {
		switch name, value, _ := strings.Cut(strings.TrimSpace(field), "="); name {
		case "Root":
			root = value
		case "Sampled":
			sampled = value
		}
	}
	return root, sampled
}
