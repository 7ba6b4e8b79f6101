package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// The schedule wakes executions when a moment comes: a timer, or news for a
// parent. It keeps two lanes of one agenda, each with seats of its own. What is
// due from now on is in the one; what was due before the engine started, or
// could not be looked at within a second, is in the other and is worked off as
// fast as the machine allows. So nothing has to wait for a backlog to go.
const (
	inLane    = 4000 // items of a lane in memory, about 1 MB
	seatsSoon = 64   // executions that are looked at at one time
	seatsPast = 32
	tooMuch   = time.Second // how late the first of a lane is when it becomes a backlog
)

// schedule holds the executions for which a moment comes soon.
type schedule struct {
	mu         sync.Mutex // held by who changes where one lane ends and the other begins
	soon, past *agenda

	looking sync.Mutex      // guards
	again   map[string]bool // the executions that are being looked at, and whether they are to be once more
}

func (s *schedule) init(now protocol.Timestamp) {
	moments := store.Agenda{Kind: store.Moments}
	s.past = newAgenda(moments, inLane, make(chan struct{}, 1))
	s.soon = newAgenda(moments, inLane, make(chan struct{}, 1))
	s.splitLocked(now)
	s.again = map[string]bool{}
}

// enter reports whether an execution is to be looked at. If somebody does, he
// looks once more.
func (s *schedule) enter(id string) bool {
	s.looking.Lock()
	defer s.looking.Unlock()
	_, taken := s.again[id]
	s.again[id] = taken
	return !taken
}

// leave ends a look, and reports whether there is to be another one.
func (s *schedule) leave(id string) (again bool) {
	s.looking.Lock()
	defer s.looking.Unlock()
	if again = s.again[id]; again {
		s.again[id] = false
	} else {
		delete(s.again, id)
	}
	return again
}

// set plans to look at an execution when it is due; zero is never.
func (s *schedule) set(id string, due, now protocol.Timestamp) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := key{id: id}
	if due != 0 && due < s.soon.first.At {
		s.past.set(k, due, now)
		due = 0
	} else {
		s.past.set(k, 0, now)
	}
	s.soon.set(k, due, now)
}

// split makes what is due by now the backlog.
func (s *schedule) split(now protocol.Timestamp) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.splitLocked(now)
}

func (s *schedule) splitLocked(now protocol.Timestamp) {
	between := store.Item{At: now + 1} // before all items of that moment, which have ids
	s.past.extend(between)
	if s.soon.begin(between) {
		s.past.fail()
	}
}

// extend moves the limit of an agenda. What lies before it is read from the
// store.
func (a *agenda) extend(limit store.Item) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.whole && a.limit.Compare(a.end) > 0 {
		a.end = a.limit
	}
	a.limit, a.whole = limit, false
	a.wake()
}

// begin makes an agenda begin later, and reports whether something was lost
// before that.
func (a *agenda) begin(first store.Item) (lost bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	lost = a.lost
	a.first = first
	if a.end.Compare(first) < 0 {
		a.end = first
	}
	a.restartLocked(a.lost)
	a.cutLocked(func(p *appointment) bool { return p.item().Compare(first) < 0 })
	return lost
}

// fail has what could not be done tried again; see [agenda.fail].
func (s *schedule) fail() {
	s.soon.fail()
	s.past.fail()
}

// runLane looks at executions when they are due, until the engine closes.
func (e *Engine) runLane(a *agenda, seats int) {
	taken := make(chan struct{}, seats)
	for e.ctx.Err() == nil {
		enough := e.prepare(a)
		if a == e.schedule.soon && a.late(e.now()) > tooMuch {
			e.schedule.split(e.now())
			continue
		}
		item, wait := a.take(e.now())
		if wait > 0 {
			pause(e.ctx, min(wait, enough), a.nudge)
			continue
		}
		select {
		case taken <- struct{}{}:
		case <-e.ctx.Done():
			return
		}
		e.work.Go(func() {
			defer func() { <-taken }()
			e.counters.late.Observe(max(0, e.now().Sub(item.At).Seconds()))
			if !e.schedule.enter(item.ID) {
				return
			}
			for again := true; again; again = e.schedule.leave(item.ID) {
				e.look(item.ID, a == e.schedule.past)
			}
		})
	}
}

// pause returns when d is over, somebody nudges, or ctx ends.
func pause(ctx context.Context, d time.Duration, nudge <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-nudge:
	case <-ctx.Done():
	}
}

// look does what is due for an execution: timers fire, and a parent is told.
// With patience it waits until the news for parents are few enough.
func (e *Engine) look(id string, patient bool) {
	var parent string
	err := e.updateThen(e.ctx, id, func(d *machine.Draft) error {
		d.FireTimers()
		return nil
	}, func(l *live) {
		if l.x.OwesParent() {
			parent = l.x.Identity().ParentARN
			return
		}
		e.plan(row(l.x.Draft(e.now())))
	})
	if err == nil && parent != "" {
		err = e.sendNews(parent, id, patient)
	}
	if err == nil || e.ctx.Err() != nil || errors.Is(err, store.ErrNotFound) || e.quarantine(id, err) {
		return
	}
	e.log.Error("what was due could not be done; trying again", "execution", id, "error", err)
	e.schedule.fail()
}

// plan takes over from a row, as it is stored now, what there is to do. The
// execution's lock is held, or nobody else knows of it yet.
func (e *Engine) plan(row *store.Row) {
	now := e.now()
	e.schedule.set(row.ID, row.Due, now)
	e.removals.set(key{id: row.ID}, row.Expires, now)
	if q := e.queues.find(row.Function, row.Version); q != nil {
		q.invocations.set(key{id: row.ID}, row.Wanted, now)
	}
}

// planCalls is plan for the calls that an execution waits for. Those that are
// over are noticed when it is their turn.
func (e *Engine) planCalls(id string, calls []store.Call) {
	for _, c := range calls {
		if q := e.queues.find(c.Function, c.Version); q != nil && c.Wanted != 0 {
			q.calls.set(key{id, c.Operation}, c.Wanted, e.now())
		}
	}
}

// missed says that the store may have taken writes whose commit failed, so that
// there may be something to do that nobody planned.
func (e *Engine) missed(writes []store.Write) {
	for _, w := range writes {
		if w.Row != nil {
			e.schedule.fail()
			e.removals.fail()
			if q := e.queues.find(w.Row.Function, w.Row.Version); q != nil {
				q.invocations.fail()
			}
		}
		for _, c := range w.Calls {
			if q := e.queues.find(c.Function, c.Version); q != nil {
				q.calls.fail()
			}
		}
	}
}

// behind is for how long the first execution has been due that nobody has
// looked at.
func (s *schedule) behind(now protocol.Timestamp) time.Duration {
	return max(s.soon.behind(now), s.past.behind(now))
}

// count returns how many executions are in memory, and how many of them are due.
func (s *schedule) count(now protocol.Timestamp) (all, due int) {
	all, due = s.soon.count(now)
	allPast, duePast := s.past.count(now)
	return all + allPast, due + duePast
}
