package engine

import (
	"sync"
	"time"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/observe/metrics"
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
}

func (s *schedule) init(p *plans) {
	moments := store.Agenda{Kind: store.Moments}
	s.past = newAgenda(p, moments, inLane, make(chan struct{}, 1))
	s.soon = newAgenda(p, moments, inLane, make(chan struct{}, 1))
	s.splitLocked(p.now())
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

// fail has what could not be done tried again; see [agenda.fail].
func (s *schedule) fail() {
	s.soon.fail()
	s.past.fail()
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

// lanes are worked off by looking at executions when they are due.
type lanes struct {
	*life
	plans    *plans
	ledger   *ledger
	couriers *couriers
	late     *metrics.Histogram

	mu    sync.Mutex
	again map[string]bool // the executions that are being looked at, and whether they are to be once more
}

func newLanes(p *plans, c *couriers, late *metrics.Histogram) *lanes {
	return &lanes{life: p.life, plans: p, ledger: c.ledger, couriers: c, late: late, again: map[string]bool{}}
}

// run looks at executions when they are due, until the engine closes.
func (w *lanes) run(a *agenda, seats int) {
	taken := make(chan struct{}, seats)
	for !w.closing() {
		enough := a.prepare()
		if a == w.plans.moments.soon && a.late(w.now()) > tooMuch {
			w.plans.moments.split(w.now())
			continue
		}
		item, wait := a.take(w.now())
		if wait > 0 {
			pause(w.ctx, min(wait, enough), a.nudge)
			continue
		}
		select {
		case taken <- struct{}{}:
		case <-w.ctx.Done():
			return
		}
		w.work.Go(func() {
			defer func() { <-taken }()
			w.late.Observe(max(0, w.now().Sub(item.At).Seconds()))
			if !w.enter(item.ID) {
				return
			}
			for again := true; again; again = w.leave(item.ID) {
				w.look(item.ID, a == w.plans.moments.past)
			}
		})
	}
}

// look does what is due for an execution: timers fire, and a parent is told.
// With patience it waits until the news for parents are few enough.
func (w *lanes) look(id string, patient bool) {
	fire := unrefused(func(d *machine.Draft) { d.FireTimers() })
	parent := ""
	_, err := updateThen(w.ctx, w.ledger, id, fire, func(l *live, _ none, _ error) {
		if l.x.OwesParent() {
			parent = l.x.Identity().ParentARN
			return
		}
		w.plans.plan(row(l.x.Draft(w.now())))
	})
	if err == nil && parent != "" {
		err = w.couriers.send(parent, id, patient)
	}
	if err == nil || w.hopeless(id, err) {
		return
	}
	w.log.Error("what was due could not be done; trying again", "execution", id, "error", err)
	w.plans.moments.fail()
}

// enter reports whether an execution is to be looked at. If somebody does, he
// looks once more.
func (w *lanes) enter(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, taken := w.again[id]
	w.again[id] = taken
	return !taken
}

// leave ends a look, and reports whether there is to be another one.
func (w *lanes) leave(id string) (again bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if again = w.again[id]; again {
		w.again[id] = false
	} else {
		delete(w.again, id)
	}
	return again
}
