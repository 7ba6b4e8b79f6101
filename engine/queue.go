package engine

import (
	"context"
	"errors"
	"sync"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// inQueue bounds the items of a queue in memory, about 100 KB.
const inQueue = 400

// queue is what waits for one function version that can be run: invocations of
// executions, and calls that they make of it as a plain function. The first
// gets the next free place. What waits for a version that cannot be run is in no
// queue, and in nobody's way: it is a row in the store.
type queue struct {
	function, version  string
	invocations, calls *agenda
	nudge              chan struct{} // there is something to do sooner than was thought, or the version was replaced
	stop               context.CancelFunc
}

// queues are those of all function versions that can be run.
type queues struct {
	mu    sync.RWMutex
	byRef map[[2]string]*queue // by function and version
}

func (q *queues) init() { q.byRef = map[[2]string]*queue{} }

// find returns the queue of a version, or nil.
func (q *queues) find(function, version string) *queue {
	q.mu.RLock()
	defer q.mu.RUnlock()
	return q.byRef[[2]string{function, version}]
}

// wake has all queues look at the time.
func (q *queues) wake() {
	q.mu.RLock()
	defer q.mu.RUnlock()
	for _, one := range q.byRef {
		one.invocations.wake()
	}
}

// waiting is how many items in memory wait for a place.
func (q *queues) waiting(now protocol.Timestamp) (n int) {
	q.mu.RLock()
	defer q.mu.RUnlock()
	for _, one := range q.byRef {
		_, invocations := one.invocations.count(now)
		_, calls := one.calls.count(now)
		n += invocations + calls
	}
	return n
}

// tend opens the queue of a version that can be run from now on, and closes that
// of one that no longer can. A commit that finds no queue was durable before
// this one is opened, and so before it is filled from the store.
func (e *Engine) tend(function, version string) {
	e.queues.mu.Lock()
	defer e.queues.mu.Unlock()
	ref := [2]string{function, version}
	q, runs := e.queues.byRef[ref], e.functions.runnable(function, version) != nil
	switch {
	case q != nil && runs:
		q.invocations.wake()
	case q != nil:
		q.stop()
		delete(e.queues.byRef, ref)
	case runs && e.flights.landing.Err() == nil:
		q = newQueue(function, version)
		var ctx context.Context
		ctx, q.stop = context.WithCancel(e.flights.landing)
		e.queues.byRef[ref] = q
		e.work.Go(func() { e.runQueue(ctx, q) })
	}
}

func newQueue(function, version string) *queue {
	q := &queue{function: function, version: version, nudge: make(chan struct{}, 1)}
	q.invocations = newAgenda(store.Agenda{Kind: store.Invocations, Function: function, Version: version}, inQueue, q.nudge)
	q.calls = newAgenda(store.Agenda{Kind: store.Calls, Function: function, Version: version}, inQueue, q.nudge)
	q.invocations.ripe = machine.Wants
	return q
}

// runQueue gives the places of a function version to what waits for them, until
// ctx ends.
func (e *Engine) runQueue(ctx context.Context, q *queue) {
	for ctx.Err() == nil {
		enough := min(e.prepare(q.invocations), e.prepare(q.calls))
		f := e.functions.runnable(q.function, q.version)
		if f == nil { // the queue is being closed, or the version is being replaced
			pause(ctx, idle, q.nudge)
			continue
		}
		if wait := min(q.invocations.wait(e.now()), q.calls.wait(e.now())); wait > 0 {
			pause(ctx, min(wait, enough), q.nudge)
			continue
		}
		select {
		case f.places <- struct{}{}:
		case <-q.nudge:
			continue
		case <-ctx.Done():
			return
		}
		a, item := q.take(e.now())
		if a == nil {
			<-f.places
			continue
		}
		e.work.Go(func() { e.serve(f, a, item) })
	}
}

// take removes what has waited longest, and returns it with the agenda that it
// was on; nil if there is nothing.
func (q *queue) take(now protocol.Timestamp) (*agenda, store.Item) {
	first, second := q.invocations, q.calls
	if second.late(now) > first.late(now) {
		first, second = second, first
	}
	for _, a := range []*agenda{first, second} {
		if item, wait := a.take(now); wait == 0 {
			return a, item
		}
	}
	return nil, store.Item{}
}

// serve does what waited for a place, with the place that it got.
func (e *Engine) serve(f *function, a *agenda, item store.Item) {
	free := sync.OnceFunc(func() { <-f.places })
	defer free()
	if waiter, ok := f.Invoker.(Awaiter); ok {
		f.awaiting.Add(1)
		waiter.Await(e.ctx)
		f.awaiting.Add(-1)
	}
	if e.functions.runnable(f.Name, f.Version) != f {
		a.set(key{item.ID, item.Operation}, item.At, e.now()) // it waits for the one that took its place
		return
	}
	var err error
	if a.of.Kind == store.Calls {
		err = e.makeCall(f, item)
	} else {
		err = e.invoke(f, item.ID, free)
	}
	if err == nil || e.ctx.Err() != nil || errors.Is(err, store.ErrNotFound) || e.quarantine(item.ID, err) {
		return
	}
	e.log.Error("an execution that waited for a place could not be read; trying again", "execution", item.ID, "error", err)
	a.fail()
}
