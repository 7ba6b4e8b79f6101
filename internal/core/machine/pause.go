package machine

import "github.com/perdure/perdure/protocol"

// A pause keeps the function from being invoked, and nothing else: timers fire, callbacks and chained invokes
// complete, and the execution may time out or be stopped. The function hears of all that after the resumption.
//
// An execution with an invocation in flight becomes PAUSING, and PAUSED when the invocation checkpoints or ends.
// The checkpoint is applied, but its reply has no token and no news, so the function answers PENDING. This
// invocation was interrupted; another one follows after the resumption.

// PauseRequest asks for a pause or, without TimeoutPaused, a resumption.
type PauseRequest struct {
	// ClientToken makes the request safe to repeat: for 15 minutes, the same token with the same members changes
	// nothing. Empty is no token.
	ClientToken string
	// Reason is for people; nil is none.
	Reason *string
	// TimeoutPaused puts the execution's timeout off by the length of the pause.
	TimeoutPaused bool
	// By is who asks, for people; empty is not known.
	By string
}

// Pause is a pause that is in force, or about to be.
type Pause struct {
	Requested     protocol.Timestamp
	Since         protocol.Timestamp // zero while an invocation has yet to be interrupted
	Reason        *string
	TimeoutPaused bool
	By            string
}

// accepted is the latest accepted request for a pause or resumption, to recognise its repeats.
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

// Pause pauses the execution: at once or, if an invocation is in flight, when that checkpoints or ends. An
// execution that is not RUNNING is refused, unless req is a repeat. One with its result checkpointed is left alone:
// it closes by itself.
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
		Type: pauseRequested, Payload: req.Reason, TimeoutPaused: req.TimeoutPaused, By: req.By,
	}, ClientToken: req.ClientToken})
	if !d.Invoking() || d.invocation.interrupted {
		d.beginPause()
	}
	return nil
}

func (d *Draft) beginPause() {
	d.emitExecution(Record{Event: protocol.Event{
		Type: protocol.EventExecutionPaused, Requested: d.pause.Requested,
		Payload: d.pause.Reason, TimeoutPaused: d.pause.TimeoutPaused, By: d.pause.By,
	}})
}

// Resume ends the pause, or calls it off before it begins. The function is invoked if the pause interrupted an
// invocation, if there is news, or if the last invocation failed: whoever resumes it may have put that right, so
// failures are counted anew. An execution that is neither PAUSED nor PAUSING is refused, unless req is a
// repeat.
func (d *Draft) Resume(req *PauseRequest) error {
	if d.lastResume.repeats(req, d.now) {
		return nil
	}
	d.FireTimers()
	switch d.status {
	case protocol.ExecutionPausing: // nothing has been paused, so there is no event
		d.emit(Record{Event: protocol.Event{Type: pauseCancelled, Payload: req.Reason, By: req.By},
			ClientToken: req.ClientToken})
	case protocol.ExecutionPaused:
		d.emitExecution(Record{Event: protocol.Event{
			Type: protocol.EventExecutionResumed, Requested: d.now, Payload: req.Reason, By: req.By,
		}, ClientToken: req.ClientToken})
	default:
		return conflict("Cannot resume a durable execution with status %s.", d.Status())
	}
	return nil
}

func conflict(format string, args ...any) error {
	return protocol.Errorf(protocol.CodeConflict, format, args...)
}

func (d *Draft) applyPause(r *Record) {
	switch r.Type {
	case pauseRequested:
		d.status = protocol.ExecutionPausing
		d.pause = &Pause{Requested: r.Time, Reason: r.Payload, TimeoutPaused: r.TimeoutPaused, By: r.By}
		d.lastPause = acceptedOf(r)
	case protocol.EventExecutionPaused:
		p := *d.pause
		p.Since = r.Time
		d.pause, d.status = &p, protocol.ExecutionPaused
	case protocol.EventExecutionResumed:
		r.Ended, r.Took = Paused, r.Time.Sub(d.pause.Since)
		if d.pause.TimeoutPaused {
			d.putOff += r.Time - d.pause.Since
		}
		d.unpause(r)
		d.startAnew(r.Time)
	case pauseCancelled:
		d.unpause(r)
	}
}

func (d *Draft) unpause(r *Record) {
	d.pause, d.status = nil, protocol.ExecutionRunning
	d.lastResume = acceptedOf(r)
}

// startAnew forgets the failed invocations of an execution that is resumed, and wants the next one now.
func (d *Draft) startAnew(now protocol.Timestamp) {
	if d.failures > 0 {
		d.failures, d.badOutputs, d.failure, d.invokeAt = 0, 0, nil, now
	}
}

// TimesOut returns when the execution times out. A pause with TimeoutPaused puts that off, while it lasts without
// end, but never beyond 366 days after the start.
func (s *state) TimesOut() protocol.Timestamp {
	latest := s.started.AddSeconds(protocol.MaxExecutionSeconds)
	if s.pause != nil && s.pause.Since != 0 && s.pause.TimeoutPaused {
		return latest
	}
	at := s.started.AddSeconds(s.identity.ExecutionTimeout) + s.putOff
	return min(at, latest)
}
