package machine

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
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

// Ending is how an invocation ended.
type Ending struct {
	Answer  []byte                // of the function, if Failure is nil
	Failure *protocol.ErrorObject // it crashed, or did not answer in time
	Init    time.Duration         // how long it waited for a process to start
}

// completed is the record of an end.
func (d *Draft) completed(requestID string, e *Ending) Record {
	start := d.invocation.start
	init := (e.Init + time.Millisecond - 1).Truncate(time.Millisecond)
	return Record{Event: protocol.Event{
		Type: protocol.EventInvocationCompleted, RequestID: requestID, Start: start, End: d.now,
		Init: min(init, max(0, d.now.Sub(start))), // the clock may have been set back
	}}
}

// EndInvocation records the end of the invocation with this request id: the function's answer, or a failure. It
// ignores an invocation that is not the current one.
//
// An answer against the rules is a failed invocation; after the fourth in a row the execution is given up, as on AWS,
// and so it is at the limit of failed invocations. Otherwise they are repeated with growing delays.
func (d *Draft) EndInvocation(requestID string, how Ending, limit CrashLimit) {
	if d.invocation.requestID != requestID || requestID == "" {
		return
	}
	d.FireTimers()
	r, failure := d.completed(requestID, &how), how.Failure
	var out *protocol.InvocationOutput
	if failure == nil {
		out, failure = d.readOutput(how.Answer)
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
		r.RetryAt = d.now.Add(backoff(d.identity.ARN.ID, d.failuresBefore()))
	case out.Status == protocol.InvocationPending && d.waking == 0 && len(d.news) == 0:
		// The function left only a step that it started. Nothing but another invocation can take the execution on.
		r.RetryAt = d.now.Add(unstickDelay)
	}
	d.emit(r)
	d.conclude(out, failure, limit)
}

// CrashLimit says when an execution is given up whose invocations fail: crash, time out, or answer against the rules.
// Only those in a row count that record nothing; one that recorded something before it failed is the first of a row.
// Lost and missed invocations are no failures of the function.
type CrashLimit struct {
	Crashes int  // how many; 0 is no limit
	Pause   bool // the execution is paused, for somebody to look at it; otherwise it fails
}

// giveUp fails or pauses the execution if it has reached the limit with the failure of its last invocation.
func (d *Draft) giveUp(failure *protocol.ErrorObject, limit CrashLimit) {
	reached := limit.Crashes > 0 && d.failures >= limit.Crashes
	switch {
	case !reached && d.badOutputs < maxBadOutputs:
	case !limit.Pause:
		if reached && limit.Crashes > 1 {
			counted := *failure
			counted.ErrorMessage = strings.TrimSpace(
				fmt.Sprintf("%s (%d invocations in a row failed)", failure.ErrorMessage, d.failures))
			failure = &counted
		}
		d.emitExecution(Record{Event: protocol.Event{Type: protocol.EventExecutionFailed, Error: failure}})
	case d.status == protocol.ExecutionRunning:
		what := "the invocation failed with "
		if d.failures > 1 {
			what = fmt.Sprintf("%d invocations in a row failed, the last with ", d.failures)
		}
		reason := protocol.Clip(what+failure.Line(), protocol.MaxReason)
		d.emit(Record{Event: protocol.Event{
			Type: pauseRequested, Payload: &reason, TimeoutPaused: true, By: ByCrashLimit,
		}})
		// conclude begins the pause
	}
}

// ByCrashLimit is who asks for a pause at the limit of failed invocations.
const ByCrashLimit = "the limit of crashes"

// failuresBefore is how many failed invocations the one in flight adds to if it fails, too.
func (s *state) failuresBefore() int {
	if s.invocation.progressed {
		return 0
	}
	return s.failures
}

// MissInvocation ends an invocation that never reached the function: there was no place for it, or no way to it, which
// is its Failure. This is no failure of the function. The delay before the next try grows by a count of its own.
func (d *Draft) MissInvocation(requestID string, how Ending) {
	if d.invocation.requestID != requestID || requestID == "" {
		return
	}
	d.FireTimers()
	r := d.completed(requestID, &how)
	r.Error, r.Failed, r.Lost = how.Failure, true, true
	if !d.ended() {
		r.RetryAt = d.now.Add(missDelay(d.misses))
	}
	d.emit(r)
	d.conclude(nil, nil, CrashLimit{})
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
	r := d.completed(id, &Ending{})
	r.Error, r.Failed, r.Lost = protocol.InvocationError(id, protocol.ErrorTypeSandboxFailure,
		"the engine stopped during the invocation"), true, true
	if !d.ended() {
		r.RetryAt = d.now
	}
	d.emit(r)
	d.conclude(nil, nil, CrashLimit{})
}

// conclude closes the execution if the invocation's end decides it; otherwise it begins a pause that waited for
// that end.
func (d *Draft) conclude(out *protocol.InvocationOutput, failure *protocol.ErrorObject, limit CrashLimit) {
	switch {
	case d.status.Closed():
	case d.closing == protocol.ExecutionSucceeded:
		d.emitExecution(Record{Event: protocol.Event{Type: protocol.EventExecutionSucceeded}})
	case d.closing == protocol.ExecutionFailed:
		d.emitExecution(Record{Event: protocol.Event{Type: protocol.EventExecutionFailed}})
	case goesOn(out) && d.overQuota() != nil:
		d.emitExecution(Record{Event: protocol.Event{Type: protocol.EventExecutionFailed, Error: d.overQuota()}})
	case failure != nil:
		d.giveUp(failure, limit)
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
