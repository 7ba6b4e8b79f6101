package machine

import (
	"fmt"

	"github.com/perdure/perdure/internal/wire"
)

// FireTimers applies everything that is due at the draft's moment, in the
// order in which it was due: waits elapse, steps become ready, callbacks and
// finally the execution itself time out.
//
// An execution that has checkpointed its result is past all timers.
func (d *Draft) FireTimers() {
	if d.ended() {
		return
	}
	timeout := d.TimesOut()
	for _, t := range d.dueTimers() {
		if t.due < timeout {
			d.fire(t)
		}
	}
	if timeout <= d.now {
		d.emitExecution(Record{Event: wire.Event{Type: wire.EventExecutionTimedOut}})
	}
}

func (d *Draft) fire(t timer) {
	o := d.op(t.op)
	r := Record{}
	switch o.Type {
	case wire.TypeWait:
		r.Type, r.Duration = wire.EventWaitSucceeded, o.waitSeconds
	case wire.TypeStep:
		r.Type = stepReady
	case wire.TypeCallback:
		r.Type = wire.EventCallbackTimedOut
		r.Error = &wire.ErrorObject{ErrorType: wire.ErrorTypeCallbackTimeout}
		if t.due == o.heartbeatAt && t.due != o.timeoutAt {
			r.Error.ErrorType = wire.ErrorTypeCallbackHeartbeat
		}
	}
	d.emitFor(o, r)
}

// emitExecution records an event about the execution as a whole.
func (d *Draft) emitExecution(r Record) {
	r.OpID, r.Name = d.identity.ARN.ID, d.identity.ARN.Name
	d.emit(r)
}

// Stop closes the execution at a client's request; reason may be nil. On a
// closed execution it does nothing, and on one that has checkpointed its
// result it comes too late. A reason that is too large is refused.
func (d *Draft) Stop(reason *wire.ErrorObject) error {
	if err := d.checkError(reason); err != nil {
		return err
	}
	d.FireTimers()
	if d.ended() {
		return nil
	}
	if reason == nil {
		reason = &wire.ErrorObject{}
	}
	d.emitExecution(Record{Event: wire.Event{Type: wire.EventExecutionStopped, Error: reason}})
	return nil
}

// SucceedCallback completes the callback at a position with a result. It and
// its siblings refuse a callback that cannot be completed (unknown, completed,
// timed out, or of a closed execution) but the draft may still hold records,
// of timers that were due, which are to be committed all the same.
func (d *Draft) SucceedCallback(position int, id string, result *string) error {
	if n := d.x.rules.maxPayload(); result != nil && len(*result) > n {
		return wire.Errorf(wire.CodeValidation, "1 validation error detected: Value at 'result' failed to satisfy constraint: Member must have length less than or equal to %d", n)
	}
	return d.callback(position, id, Record{Event: wire.Event{Type: wire.EventCallbackSucceeded, Payload: result}})
}

// FailCallback completes the callback at a position with an error; see
// [Draft.SucceedCallback].
func (d *Draft) FailCallback(position int, id string, reason *wire.ErrorObject) error {
	if err := d.checkError(reason); err != nil {
		return err
	}
	if reason == nil {
		reason = &wire.ErrorObject{}
	}
	return d.callback(position, id, Record{Event: wire.Event{Type: wire.EventCallbackFailed, Error: reason}})
}

// HeartbeatCallback moves the callback's heartbeat deadline; the overall
// timeout stays. See [Draft.SucceedCallback].
func (d *Draft) HeartbeatCallback(position int, id string) error {
	return d.callback(position, id, Record{Event: wire.Event{Type: callbackHeartbeat}})
}

func (d *Draft) callback(position int, id string, r Record) error {
	d.FireTimers()
	if position < 0 || position >= len(d.x.ops) || d.ended() {
		return callbackGone()
	}
	o := d.op(position)
	if o.Type != wire.TypeCallback || o.CallbackID != id || o.Status != wire.StatusStarted {
		return callbackGone()
	}
	if r.Type == callbackHeartbeat && o.heartbeatSeconds == 0 {
		return nil // there is no deadline to move
	}
	d.emitFor(o, r)
	return nil
}

// callbackGone is the refusal of a callback that cannot be completed.
func callbackGone() error {
	return wire.Errorf(wire.CodeCallbackTimeout, "The callback is either timed out or already completed")
}

// CompleteInvoke records the outcome of a chained invoke that by, the ARN of an
// execution, brings; empty if it is the answer of a plain function. An outcome
// that was recorded before, or comes after the execution closed, is ignored, and
// so is one of anybody but the execution that this invoke started.
func (d *Draft) CompleteInvoke(opID, by string, status wire.ExecutionStatus, payload *string, failure *wire.ErrorObject) {
	d.FireTimers()
	i := d.find(opID)
	if i < 0 || d.ended() || d.op(i).Type != wire.TypeChainedInvoke || d.op(i).Status.Closed() {
		return
	}
	if target := d.op(i).invoke; target == nil || target.ARN != by {
		return
	}
	r := Record{Event: wire.Event{Type: wire.EventChainedInvokeFailed, Error: failure}}
	switch status {
	case wire.ExecutionSucceeded:
		r = d.invokeSucceeded(payload)
	case wire.ExecutionTimedOut:
		r.Type = wire.EventChainedInvokeTimedOut
	case wire.ExecutionStopped:
		r.Type = wire.EventChainedInvokeStopped
	}
	d.emitFor(d.op(i), r)
}

func (d *Draft) invokeSucceeded(payload *string) Record {
	n := d.x.rules.maxPayload()
	if payload == nil || len(*payload) <= n {
		return Record{Event: wire.Event{Type: wire.EventChainedInvokeSucceeded, Payload: payload}}
	}
	return Record{Event: wire.Event{Type: wire.EventChainedInvokeFailed, Error: &wire.ErrorObject{
		ErrorType:    string(wire.CodeInvalidParameter),
		ErrorMessage: fmt.Sprintf("CHAINED_INVOKE output payload size must be less than or equal to %d bytes.", n),
	}}}
}

// NotifyParent records that the outcome of a closed execution has reached the
// execution that invoked it.
func (d *Draft) NotifyParent() {
	if d.status.Closed() && !d.notified {
		d.emit(Record{Event: wire.Event{Type: parentNotified}})
	}
}
