package durable

import (
	"time"

	"github.com/perdure/perdure/protocol"
)

// An operation that waits for the service while other code of the execution
// runs is polled for with empty checkpoints, because the service has no other
// way to tell. Any checkpoint serves as a poll. When nothing runs, the
// invocation suspends instead, so most executions never poll.

// pollMargin before the invocation's deadline nothing is polled for: it could
// not be used any more.
const pollMargin = time.Second

// pollTimes is when to poll for one operation.
type pollTimes struct {
	next  time.Time // zero is not yet known
	polls int
}

// start sets the first poll: when a wait or a retry is due, and after a second
// for what comes from outside.
func (p *pollTimes) start(typ protocol.OperationType, op *protocol.Operation, now time.Time) {
	switch {
	case typ == protocol.TypeCallback || typ == protocol.TypeChainedInvoke:
		if p.next.IsZero() {
			p.next = now.Add(time.Second)
		}
	case op == nil:
	case typ == protocol.TypeWait:
		p.next = op.ScheduledEnd.Time()
	default:
		p.next = op.NextAttempt.Time()
	}
}

// polled plans the next poll if this one was due.
func (p *pollTimes) polled(now time.Time) {
	if p.next.IsZero() || p.next.After(now) {
		return
	}
	p.polls++
	p.next = now.Add(pollInterval(p.polls))
}

// pollInterval is the time after the nth poll: 1, 2, 3 … 10 s, and after a
// quarter of an hour a minute.
func pollInterval(n int) time.Duration {
	if n > 95 {
		return time.Minute
	}
	return time.Duration(min(n, 10)) * time.Second
}

// awaitLocked has w's operation polled for at the time that fits what is known
// of it, and wakes the flusher if that is earlier than it expects.
func (r *run) awaitLocked(w *waiter, typ protocol.OperationType, op *protocol.Operation) {
	w.poll.start(typ, op, time.Now())
	if t := w.poll.next; !t.IsZero() && (r.pollAt.IsZero() || t.Before(r.pollAt)) {
		r.pollAt = t
		r.kick()
	}
}

// nextPollLocked is when the next poll is due; zero is never.
func (r *run) nextPollLocked(now time.Time) time.Time {
	if !r.pollAt.IsZero() && !r.pollAt.After(now) {
		r.eachPollLocked(func(*pollTimes) {}) // whoever it was for may be gone
	}
	if deadline, ok := r.callCtx.Deadline(); ok && r.pollAt.After(deadline.Add(-pollMargin)) {
		return time.Time{}
	}
	return r.pollAt
}

// polledLocked takes note of a checkpoint, which is a poll for everything.
func (r *run) polledLocked(now time.Time) {
	if !r.pollAt.IsZero() && !r.pollAt.After(now) {
		r.eachPollLocked(func(p *pollTimes) { p.polled(now) })
	}
}

// eachPollLocked calls fn for everything that is polled for, and finds out when
// the next poll is due. It looks at all who wait, so it is kept for when one is.
func (r *run) eachPollLocked(fn func(*pollTimes)) {
	r.pollAt = time.Time{}
	for _, waiters := range r.parked {
		for _, w := range waiters {
			fn(&w.poll)
			if t := w.poll.next; !t.IsZero() && (r.pollAt.IsZero() || t.Before(r.pollAt)) {
				r.pollAt = t
			}
		}
	}
}
