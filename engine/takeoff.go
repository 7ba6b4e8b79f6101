package engine

import (
	"context"
	"errors"
	"sync"

	"github.com/google/uuid"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
)

// takeoff is an invocation that begins in the commit of the very input that makes an execution want it: a start, a
// timer, a callback, the outcome of a child. So it needs no commit of its own, and nobody need find it on an agenda.
type takeoff struct {
	runner    *runner
	serving   context.Context
	f         *function
	requestID string
	free      func() // gives the place back
}

// takeOff begins the invocation that a draft wants now, if there is a place for which nobody waits; else it returns
// nil, and the execution queues. l.mu is held. Either done or failed must follow.
func (w *dispatcher) takeOff(l *live, d *machine.Draft) *takeoff {
	now := w.now()
	if l.running != "" || !d.WantsInvocation(now) {
		return nil
	}
	arn := d.Identity().ARN
	q, f := w.plans.queues.find(arn.Function, arn.Version), w.functions.runnable(arn.Function, arn.Version)
	serving := w.runner.serving()
	if q == nil || f == nil || !q.idle(now) || serving.Err() != nil {
		return nil
	}
	if _, waits := f.Invoker.(Awaiter); waits || !w.flights.begin() {
		return nil
	}
	select {
	case f.places <- struct{}{}:
	default:
		w.flights.end()
		return nil
	}
	t := &takeoff{
		runner: w.runner, serving: serving, f: f, requestID: uuid.NewString(),
		free: sync.OnceFunc(func() { w.leave(q, f) }),
	}
	d.BeginInvocation(t.requestID)
	return t
}

// done runs the invocation, whose start is durable. l.mu is held.
func (t *takeoff) done(l *live) {
	l.running = t.requestID
	inv := t.runner.envelope(l, t.f, t.requestID)
	inv.serving = t.serving
	t.fly(l, inv, nil)
}

// failed gives up the invocation. If its start may have taken effect all the same, only this can go on with it.
func (t *takeoff) failed(l *live, err error) {
	if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrFull) || errors.Is(err, store.ErrClosed) {
		t.abort()
		return
	}
	t.fly(l, nil, err)
}

// abort gives up an invocation of which nothing was recorded.
func (t *takeoff) abort() {
	t.free()
	t.runner.flights.end()
}

func (t *takeoff) fly(l *live, inv *Invocation, err error) {
	t.runner.ledger.cache.pin(l.id)
	go func() {
		defer t.abort()
		defer t.runner.ledger.cache.unpin(l)
		t.runner.run(l, t.f, inv, t.requestID, err, t.free)
	}()
}
