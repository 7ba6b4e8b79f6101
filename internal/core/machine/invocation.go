package machine

import (
	"fmt"
	"hash/fnv"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/perdure/perdure/protocol"
)

// WantsInvocation reports whether the function should be invoked at the moment now.
func (s *state) WantsInvocation(now protocol.Timestamp) bool { return Wants(s.Wanted(), now) }

// Wants reports whether an invocation that is wanted from at on (zero: never) may begin now. No delay before an
// invocation is longer than a minute: a longer one was counted by a clock that has been set back.
func Wants(at, now protocol.Timestamp) bool {
	return at != 0 && (at <= now || at > now.Add(longestPause))
}

// longestPause is the longest delay before an invocation.
const longestPause = time.Minute

// BeginInvocation records the start of an invocation. It ends the validity of earlier tokens. The published
// execution says what to tell the function: [Execution.Page], [Execution.Updated], [Execution.Fence].
func (d *Draft) BeginInvocation(requestID string) {
	d.emit(Record{Event: protocol.Event{Type: invocationStarted, RequestID: requestID}})
}

// Begins reports whether the draft records the start of an invocation that is in flight then.
func (d *Draft) Begins() bool {
	return d.Invoking() && slices.ContainsFunc(d.records, func(r Record) bool {
		return r.Type == invocationStarted && r.RequestID == d.invocation.requestID
	})
}

// EndInvocation records the end of the invocation with this request id: the function's answer, or a failure. It
// ignores an invocation that is not the current one.
//
// An answer against the rules is a failed invocation; the fourth in a row fails the execution. Other failures are
// retried with growing delays.
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
		// The function left only a step that it started. Nothing but another invocation can take the execution on.
		r.RetryAt = d.now.Add(unstickDelay)
	}
	d.emit(r)
	d.conclude(out, failure)
}

// MissInvocation ends an invocation that never reached the function: there was no place for it, or no way to it.
// This is no failure of the function. The delay before the next try grows by a count of its own.
func (d *Draft) MissInvocation(requestID string, failure *protocol.ErrorObject) {
	if d.invocation.requestID != requestID || requestID == "" {
		return
	}
	d.FireTimers()
	r := Record{
		Event: protocol.Event{
			Type: protocol.EventInvocationCompleted, RequestID: requestID, Start: d.invocation.start, End: d.now,
			Error: failure,
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

// missDelay is the delay after this many misses: 100 ms, doubling to a minute. It begins short because a function
// that is being replaced is out of reach only for a moment.
func missDelay(misses int) time.Duration {
	return min(100*time.Millisecond<<min(misses, 10), longestPause)
}

// unstickDelay is the delay before the next invocation of an execution that waits for nothing.
const unstickDelay = longestPause

// LoseInvocation ends the invocation with this request id, whose outcome is lost, as after a crash of the engine. It is
// no fault of the function, so the next invocation follows at once. It ignores one that is not the current one.
func (d *Draft) LoseInvocation(id string) {
	if d.invocation.requestID != id || id == "" {
		return
	}
	r := Record{
		Event: protocol.Event{
			Type: protocol.EventInvocationCompleted, RequestID: id, Start: d.invocation.start, End: d.now,
			Error: protocol.InvocationError(id, protocol.ErrorTypeSandboxFailure,
				"the engine stopped during the invocation"),
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

// conclude closes the execution if the invocation's end decides it; otherwise it begins a pause that waited for
// that end.
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

// maxBadOutputs is the number of bad answers in a row that fails the execution, as on AWS.
const maxBadOutputs = 4

// maxOutputWeight bounds a function's answer: one result of any allowed size, and the few values of an error.
const maxOutputWeight = 2*protocol.MaxSyncPayload + 4<<20

// readOutput validates the function's answer. It ignores the answer if the execution has closed or has its result.
func (d *Draft) readOutput(answer []byte) (*protocol.InvocationOutput, *protocol.ErrorObject) {
	if d.ended() {
		return &protocol.InvocationOutput{Status: protocol.InvocationPending}, nil
	}
	if !utf8.Valid(answer) { // it is recorded as text, which changes other bytes
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
	return &protocol.ErrorObject{ErrorType: string(protocol.CodeInvalidParameter),
		ErrorMessage: fmt.Sprintf(format, args...)}
}

// backoff is the delay after this many earlier failures: 1 s, doubling to a minute, less up to a quarter so that
// executions that failed together do not return together. That share is a hash of the id and the count: the machine
// uses no randomness.
func backoff(id string, failures int) time.Duration {
	pause := longestPause
	if failures < 6 {
		pause = time.Second << failures
	}
	h := fnv.New32a()
	fmt.Fprintf(h, "%s/%d", id, failures)
	return pause - pause/4*time.Duration(h.Sum32()%1000)/1000
}
