package machine

import (
	"fmt"
	"hash/fnv"
	"time"
	"unicode/utf8"

	"github.com/perdure/perdure/protocol"
)

// WantsInvocation reports whether the function should be invoked at the moment now.
func (s *state) WantsInvocation(now protocol.Timestamp) bool { return Wants(s.Wanted(), now) }

// Wants reports whether an invocation that is wanted from at on, zero for never,
// is wanted at the moment now. No pause before an invocation is longer than a
// minute: one that seems to be was counted by a clock that has been set back.
func Wants(at, now protocol.Timestamp) bool {
	return at != 0 && (at <= now || at > now.Add(longestPause))
}

// longestPause is the longest before an invocation.
const longestPause = time.Minute

// BeginInvocation records that an invocation starts. Tokens of earlier ones
// are dead from here on. What the function is to be told is read from the
// published execution: [Execution.Page], [Execution.Updated], [Execution.Fence].
func (d *Draft) BeginInvocation(requestID string) {
	d.emit(Record{Event: protocol.Event{Type: invocationStarted, RequestID: requestID}})
}

// EndInvocation records how the invocation with this request id ended: with
// the function's answer, or with a failure. The end of an invocation that is
// not the current one is ignored.
//
// An answer against the rules is a failed invocation; the fourth in a row
// fails the execution. Other failures are retried with growing delays.
func (d *Draft) EndInvocation(requestID string, answer []byte, failure *protocol.ErrorObject) {
	if d.invocation.requestID != requestID || requestID == "" {
		return
	}
	d.FireTimers()
	r := Record{Event: protocol.Event{
		Type: protocol.EventInvocationCompleted, RequestID: requestID, Start: d.invocation.start, End: d.now,
	}}
	var out *protocol.InvocationOutput
	if failure == nil {
		out, failure = d.readOutput(answer)
		r.BadOutput = failure != nil
	}
	r.Error, r.Failed = failure, failure != nil
	if out != nil && out.Status == protocol.InvocationFailed {
		r.Error = out.Error
	}
	switch {
	case d.ended():
	case d.invocation.interrupted && !r.Failed:
		r.RetryAt = d.now
	case r.Failed:
		r.RetryAt = d.now.Add(backoff(d.identity.ARN.ID, d.failures))
	case out.Status == protocol.InvocationPending && d.waking == 0 && len(d.news) == 0:
		// It left only a step that it started. Nothing but another
		// invocation can take the execution on, so there must be one.
		r.RetryAt = d.now.Add(unstickDelay)
	}
	d.emit(r)
	d.conclude(out, failure)
}

// MissInvocation ends an invocation that never reached the function: there was
// no place to run it, or no way to it. That says nothing about the function's
// code, and does not count as its failure; the delay before the next try grows
// apart from that after failures.
func (d *Draft) MissInvocation(requestID string, failure *protocol.ErrorObject) {
	if d.invocation.requestID != requestID || requestID == "" {
		return
	}
	d.FireTimers()
	r := Record{
		Event: protocol.Event{
			Type: protocol.EventInvocationCompleted, RequestID: requestID, Start: d.invocation.start, End: d.now, Error: failure,
		},
		Failed: true,
		Lost:   true,
	}
	if !d.ended() {
		r.RetryAt = d.now.Add(missDelay(d.misses))
	}
	d.emit(r)
	d.conclude(nil, nil)
}

// missDelay is the pause after an invocation that did not reach the function,
// with this count of such ones before it: 100 ms, doubling to a minute. It is
// short at first because a function that is replaced is out of reach for a moment.
func missDelay(misses int) time.Duration {
	return min(100*time.Millisecond<<min(misses, 10), longestPause)
}

// unstickDelay is the pause before an execution is invoked again that would
// otherwise wait for nothing.
const unstickDelay = longestPause

// LoseInvocation ends an invocation whose outcome nobody will ever know, as
// after a crash of the engine. It is no fault of the function: the next
// invocation follows at once.
func (d *Draft) LoseInvocation() {
	if !d.Invoking() {
		return
	}
	id := d.invocation.requestID
	r := Record{
		Event: protocol.Event{
			Type: protocol.EventInvocationCompleted, RequestID: id, Start: d.invocation.start, End: d.now,
			Error: protocol.InvocationError(id, protocol.ErrorTypeSandboxFailure, "the engine stopped during the invocation"),
		},
		Failed: true,
		Lost:   true,
	}
	if !d.ended() {
		r.RetryAt = d.now
	}
	d.emit(r)
	d.conclude(nil, nil)
}

// conclude closes the execution if the end of the invocation decides it, or
// else lets the pause begin that waited for it.
func (d *Draft) conclude(out *protocol.InvocationOutput, failure *protocol.ErrorObject) {
	switch {
	case d.status.Closed():
	case d.closing == protocol.ExecutionSucceeded:
		d.emitExecution(Record{Event: protocol.Event{Type: protocol.EventExecutionSucceeded}})
	case d.closing == protocol.ExecutionFailed:
		d.emitExecution(Record{Event: protocol.Event{Type: protocol.EventExecutionFailed}})
	case goesOn(out) && d.overQuota() != nil:
		d.emitExecution(Record{Event: protocol.Event{Type: protocol.EventExecutionFailed, Error: d.overQuota()}})
	case failure != nil:
		max := d.x.rules.MaxFailures
		if d.badOutputs >= maxBadOutputs || max > 0 && d.failures >= max {
			d.emitExecution(Record{Event: protocol.Event{Type: protocol.EventExecutionFailed, Error: failure}})
		}
	case goesOn(out):
	case out.Status == protocol.InvocationSucceeded:
		d.emitExecution(Record{Event: protocol.Event{Type: protocol.EventExecutionSucceeded, Payload: out.Result}})
	case out.Status == protocol.InvocationFailed:
		d.emitExecution(Record{Event: protocol.Event{Type: protocol.EventExecutionFailed, Error: orEmpty(out.Error)}})
	}
	if d.status == protocol.ExecutionPausing {
		d.beginPause()
	}
}

// goesOn reports whether an answer, nil for none, leaves the execution open.
func goesOn(out *protocol.InvocationOutput) bool {
	return out == nil || out.Status == protocol.InvocationPending
}

func orEmpty(e *protocol.ErrorObject) *protocol.ErrorObject {
	if e == nil {
		return &protocol.ErrorObject{}
	}
	return e
}

// maxBadOutputs is how many answers against the rules the service takes in a
// row before it gives the execution up.
const maxBadOutputs = 4

// maxOutputWeight bounds a function's answer, of which the result is one value,
// however large, and an error a few.
const maxOutputWeight = 2*protocol.MaxSyncPayload + 4<<20

// readOutput validates the function's answer. After the execution closed, or
// checkpointed its result, the answer no longer matters.
func (d *Draft) readOutput(answer []byte) (*protocol.InvocationOutput, *protocol.ErrorObject) {
	if d.ended() {
		return &protocol.InvocationOutput{Status: protocol.InvocationPending}, nil
	}
	if !utf8.Valid(answer) { // it is recorded as text, in which other bytes would become others
		return nil, badOutput("The invocation output is not valid UTF-8.")
	}
	if protocol.CheckWeight(answer, maxOutputWeight) != nil {
		return nil, badOutput("The invocation output has too many values.")
	}
	out, err := protocol.ReadOutput(answer)
	if err != nil {
		return nil, badOutput("Invalid Status in invocation output.")
	}
	switch out.Status {
	case protocol.InvocationSucceeded:
		if out.Error != nil {
			return nil, badOutput("Cannot provide an Error for SUCCEEDED status.")
		}
		if n := d.maxResult(); out.Result != nil && len(*out.Result) > n {
			return nil, badOutput("Execution output payload size must be less than or equal to %d bytes.", n)
		}
	case protocol.InvocationFailed:
		if out.Result != nil {
			return nil, badOutput("Cannot provide a Result for FAILED status.")
		}
		if n := d.x.rules.maxError(); out.Error.Size() > n {
			return nil, badOutput("Error object size must be less than or equal to %d bytes.", n)
		}
	case protocol.InvocationPending:
		if d.pending == 0 && len(d.news) == 0 && !d.invocation.interrupted {
			return nil, badOutput("Cannot return PENDING status with no pending operations.")
		}
	default:
		return nil, badOutput("Invalid Status in invocation output.")
	}
	return out, nil
}

func badOutput(format string, args ...any) *protocol.ErrorObject {
	return &protocol.ErrorObject{ErrorType: string(protocol.CodeInvalidParameter), ErrorMessage: fmt.Sprintf(format, args...)}
}

// backoff is the pause after the failure with this count of failures before
// it: 1 s, doubling to a minute, less up to a quarter so that executions that
// failed together do not return together. The share is fixed by the execution
// and the count, as the machine takes no chances of its own.
func backoff(id string, failures int) time.Duration {
	pause := longestPause
	if failures < 6 {
		pause = time.Second << failures
	}
	h := fnv.New32a()
	fmt.Fprintf(h, "%s/%d", id, failures)
	return pause - pause/4*time.Duration(h.Sum32()%1000)/1000
}
