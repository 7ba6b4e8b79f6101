package machine

import "github.com/perdure/perdure/protocol"

// A pause keeps the function from being invoked, and nothing else: timers fire, callbacks and chained invokes
// complete, and the execution may time out or be stopped. What the function is to hear of waits for the resumption.
//
// An execution whose function is running becomes PAUSING, and PAUSED when that invocation checkpoints or ends. The
// checkpoint is applied, but its reply has no token and tells nothing, so the function answers PENDING; the
// invocation was interrupted, and another one makes up for it after the resumption.

// PauseRequest asks for a pause or, without TimeoutPaused, a resumption.
type PauseRequest struct {
	// ClientToken makes the request safe to repeat: within 15 minutes the
	// same token with the same members changes nothing. Empty is no token.
	ClientToken string
	// Reason is for people; nil is none.
	Reason *string
	// TimeoutPaused puts the execution's timeout off by the time it is paused.
	TimeoutPaused bool
}

// Pause is a pause that is in force, or about to be.
type Pause struct {
	Requested     protocol.Timestamp
	Since         protocol.Timestamp // zero while an invocation has yet to be interrupted
	Reason        *string
	TimeoutPaused bool
}

// accepted is the latest accepted pause, or resumption, for repeats of it.
type accepted struct {
	token, reason string
	hasReason     bool
	timeoutPaused bool
	at            protocol.Timestamp
}

func acceptedOf(r *Record) accepted {
	a := accepted{token: r.ClientToken, timeoutPaused: r.TimeoutPaused, at: r.Time}
	if r.Payload != nil {
		a.reason, a.hasReason = *r.Payload, true
	}
	return a
}

// repeats reports whether req is the request that was accepted, again.
func (a *accepted) repeats(req *PauseRequest, now protocol.Timestamp) bool {
	reason := ""
	if req.Reason != nil {
		reason = *req.Reason
	}
	return req.ClientToken != "" && now < a.at.AddSeconds(protocol.RepeatWindowSeconds) &&
		*a == accepted{req.ClientToken, reason, req.Reason != nil, req.TimeoutPaused, a.at}
}

// Paused returns the pause of an execution that is PAUSING or PAUSED, or nil.
func (s *state) Paused() *Pause { return s.pause }

// Pause pauses the execution, or has it pause as soon as the invocation in flight checkpoints or ends. One that is
// not RUNNING is refused, unless req is a repeat. One that has checkpointed its result is past pausing, and is left
// alone: it closes by itself.
func (d *Draft) Pause(req *PauseRequest) error {
	if d.lastPause.repeats(req, d.now) {
		return nil
	}
	d.FireTimers()
	if d.status != protocol.ExecutionRunning {
		return conflict("Cannot pause a durable execution with status %s.", d.Status())
	}
	if d.closing != "" {
		return nil
	}
	d.emit(Record{Event: protocol.Event{
		Type: pauseRequested, Payload: req.Reason, TimeoutPaused: req.TimeoutPaused,
	}, ClientToken: req.ClientToken})
	if !d.Invoking() || d.invocation.interrupted {
		d.beginPause()
	}
	return nil
}

// beginPause makes a PAUSING execution PAUSED.
func (d *Draft) beginPause() {
	d.emitExecution(Record{Event: protocol.Event{
		Type: protocol.EventExecutionPaused, Requested: d.pause.Requested,
		Payload: d.pause.Reason, TimeoutPaused: d.pause.TimeoutPaused,
	}})
}

// Resume ends the execution's pause, or calls it off if it has not begun. The function is invoked if the pause
// interrupted an invocation, or if there is something that it has not heard of. An execution that is neither PAUSED
// nor PAUSING is refused, unless req is a repeat.
func (d *Draft) Resume(req *PauseRequest) error {
	if d.lastResume.repeats(req, d.now) {
		return nil
	}
	d.FireTimers()
	switch d.status {
	case protocol.ExecutionPausing: // nothing has been paused, so there is no event
		d.emit(Record{Event: protocol.Event{Type: pauseCancelled, Payload: req.Reason}, ClientToken: req.ClientToken})
	case protocol.ExecutionPaused:
		d.emitExecution(Record{Event: protocol.Event{
			Type: protocol.EventExecutionResumed, Requested: d.now, Payload: req.Reason,
		}, ClientToken: req.ClientToken})
	default:
		return conflict("Cannot resume a durable execution with status %s.", d.Status())
	}
	return nil
}

func conflict(format string, args ...any) error {
	return protocol.Errorf(protocol.CodeConflict, format, args...)
}

// applyPause folds the records of pauses.
func (d *Draft) applyPause(r *Record) {
	switch r.Type {
	case pauseRequested:
		d.status = protocol.ExecutionPausing
		d.pause = &Pause{Requested: r.Time, Reason: r.Payload, TimeoutPaused: r.TimeoutPaused}
		d.lastPause = acceptedOf(r)
	case protocol.EventExecutionPaused:
		p := *d.pause
		p.Since = r.Time
		d.pause, d.status = &p, protocol.ExecutionPaused
	case protocol.EventExecutionResumed:
		if d.pause.TimeoutPaused {
			d.putOff += r.Time - d.pause.Since
		}
		d.unpause(r)
	case pauseCancelled:
		d.unpause(r)
	}
}

func (d *Draft) unpause(r *Record) {
	d.pause, d.status = nil, protocol.ExecutionRunning
	d.lastResume = acceptedOf(r)
}

// TimesOut returns when the execution times out if nothing else happens. Pauses that pause the timeout put it off,
// one that is under way without end; 366 days after the start it comes in any case.
func (s *state) TimesOut() protocol.Timestamp {
	latest := s.started.AddSeconds(protocol.MaxExecutionSeconds)
	if s.pause != nil && s.pause.Since != 0 && s.pause.TimeoutPaused {
		return latest
	}
	at := s.started.AddSeconds(s.identity.ExecutionTimeout) + s.putOff
	return min(at, latest)
}
