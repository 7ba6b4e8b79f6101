package machine

import (
	"fmt"

	"github.com/perdure/perdure/protocol"
)

func (d *Draft) emitExecution(r Record) {
	r.OpID, r.Name = d.identity.ARN.ID, d.identity.ARN.Name
	d.emit(r)
}

// SucceedCallback completes the callback at a position with a result. It and its siblings refuse a callback that is
// unknown, completed, timed out, or of a closed execution. Even then the driver must commit the draft's records:
// timers may have fired.
func (d *Draft) SucceedCallback(position int, id string, result *string) error {
	if n := d.x.rules.maxPayload(); result != nil && len(*result) > n {
		return protocol.Errorf(protocol.CodeValidation,
			"1 validation error detected: Value at 'result' failed to satisfy constraint: Member must have length "+
				"less than or equal to %d", n)
	}
	return d.callback(position, id, Record{Event: protocol.Event{Type: protocol.EventCallbackSucceeded,
		Payload: result}})
}

// FailCallback completes the callback at a position with an error; see [Draft.SucceedCallback].
func (d *Draft) FailCallback(position int, id string, reason *protocol.ErrorObject) error {
	if err := d.checkError(reason); err != nil {
		return err
	}
	if reason == nil {
		reason = &protocol.ErrorObject{}
	}
	return d.callback(position, id, Record{Event: protocol.Event{Type: protocol.EventCallbackFailed, Error: reason}})
}

// HeartbeatCallback moves the callback's heartbeat deadline; the overall
// timeout stays. See [Draft.SucceedCallback].
func (d *Draft) HeartbeatCallback(position int, id string) error {
	return d.callback(position, id, Record{Event: protocol.Event{Type: callbackHeartbeat}})
}

func (d *Draft) callback(position int, id string, r Record) error {
	d.FireTimers()
	if position < 0 || position >= len(d.x.ops) || d.ended() {
		return callbackGone()
	}
	o := d.op(position)
	if o.Type != protocol.TypeCallback || o.CallbackID != id || o.Status != protocol.StatusStarted {
		return callbackGone()
	}
	if r.Type == callbackHeartbeat && o.heartbeatSeconds == 0 {
		return nil // there is no deadline to move
	}
	d.emitFor(o, r)
	return nil
}

// OpenCallback is a callback that can be completed.
type OpenCallback struct {
	Position int
	ID       string
}

// OpenCallbacks returns the callbacks that can be completed now, and have this operation's id or its name; with an
// empty one, all of them.
func (d *Draft) OpenCallbacks(operation string) (open []OpenCallback) {
	d.FireTimers()
	for i := range d.x.ops {
		o := d.op(i)
		if o.Type != protocol.TypeCallback || o.Status != protocol.StatusStarted || d.ended() {
			continue
		}
		if operation == "" || operation == o.ID || operation == o.Name {
			open = append(open, OpenCallback{i, o.CallbackID})
		}
	}
	return open
}

// callbackGone is the refusal of a callback that cannot be completed.
func callbackGone() error {
	return protocol.Errorf(protocol.CodeCallbackTimeout, "The callback is either timed out or already completed")
}

// CompleteInvoke records the outcome of a chained invoke. by is the ARN of the execution that has this outcome,
// empty for a plain function. It ignores a second outcome, one after the execution closed, and one of another
// execution than this invoke started.
func (d *Draft) CompleteInvoke(opID, by string, status protocol.ExecutionStatus, payload *string,
	failure *protocol.ErrorObject) {
	d.FireTimers()
	i := d.find(opID)
	if i < 0 || d.ended() || d.op(i).Type != protocol.TypeChainedInvoke || d.op(i).Status.Closed() {
		return
	}
	if target := d.op(i).invoke; target == nil || target.ARN != by {
		return
	}
	r := Record{Event: protocol.Event{Type: protocol.EventChainedInvokeFailed, Error: failure}}
	switch status {
	case protocol.ExecutionSucceeded:
		r = d.invokeSucceeded(payload)
	case protocol.ExecutionTimedOut:
		r.Type = protocol.EventChainedInvokeTimedOut
	case protocol.ExecutionStopped:
		r.Type = protocol.EventChainedInvokeStopped
	}
	d.emitFor(d.op(i), r)
}

func (d *Draft) invokeSucceeded(payload *string) Record {
	n := d.x.rules.maxPayload()
	if payload == nil || len(*payload) <= n {
		return Record{Event: protocol.Event{Type: protocol.EventChainedInvokeSucceeded, Payload: payload}}
	}
	return Record{Event: protocol.Event{Type: protocol.EventChainedInvokeFailed, Error: &protocol.ErrorObject{
		ErrorType:    string(protocol.CodeInvalidParameter),
		ErrorMessage: fmt.Sprintf("CHAINED_INVOKE output payload size must be less than or equal to %d bytes.", n),
	}}}
}

// NotifyParent records that the execution that invoked this closed one knows the outcome.
func (d *Draft) NotifyParent() {
	if d.status.Closed() && !d.notified {
		d.emit(Record{Event: protocol.Event{Type: parentNotified}})
	}
}

// Delete marks a closed execution for deletion, which the driver carries out. A marked one stays as it is; an open
// one is refused.
func (d *Draft) Delete() error {
	d.FireTimers()
	switch {
	case !d.status.Closed():
		return conflict("Cannot delete a durable execution with status %s.", d.Status())
	case d.deleting == 0:
		d.emit(Record{Event: protocol.Event{Type: deletionRequested}})
	}
	return nil
}

// Deleting returns when the deletion of the execution was asked for, or zero.
func (s *state) Deleting() protocol.Timestamp { return s.deleting }

// AtOnce is when a marked execution expires: a moment that has passed, whatever the clock says.
const AtOnce protocol.Timestamp = 1

// Expires returns from when on the execution may be removed: its retention is over, or it was marked. It is zero
// while the execution is open, while its parent does not know the outcome, and while children are to be stopped.
func (s *state) Expires() protocol.Timestamp {
	switch {
	case !s.status.Closed() || s.OwesParent() || s.OwesChildren():
		return 0
	case s.deleting != 0:
		return AtOnce
	}
	return s.closed.AddDays(s.identity.RetentionDays)
}

// Deletable reports whether the execution may be removed at the moment now.
func (s *state) Deletable(now protocol.Timestamp) bool {
	at := s.Expires()
	return at != 0 && at <= now
}
