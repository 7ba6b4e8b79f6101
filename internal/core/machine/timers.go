package machine

import (
	"cmp"
	"container/heap"
	"slices"

	"github.com/perdure/perdure/protocol"
)

// FireTimers applies all that is due at the draft's moment, in the order in which it was due: waits elapse, steps
// become ready, callbacks and finally the execution itself time out.
//
// No timer fires after the execution has checkpointed its result.
func (d *Draft) FireTimers() {
	if d.ended() {
		return
	}
	timeout := d.TimesOut()
	for _, t := range d.dueTimers() {
		if t.due < timeout {
			d.fire(t)
		}
	}
	if timeout <= d.now {
		d.emitExecution(Record{Event: protocol.Event{Type: protocol.EventExecutionTimedOut}})
	}
}

func (d *Draft) fire(t timer) {
	o := d.op(t.op)
	r := Record{}
	switch o.Type {
	case protocol.TypeWait:
		r.Type, r.Duration = protocol.EventWaitSucceeded, o.waitSeconds
	case protocol.TypeStep:
		r.Type = stepReady
	case protocol.TypeCallback:
		r.Type = protocol.EventCallbackTimedOut
		r.Error = &protocol.ErrorObject{ErrorType: protocol.ErrorTypeCallbackTimeout}
		if t.due == o.heartbeatAt && t.due != o.timeoutAt {
			r.Error.ErrorType = protocol.ErrorTypeCallbackHeartbeat
		}
	}
	d.emitFor(o, r)
}

// timer says that operation op may be due at a moment. Nobody removes timers when an operation moves on: a timer
// counts only while it equals its operation's current deadline.
type timer struct {
	due protocol.Timestamp
	op  int
}

// timerHeap orders timers by due time.
type timerHeap []timer

func (h timerHeap) Len() int           { return len(h) }
func (h timerHeap) Less(i, j int) bool { return h[i].due < h[j].due }
func (h timerHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *timerHeap) Push(v any)        { *h = append(*h, v.(timer)) }
func (h *timerHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}

// walk visits the subtree at i in heap order. visit reports whether to go below the timer; all below is due no
// earlier.
func (h timerHeap) walk(i int, visit func(timer) bool) {
	if i >= len(h) || !visit(h[i]) {
		return
	}
	h.walk(2*i+1, visit)
	h.walk(2*i+2, visit)
}

// counts reports whether t is its operation's deadline in the draft.
func (d *Draft) counts(t timer) bool { return d.op(t.op).deadline() == t.due }

// dueTimers returns the timers that are due, earliest first.
func (d *Draft) dueTimers() []timer {
	var due []timer
	collect := func(t timer) bool {
		if t.due > d.now {
			return false
		}
		if d.counts(t) {
			due = append(due, t)
		}
		return true
	}
	d.x.timers.walk(0, collect)
	for _, t := range d.timers {
		collect(t)
	}
	slices.SortFunc(due, func(a, b timer) int {
		return cmp.Or(cmp.Compare(a.due, b.due), cmp.Compare(a.op, b.op))
	})
	return slices.Compact(due)
}

// nextTimer returns the earliest moment at which an operation is due, or zero.
func (d *Draft) nextTimer() protocol.Timestamp {
	var next protocol.Timestamp
	consider := func(t timer) bool {
		if next != 0 && t.due >= next {
			return false
		}
		if d.counts(t) {
			next = t.due
			return false
		}
		return true
	}
	d.x.timers.walk(0, consider)
	for _, t := range d.timers {
		consider(t)
	}
	return next
}

// next returns the earliest deadline of a published execution, or zero. The timer at the top always counts: see
// [Execution.addTimers].
func (h timerHeap) next() protocol.Timestamp {
	if len(h) == 0 {
		return 0
	}
	return h[0].due
}

// addTimers puts the timers of a draft, whose operations are published already, into the heap, and drops outdated
// ones from its top. When outdated ones below outnumber the operations, as with heartbeats, it drops those too.
func (x *Execution) addTimers(timers []timer) {
	for _, t := range timers {
		heap.Push(&x.timers, t)
	}
	outdated := func(t timer) bool { return x.ops[t.op].deadline() != t.due }
	if len(x.timers) > 2*len(x.ops) {
		x.timers = slices.DeleteFunc(x.timers, outdated)
		heap.Init(&x.timers)
	}
	for len(x.timers) > 0 && outdated(x.timers[0]) {
		heap.Pop(&x.timers)
	}
}
