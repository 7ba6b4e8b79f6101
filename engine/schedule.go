package engine

import (
	"cmp"
	"container/heap"
	"errors"
	"sync"
	"time"

	"github.com/perdure/perdure/internal/machine"
	"github.com/perdure/perdure/internal/store"
	"github.com/perdure/perdure/internal/wire"
)

// The schedule knows what is due in the next minutes. What is due later is a
// row in the store until a rescan brings it in: sleeping executions cost no
// memory.
const (
	horizon     = 5 * time.Minute
	rescanEvery = 4 * time.Minute
	rescanLimit = 10_000
	// lookers bounds the executions that are looked at at one time.
	lookers = 64
)

// schedule holds the executions that are due soon.
type schedule struct {
	mu    sync.Mutex
	heap  appointments
	byID  map[string]*appointment
	nudge chan struct{} // the earliest appointment has changed
	seats chan struct{}
}

// appointment is a moment at which an execution is to be looked at.
type appointment struct {
	id    string
	due   wire.Timestamp
	index int
}

func (s *schedule) init() {
	s.byID = map[string]*appointment{}
	s.nudge = make(chan struct{}, 1)
	s.seats = make(chan struct{}, lookers)
}

// set plans to look at an execution when it is due; zero, or a moment beyond
// the horizon, removes the plan.
func (s *schedule) set(id string, due wire.Timestamp) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.byID[id]
	switch {
	case due == 0 || due > now().Add(horizon):
		if a != nil {
			heap.Remove(&s.heap, a.index)
			delete(s.byID, id)
		}
		return
	case a == nil:
		a = &appointment{id: id, due: due}
		s.byID[id] = a
		heap.Push(&s.heap, a)
	default:
		a.due = due
		heap.Fix(&s.heap, a.index)
	}
	if a.index == 0 {
		s.wake()
	}
}

func (s *schedule) wake() {
	select {
	case s.nudge <- struct{}{}:
	default:
	}
}

// take removes and returns the executions that are due, and says when to ask
// again.
func (s *schedule) take() (due []*appointment, pause time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := now()
	for len(s.heap) > 0 && s.heap[0].due <= t {
		a := heap.Pop(&s.heap).(*appointment)
		delete(s.byID, a.id)
		due = append(due, a)
	}
	if len(s.heap) > 0 {
		return due, s.heap[0].due.Sub(t)
	}
	return due, horizon
}

// runSchedule looks at executions when they are due, until the engine closes.
func (e *Engine) runSchedule() {
	rescan := time.NewTicker(rescanEvery)
	defer rescan.Stop()
	e.rescan()
	for {
		due, pause := e.schedule.take()
		e.counters.backlog.Add(int64(len(due)))
		for _, a := range due {
			select {
			case e.schedule.seats <- struct{}{}:
			case <-e.ctx.Done():
				return
			}
			e.work.Go(func() {
				defer func() { <-e.schedule.seats }()
				defer e.counters.backlog.Add(-1)
				e.counters.late.Since(a.due.Time())
				e.look(a.id)
			})
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-e.schedule.nudge:
		case <-rescan.C:
			e.rescan()
		case <-e.functions.changed:
			e.rescan()
		case <-e.ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// rescan plans what the store says is due within the horizon.
func (e *Engine) rescan() {
	rows, err := e.store.Due(e.ctx, now().Add(horizon), rescanLimit)
	if err != nil {
		if e.ctx.Err() == nil {
			e.log.Error("the due executions could not be read; trying again", "error", err)
		}
		return
	}
	for _, row := range rows {
		e.schedule.set(row.ID, row.Due)
	}
}

// look does what is due for an execution: timers, the next invocation, the news
// for a parent, or the end of retention.
func (e *Engine) look(id string) {
	var failure error
	err := e.updateThen(e.ctx, id, func(d *machine.Draft) error {
		d.FireTimers()
		return nil
	}, func(l *live) { failure = e.proceed(l) })
	err = cmp.Or(err, failure)
	if err == nil || e.ctx.Err() != nil || errors.Is(err, store.ErrNotFound) || e.quarantine(id, err) {
		return
	}
	e.log.Error("what was due could not be done; trying again", "execution", id, "error", err)
	e.schedule.set(id, now().Add(retryDelay))
}

// proceed takes an execution on from its state. l.mu is held.
func (e *Engine) proceed(l *live) error {
	e.resumeCalls(l)
	due := l.x.Due()
	switch {
	case l.x.OwesParent():
		e.notifyParent(l.x)
	case l.x.Deletable(now()):
		return e.remove(l)
	case l.x.WantsInvocation(now()):
		e.dispatch(l)
	default:
		e.schedule.set(l.id, due)
	}
	return nil
}

// appointments is a heap by due time.
type appointments []*appointment

func (h appointments) Len() int           { return len(h) }
func (h appointments) Less(i, j int) bool { return h[i].due < h[j].due }
func (h appointments) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *appointments) Push(v any) {
	a := v.(*appointment)
	a.index = len(*h)
	*h = append(*h, a)
}
func (h *appointments) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return last
}
