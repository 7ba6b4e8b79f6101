package durable

import (
	"context"
	"fmt"
	"time"

	"github.com/perdure/perdure/protocol"
)

// The deadline of a child context is a WAIT beside it, with the context's id and the number 0, which no operation
// has: so giving a context a deadline, or taking it away, moves nothing. The deadline is recorded when the context
// starts, and the service measures it. The context ends by whichever is recorded first: its own end, or its failure
// by the deadline.

var deadlineKind = &kind{call: "durable.RunInChildContext", typ: protocol.TypeWait, subType: subTypeDeadline}

// deadline watches over the time of one child context.
type deadline struct {
	*task   // the timer is waited for in its scope
	child   *task
	cause   *DeadlineError
	expired bool // it ended the child
}

// timedChild is liveChild for a function with a deadline.
func timedChild[T any](o *operation, cfg *childConfig, fn func(Context) (T, error)) (T, error) {
	d := newDeadline(o, *cfg.timeout)
	var result T
	d.run(func() {
		v, err := plainChild(&d.child.operation, cfg, fn, d.stop)
		d.child.complete(err, func() { result = v })
	})
	o.scope.await(d.child)
	if !d.hasExpired() {
		return result, d.child.err
	}
	o.scope.await(d.task) // until it is recorded
	return result, cfg.mapped(o, d.child.err)
}

func (d *deadline) hasExpired() bool {
	r := d.scope.run
	r.mu.Lock()
	defer r.mu.Unlock()
	return d.expired
}

func newDeadline(o *operation, timeout time.Duration) *deadline {
	timer := newTask(operation{kind: deadlineKind, scope: o.scope, ctx: o.ctx, name: o.name})
	timer.scope.id = o.id()
	timer.known = o.scope.run.history.strays[timer.id()]
	timeout = recordedTimeout(timer.known.op, max(timeout, time.Second))
	return &deadline{task: timer, child: newTask(*o), cause: &DeadlineError{Name: o.name, Timeout: timeout}}
}

// recordedTimeout is the timeout that the deadline began with; the code may now compute another.
func recordedTimeout(op *protocol.Operation, now time.Duration) time.Duration {
	if op == nil || op.ScheduledEnd <= op.Start {
		return now
	}
	if began := op.ScheduledEnd.Sub(op.Start); began != (now + time.Second - 1).Truncate(time.Second) {
		return began
	}
	return now
}

// run runs body against the clock, or not at all if the time is up.
func (d *deadline) run(body func()) {
	r := d.scope.run
	d.child.start()
	switch op := d.latest(); {
	case op != nil && op.Status == protocol.StatusSucceeded:
		r.spawn(d.scope, d.expire)
		return
	case op != nil && op.Status.Closed(): // the function had returned
		d.complete(nil, func() {})
	default:
		if op == nil {
			r.hold(d.scope, d.startUpdate())
		}
		w := d.watch()
		r.spawn(d.scope, func() {
			r.mu.Lock()
			r.blockLocked(w)
			d.expire()
		})
	}
	d.child.begin(body)
}

// latest is the newest record of the timer, or nil.
func (d *deadline) latest() *protocol.Operation {
	r := d.scope.run
	r.mu.Lock()
	defer r.mu.Unlock()
	if op := r.news[d.id()]; op != nil {
		return op
	}
	return d.known.op
}

func (d *deadline) startUpdate() protocol.Update {
	u := d.update(d.id(), protocol.ActionStart)
	u.WaitOptions = &protocol.WaitOptions{WaitSeconds: int64((d.cause.Timeout + time.Second - 1) / time.Second)}
	return u
}

// watch has the run notice the end of the timer from now on.
func (d *deadline) watch() *waiter {
	r := d.scope.run
	w := newWaiter(d.scope)
	cancel := d.update(d.id(), protocol.ActionCancel)
	w.cancel = &cancel
	r.mu.Lock()
	defer r.mu.Unlock()
	r.parked[d.id()] = append(r.parked[d.id()], w)
	r.wakeFlusherLocked()
	r.awaitLocked(w, d.typ, d.known.op)
	return w
}

// expire fails the context, unless its end is on its way.
func (d *deadline) expire() {
	r := d.scope.run
	r.lockFor(d.scope)
	if d.expired = len(r.endLocked([]*task{d.child}, d.cause)) > 0; d.expired {
		r.flushLocked(d.scope)
	} else {
		r.mu.Unlock()
	}
	d.complete(nil, func() {})
}

// stop ends the timer, because the function has returned.
func (d *deadline) stop() {
	r := d.scope.run
	r.mu.Lock()
	defer r.mu.Unlock()
	if !d.child.scope.abandonedLocked() {
		r.abandonLocked([]*task{d.task}, nil)
	}
}

// DeadlineError is the failure of a child context whose time was over; see [WithTimeout]. errors.Is finds
// [ErrTimeout] and [context.DeadlineExceeded] in it. It is also the [context.Cause] in the bodies of steps that
// were running in the context.
type DeadlineError struct {
	Name    string
	Timeout time.Duration
}

func (e *DeadlineError) Error() string { return fmt.Sprintf("it took longer than %v", e.Timeout) }

// Is finds [ErrTimeout] and [context.DeadlineExceeded].
func (e *DeadlineError) Is(target error) bool {
	return target == ErrTimeout || target == context.DeadlineExceeded
}
