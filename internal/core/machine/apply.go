package machine

import (
	"fmt"
	"slices"

	"github.com/perdure/perdure/protocol"
)

// apply folds one record into the draft. It decides nothing: the maker of the record did. No other code changes
// state, so an execution read back from its journal is the same as before.
func (d *Draft) apply(r *Record) {
	if r.IsHistory() {
		d.events = r.Event.ID
	}
	retrying, queued := d.retrying(), d.invokeAt != 0
	d.fold(r)
	if d.retrying() && !retrying { // with the attempt, or the invocation, that failed
		d.retryingSince = r.Time.Add(-max(0, r.Took))
	}
	if d.invokeAt != 0 && !queued {
		d.queuedSince = r.Time
	}
}

func (d *Draft) fold(r *Record) {
	m := meaning(r.Type)
	d.meter(r, m)
	switch r.Type {
	case protocol.EventExecutionStarted:
		d.applyStart(r)
	case executionClosing:
		d.closing, d.result, d.err = r.Status, r.Payload, r.Error
	case protocol.EventExecutionPaused, protocol.EventExecutionResumed, pauseRequested, pauseCancelled:
		d.applyPause(r)
	case deletionRequested:
		d.deleting = r.Time
	case retrySkipped:
		d.invokeAt, d.queuedSince = r.Time, r.Time
	case executionForked:
		d.applyFork()
	case forked:
		d.applyForked(r)
	case parentNotified:
		d.notified = true
	case acted:
		d.applyAct(r)
	case killRequested:
		d.killed = true
	case cascadeRequested:
		d.cascade = &Cascade{By: r.By, Reason: r.Error, Kill: r.Kill}
	case cascadeEnded:
		d.cascade = nil
	case invocationStarted:
		d.applyInvocationStart(r)
	case protocol.EventInvocationCompleted:
		d.applyInvocationEnd(r)
	case checkpointAccepted:
		d.applyCheckpoint(r)
	default:
		switch {
		case m.Execution.Closed():
			d.applyClose(r, m.Execution)
		case m.Status == protocol.StatusStarted:
			d.applyOperationStart(r, m)
		default:
			d.applyOperationChange(r, m)
		}
	}
}

func (d *Draft) applyStart(r *Record) {
	d.identity, d.arn = r.Identity, r.Identity.ARN.String()
	d.inputHash = hashInput(r.Payload)
	d.status = protocol.ExecutionRunning
	d.started = r.Time
	d.invokeAt = r.Time
	d.add(&operation{
		Operation: protocol.Operation{
			ID: r.OpID, Name: r.Name, Type: protocol.TypeExecution, Status: protocol.StatusStarted,
			Start: r.Time, Payload: r.Payload,
		},
		parent: -1,
	})
}

func (d *Draft) applyClose(r *Record, status protocol.ExecutionStatus) {
	r.Took = r.Time.Sub(d.started)
	d.closed = r.Time
	d.status = status
	if d.closing == "" { // else the outcome came with the closing checkpoint
		d.result, d.err = r.Payload, r.Error
	}
	if r.Type == protocol.EventExecutionTimedOut {
		d.err = timeoutError(d.identity.ExecutionTimeout)
	}
	if r.Type == protocol.EventExecutionStopped {
		d.stoppedBy = r.By
	}
	d.closing, d.pause = "", nil
	d.invokeAt = 0
	d.news, d.reply, d.replySize = nil, nil, 0 // nobody will ask
}

func (d *Draft) applyInvocationStart(r *Record) {
	r.Ended, r.Took = Queued, r.Time.Sub(max(d.queuedSince, d.invokeAt, d.lastResume.at))
	d.invocation = invocation{number: d.invocation.number + 1, requestID: r.RequestID, start: r.Time}
	d.seq++
	d.invokeAt = 0
	d.reply, d.replySize = nil, 0
	d.told, d.news = d.news, nil
	d.telling++
}

func (d *Draft) applyInvocationEnd(r *Record) {
	r.Ended, r.Took = Running, r.Time.Sub(d.invocation.start)
	d.invocation.requestID, d.invocation.interrupted = "", false
	d.idleSince = r.Time
	if r.Lost {
		d.misses++
	} else {
		d.misses = 0
	}
	switch {
	case r.BadOutput:
		d.badOutputs++
		d.failures = d.failuresBefore() + 1
	case r.Lost:
	case r.Failed:
		d.badOutputs = 0
		d.failures = d.failuresBefore() + 1
	default:
		d.badOutputs, d.failures, d.failure = 0, 0, nil
	}
	if r.Failed {
		d.failure = r.Error
		d.news = slices.Concat(d.told, d.news)
	}
	d.told = nil
	d.invokeAt = r.RetryAt
	if r.RetryAt == 0 && len(d.news) > 0 && !d.status.Closed() {
		d.invokeAt = r.Time
	}
}

// applyCheckpoint delivers the news to the function, unless the invocation is interrupted.
func (d *Draft) applyCheckpoint(r *Record) {
	reply := &Reply{inbound: d.Fence(), clientToken: r.ClientToken, Final: d.closing != "" || r.Interrupted}
	d.reply, d.replySize = reply, reply.memory()
	d.seq++
	d.invocation.progressed = d.invocation.progressed || !r.Empty
	if r.Interrupted {
		d.invocation.interrupted = true
		return
	}
	for _, i := range d.news {
		reply.Operations = append(reply.Operations, &d.op(i).Operation)
	}
	d.replySize = reply.memory()
	d.told, d.news = append(d.told, d.news...), nil
	d.telling++
	reply.Fence = d.Fence()
}

func (d *Draft) applyOperationStart(r *Record, m *protocol.Meaning) {
	if i := d.find(r.OpID); i >= 0 { // the next attempt of a step
		o := d.edit(i)
		d.waking -= count(o.wakes())
		before := o.doing()
		o.Status, o.NextAttempt, o.since = m.Status, 0, r.Time
		d.recount(before, o.doing())
		return
	}
	o := d.newOperation(r, m)
	i := d.add(o)
	d.pending += count(o.pending())
	d.waking += count(o.wakes())
	d.recount(0, o.doing())
	d.arm(i)
}

func (d *Draft) newOperation(r *Record, m *protocol.Meaning) *operation {
	o := &operation{
		Operation: protocol.Operation{
			ID: r.OpID, ParentID: r.ParentID, Name: r.Name, SubType: r.SubType,
			Type: m.Operation, Status: m.Status, Start: r.Time,
		},
		since: r.Time, parent: -1,
	}
	if r.ParentID != "" {
		o.parent = d.find(r.ParentID)
	}
	switch r.Type {
	case protocol.EventWaitStarted:
		o.waitSeconds, o.ScheduledEnd = r.Duration, r.ScheduledEnd
	case protocol.EventCallbackStarted:
		o.CallbackID = r.CallbackID
		o.heartbeatSeconds = r.HeartbeatTimeout
		if r.Timeout > 0 {
			o.timeoutAt = r.Time.AddSeconds(r.Timeout)
		}
		if r.HeartbeatTimeout > 0 {
			o.heartbeatAt = r.Time.AddSeconds(r.HeartbeatTimeout)
		}
	case protocol.EventChainedInvokeStarted:
		o.invoke = &InvokeTarget{Function: r.FunctionName, Version: r.ExecutedVersion, ARN: r.DurableExecutionARN}
		if r.DurableExecutionARN == "" { // else the child holds the rest
			o.invoke.Input, o.invoke.TenantID, o.invoke.TraceHeader = r.Payload, r.TenantID, r.TraceHeader
		}
	}
	return o
}

// applyOperationChange folds a change of an operation after its start. A step may close without a recorded start.
func (d *Draft) applyOperationChange(r *Record, m *protocol.Meaning) {
	i := d.find(r.OpID)
	if i < 0 {
		if !endsAttempt(m) {
			panic(fmt.Sprintf("%s of unknown operation %q", r.Type, r.OpID))
		}
		started := *r
		started.Type = protocol.EventStepStarted
		d.applyOperationStart(&started, meaning(started.Type))
		i = d.find(r.OpID)
	}
	if r.Type == callbackHeartbeat {
		d.applyHeartbeat(i, r)
		return
	}
	o := d.edit(i)
	before := *o
	r.Took, o.since = r.Time.Sub(before.since), r.Time
	if !endsAttempt(m) {
		r.Ended = before.doing()
	}
	switch {
	case r.Type == stepReady:
		o.Status, o.NextAttempt = m.Status, 0
	case endsAttempt(m):
		applyAttempt(o, r, m.Status)
	default:
		applyEnd(o, r, m.Status)
	}
	d.pending += count(o.pending()) - count(before.pending())
	d.waking += count(o.wakes()) - count(before.wakes())
	d.recount(before.doing(), o.doing())
	d.arm(i)
	d.wake(r.Time)
}

// applyAttempt folds the end of a step's attempt: the last one, or one to be repeated after a delay.
func applyAttempt(o *operation, r *Record, status protocol.OperationStatus) {
	o.Attempt = r.CurrentAttempt
	o.Payload, o.Error = r.Payload, r.Error
	if r.NextAttemptDelay > 0 {
		o.Status, o.NextAttempt = protocol.StatusPending, r.Time.AddSeconds(r.NextAttemptDelay)
		return
	}
	o.Status, o.End = status, r.Time
}

func applyEnd(o *operation, r *Record, status protocol.OperationStatus) {
	if !status.Closed() {
		panic(fmt.Sprintf("unknown record type %q", r.Type))
	}
	o.Status, o.End = status, r.Time
	o.Payload, o.Error, o.ReplayChildren = r.Payload, r.OperationError(), r.ReplayChildren
	o.invoke = nil // nobody needs its input now
}

// applyHeartbeat moves a deadline. The function need not hear of it.
func (d *Draft) applyHeartbeat(i int, r *Record) {
	o := *d.op(i)
	o.heartbeatAt = r.Time.AddSeconds(o.heartbeatSeconds)
	d.touch(i, &o)
	d.arm(i)
}

// wake asks for an invocation, unless one is in flight or wanted already. A retry after a failed invocation brings
// the news, too.
func (d *Draft) wake(now protocol.Timestamp) {
	if !d.status.Closed() && !d.Invoking() && d.invokeAt == 0 {
		d.invokeAt = now
	}
}

func timeoutError(seconds int64) *protocol.ErrorObject {
	return &protocol.ErrorObject{
		ErrorType:    "ExecutionTimedOut",
		ErrorMessage: fmt.Sprintf("Execution timed out after %d seconds.", seconds),
	}
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}
