package machine

import "github.com/perdure/perdure/protocol"

// The transitions that a checkpoint may ask of an operation, one function per type. o is nil if the operation does
// not exist yet.

func started(t protocol.EventType, u *protocol.Update) Record {
	return Record{Event: protocol.Event{Type: t, OpID: u.ID, Name: u.Name, ParentID: u.ParentID, SubType: u.SubType}}
}

func (d *Draft) updateContext(o *operation, u *protocol.Update) error {
	switch u.Action {
	case protocol.ActionStart:
		if o != nil {
			return invalid("Cannot start a CONTEXT that already exist.")
		}
		d.emit(started(protocol.EventContextStarted, u))
		return nil
	case protocol.ActionSucceed, protocol.ActionFail:
	default:
		return invalid("Invalid CONTEXT action.")
	}
	if o == nil || o.Status != protocol.StatusStarted {
		return invalid("Invalid current CONTEXT state to close.")
	}
	if err := checkOutcome(u); err != nil {
		return err
	}
	if u.Action == protocol.ActionFail {
		d.emitFor(o, Record{Event: protocol.Event{Type: protocol.EventContextFailed, Error: u.Error}})
		return nil
	}
	d.emitFor(o, Record{
		Event:          protocol.Event{Type: protocol.EventContextSucceeded, Payload: u.Payload},
		ReplayChildren: u.ContextOptions != nil && u.ContextOptions.ReplayChildren,
	})
	return nil
}

func checkOutcome(u *protocol.Update) error {
	if u.Action == protocol.ActionSucceed && u.Error != nil {
		return invalid("Cannot provide an Error for SUCCEED action.")
	}
	if u.Action == protocol.ActionFail && u.Payload != nil {
		return invalid("Cannot provide a Payload for FAIL action.")
	}
	return nil
}

func (d *Draft) updateStep(o *operation, u *protocol.Update) error {
	switch u.Action {
	case protocol.ActionStart, protocol.ActionSucceed, protocol.ActionFail, protocol.ActionRetry:
	default:
		return invalid("Invalid STEP action.")
	}
	if (u.StepOptions != nil) != (u.Action == protocol.ActionRetry) {
		return invalid("Invalid StepOptions for the given action.")
	}
	if u.Action == protocol.ActionStart {
		if o != nil && o.Status != protocol.StatusReady {
			return invalid("Invalid current STEP state to start.")
		}
		d.startStep(o, u)
		return nil
	}
	if o != nil && o.Status != protocol.StatusStarted && o.Status != protocol.StatusReady {
		if u.Action == protocol.ActionRetry {
			return invalid("Invalid current STEP state to re-attempt.")
		}
		return invalid("Invalid current STEP state to close.")
	}
	return d.endAttempt(o, u)
}

func (d *Draft) startStep(o *operation, u *protocol.Update) {
	r := Record{Event: protocol.Event{Type: protocol.EventStepStarted}}
	if o == nil {
		d.emit(started(protocol.EventStepStarted, u))
		return
	}
	d.emitFor(o, r)
}

// endAttempt records the end of a step's attempt. The first end also begins a step without a checkpointed start.
func (d *Draft) endAttempt(o *operation, u *protocol.Update) error {
	if err := checkOutcome(u); err != nil {
		return err
	}
	r := started(protocol.EventStepSucceeded, u)
	r.Payload, r.Error, r.CurrentAttempt = u.Payload, u.Error, 1
	if o != nil {
		r.CurrentAttempt = o.Attempt + 1
	}
	switch {
	case u.Action == protocol.ActionFail:
		r.Type = protocol.EventStepFailed
	case u.Action == protocol.ActionRetry:
		if u.Error != nil && u.Payload != nil {
			return invalid("Cannot provide both error and payload to RETRY a STEP.")
		}
		if u.StepOptions.NextAttemptDelaySeconds < 1 {
			return invalid("Invalid StepOptions for the given action.")
		}
		r.NextAttemptDelay = u.StepOptions.NextAttemptDelaySeconds
		if u.Error != nil {
			r.Type = protocol.EventStepFailed
		}
	}
	if o == nil {
		d.emit(r)
	} else {
		d.emitFor(o, r)
	}
	return nil
}

func (d *Draft) updateWait(o *operation, u *protocol.Update) error {
	switch u.Action {
	case protocol.ActionStart:
		if o != nil {
			return invalid("Cannot start a WAIT that already exist.")
		}
		if u.WaitOptions == nil || u.WaitOptions.WaitSeconds < 1 {
			return invalid("Update for WAIT operation requires WaitOptions.")
		}
		r := started(protocol.EventWaitStarted, u)
		r.Duration = u.WaitOptions.WaitSeconds
		r.ScheduledEnd = d.now.AddSeconds(r.Duration)
		d.emit(r)
		return nil
	case protocol.ActionCancel:
		if o == nil || o.Status != protocol.StatusStarted {
			return invalid("Cannot cancel a WAIT that does not exist or has already completed.")
		}
		d.emitFor(o, Record{Event: protocol.Event{Type: protocol.EventWaitCancelled, Error: u.Error}})
		return nil
	}
	return invalid("Invalid WAIT action.")
}

func (d *Draft) updateCallback(o *operation, u *protocol.Update, mint func(int) string) error {
	if u.Action != protocol.ActionStart {
		return invalid("Invalid CALLBACK action.")
	}
	if o != nil {
		return invalid("Cannot start a CALLBACK that already exist.")
	}
	r := started(protocol.EventCallbackStarted, u)
	r.CallbackID = mint(len(d.x.ops) + len(d.added))
	if opts := u.CallbackOptions; opts != nil {
		r.Timeout, r.HeartbeatTimeout = opts.TimeoutSeconds, opts.HeartbeatTimeoutSeconds
	}
	d.emit(r)
	return nil
}

func (d *Draft) updateInvoke(o *operation, u *protocol.Update, resolve func(*protocol.ChainedInvokeOptions) (*InvokeTarget, *protocol.ErrorObject, error)) error {
	if u.Action != protocol.ActionStart {
		return invalid("Invalid CHAINED_INVOKE action.")
	}
	if o != nil {
		return invalid("Cannot start a CHAINED_INVOKE that already exist.")
	}
	if u.ChainedInvokeOptions == nil {
		return invalid("Update for CHAINED_INVOKE operation requires ChainedInvokeOptions.")
	}
	return d.startInvoke(u, resolve)
}

// startInvoke begins a chained invoke. Without a target it fails at once.
func (d *Draft) startInvoke(u *protocol.Update, resolve func(*protocol.ChainedInvokeOptions) (*InvokeTarget, *protocol.ErrorObject, error)) error {
	opts := u.ChainedInvokeOptions
	target, failure, err := resolve(opts)
	if err != nil {
		return err
	}
	r := started(protocol.EventChainedInvokeStarted, u)
	r.FunctionName = opts.FunctionName
	if failure == nil {
		r.Payload, r.TenantID, r.TraceHeader = u.Payload, opts.TenantID, opts.XAmznTraceID
		r.ExecutedVersion, r.DurableExecutionARN = target.Version, target.ARN
	}
	d.emit(r)
	if failure != nil {
		d.emitFor(d.op(d.find(u.ID)), Record{Event: protocol.Event{Type: protocol.EventChainedInvokeFailed, Error: failure}})
	}
	return nil
}
