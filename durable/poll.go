package durable

import (
	"time"

	"github.com/perdure/perdure/protocol"
)

// If an operation waits for the service while other code of the execution runs, the run polls with empty
// checkpoints; the service has no other way to tell. Any checkpoint serves as a poll. When nothing runs, the
// invocation suspends instead, so most executions never poll.

// pollMargin is the time before the invocation's deadline in which polling would be too late to matter.
const pollMargin = time.Second

// pollTimes is when to poll for one operation.
type pollTimes struct {
	next  time.Time // zero is unknown
	polls int
}

// start sets the first poll: when a wait or a retry is due, or after a second for an outside event.
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

func (p *pollTimes) polled(now time.Time) {
	if p.next.IsZero() || p.next.After(now) {
		return
	}
	p.polls++
	p.next = now.Add(pollInterval(p.polls))
}

// pollInterval is the time after the nth poll: 1, 2, 3 … 10 s, and after a quarter of an hour a minute.
func pollInterval(n int) time.Duration {
	if n > 95 {
		return time.Minute
	}
	return time.Duration(min(n, 10)) * time.Second
}

// awaitLocked plans the polls for w's operation, by its record, and wakes the flusher if it is to poll earlier than
// planned.
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
		r.eachPollLocked(func(*pollTimes) {}) // its waiter may be gone
	}
	if deadline, ok := r.callCtx.Deadline(); ok && r.pollAt.After(deadline.Add(-pollMargin)) {
		return time.Time{}
	}
	return r.pollAt
}

// polledLocked notes a checkpoint, which polls for everything.
func (r *run) polledLocked(now time.Time) {
	if !r.pollAt.IsZero() && !r.pollAt.After(now) {
		r.eachPollLocked(func(p *pollTimes) { p.polled(now) })
	}
}

// eachPollLocked calls fn for everything that is polled for, and finds the next poll. It visits all waiters, so it
// is called only when a poll is due.
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
