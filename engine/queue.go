package engine

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// inQueue bounds the items of a queue in memory, to about 100 KB.
const inQueue = 400

// queue is what waits for a place of one function version: invocations of executions, and calls of it as a plain
// function. The first gets the next free place. A version that cannot be run has no queue: what waits for it is in the
// store only.
type queue struct {
	function, version  string
	invocations, calls *agenda
	nudge              chan struct{} // an item came that is due before all others, or the version was replaced
	stop               context.CancelFunc

	// In a fleet, a node keeps what it has places for. The rest is nobody's, and comes here only by being claimed.
	places func() int    // how many places are free for what comes next
	able   func() bool   // whether any place can become free here
	more   atomic.Bool   // work of this version may be nobody's, and comes before what is new
	claim  chan struct{} // nudged when a place is free for it
}

// room is how much more a node can take on.
func (q *queue) room() int { return q.places() - q.invocations.planned() - q.calls.planned() }

// leave gives a place back.
func (w *dispatcher) leave(q *queue, f *function) {
	w.plans.fleet.free(f)
	if q.more.Load() {
		nudge(q.claim)
	}
}

// queues has one for each function version that can be run.
type queues struct {
	mu        sync.RWMutex
	byVersion map[qualified]*queue
}

func (q *queues) init() { q.byVersion = map[qualified]*queue{} }

func (q *queues) find(function, version string) *queue {
	q.mu.RLock()
	defer q.mu.RUnlock()
	return q.byVersion[qualified{function, version}]
}

// wake makes all queues look at the time.
func (q *queues) wake() {
	q.mu.RLock()
	defer q.mu.RUnlock()
	for _, one := range q.byVersion {
		one.invocations.wake()
	}
}

// able reports whether this node can do anything about what waits for a version. If not, that is for other nodes.
func (q *queues) able(function, version string) bool {
	one := q.find(function, version)
	return one != nil && one.able()
}

// hasRoom reports whether this node can take on an invocation, or a call, of a version, before which nobody waits.
func (q *queues) hasRoom(function, version string) bool {
	one := q.find(function, version)
	return one != nil && !one.more.Load() && one.room() > 0
}

// left notes that something waits for a version that is nobody's.
func (q *queues) left(function, version string) {
	if one := q.find(function, version); one != nil {
		one.more.Store(true)
	}
}

// each returns all queues.
func (q *queues) each() []*queue {
	q.mu.RLock()
	defer q.mu.RUnlock()
	return slices.Collect(maps.Values(q.byVersion))
}

// waiting is how many items in memory wait for a place.
func (q *queues) waiting(now protocol.Timestamp) (n int) {
	q.mu.RLock()
	defer q.mu.RUnlock()
	for _, one := range q.byVersion {
		n += one.waiting(now)
	}
	return n
}

func (q *queue) waiting(now protocol.Timestamp) int {
	_, invocations := q.invocations.count(now)
	_, calls := q.calls.count(now)
	return invocations + calls
}

// dispatcher gives the places of function versions to what waits for them.
type dispatcher struct {
	*life
	plans     *plans
	functions *Functions
	flights   *flights
	runner    *runner
}

// tend opens the queue of a version that can be run now, and closes that of one that no longer can. A commit that finds
// no queue is durable before the queue opens, so the queue reads it from the store.
func (w *dispatcher) tend(function, version string) {
	queues := &w.plans.queues
	queues.mu.Lock()
	defer queues.mu.Unlock()
	ref := qualified{function, version}
	q, runs := queues.byVersion[ref], w.functions.runnable(function, version) != nil
	switch {
	case q != nil && runs:
		q.invocations.wake()
	case q != nil:
		q.stop()
		delete(queues.byVersion, ref)
		w.plans.strand()
	case runs && w.flights.landing.Err() == nil:
		q = newQueue(w.plans, function, version)
		q.places = func() int { return w.freePlaces(function, version) }
		q.able = func() bool {
			f := w.functions.runnable(function, version)
			return f != nil && w.plans.fleet.shares.usable(f) > 0 && present(f)
		}
		var ctx context.Context
		ctx, q.stop = context.WithCancel(w.flights.landing)
		queues.byVersion[ref] = q
		w.work.Go(func() { w.run(ctx, q) })
	}
}

// freePlaces is how many places of a version are free; none if nothing is there that runs it.
func (w *dispatcher) freePlaces(function, version string) int {
	f := w.functions.runnable(function, version)
	if f == nil || !present(f) {
		return 0
	}
	return cap(f.places) - len(f.places)
}

// present reports whether something is there that runs the function.
func present(f *function) bool {
	a, waits := f.Invoker.(Awaiter)
	return !waits || a.Present()
}

// newQueue makes a queue. The caller holds the lock of queues.
func newQueue(p *plans, function, version string) *queue {
	q := &queue{function: function, version: version, nudge: make(chan struct{}, 1), claim: p.claim}
	of := store.Agenda{Kind: store.Invocations, Function: function, Version: version}
	q.invocations = newAgenda(p, of, inQueue, q.nudge)
	of.Kind = store.Calls
	q.calls = newAgenda(p, of, inQueue, q.nudge)
	q.invocations.ripe = machine.Wants
	return q
}

// run gives the places of one version to what waits in its queue, until ctx ends.
func (w *dispatcher) run(ctx context.Context, q *queue) {
	for ctx.Err() == nil {
		enough := min(q.invocations.prepare(), q.calls.prepare())
		f := w.functions.runnable(q.function, q.version)
		if f == nil { // the queue is being closed, or the version is being replaced
			pause(ctx, idle, q.nudge)
			continue
		}
		if wait := min(q.invocations.wait(w.now()), q.calls.wait(w.now())); wait > 0 {
			pause(ctx, min(wait, enough), q.nudge)
			continue
		}
		if w.plans.fleet.shares.usable(f) == 0 { // other nodes have all places
			if a, item := q.take(w.now()); a != nil && !w.plans.giveBack(a, item) {
				a.fail()
			}
			continue
		}
		select {
		case f.places <- struct{}{}:
		case <-q.nudge:
			continue
		case <-ctx.Done():
			return
		}
		a, item := q.take(w.now())
		if a == nil {
			w.leave(q, f)
			continue
		}
		w.work.Go(func() { w.serve(q, f, a, item) })
	}
}

// idle reports whether nobody waits for a place. It does not ask the store: if that may have somebody, it is false.
func (q *queue) idle(now protocol.Timestamp) bool {
	return !q.more.Load() && q.invocations.idle(now) && q.calls.idle(now)
}

// take removes the item that has waited longest, and returns it with its agenda; nil if there is none.
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

// serve invokes, or calls, with the place that an item got.
func (w *dispatcher) serve(q *queue, f *function, a *agenda, item store.Item) {
	free := sync.OnceFunc(func() { w.leave(q, f) })
	defer free()
	if waiter, ok := f.Invoker.(Awaiter); ok {
		if !waiter.Present() && w.plans.giveBack(a, item) {
			return
		}
		f.awaiting.Add(1)
		waiter.Await(w.ctx)
		f.awaiting.Add(-1)
	}
	if w.functions.runnable(f.Name, f.Version) != f {
		a.set(key{item.ID, item.Operation}, item.At, w.now()) // for the version that replaced f
		return
	}
	var err error
	if a.of.Kind == store.Calls {
		err = w.runner.makeCall(f, item)
	} else {
		err = w.runner.invoke(f, item.ID, free)
	}
	if err == nil || w.hopeless(item.ID, err) {
		return
	}
	w.log.Error("an execution that waited for a place could not be read; trying again",
		"execution", item.ID, "error", err)
	a.fail()
}
