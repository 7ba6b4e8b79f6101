package engine

import (
	"sync"
	"time"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/observe/metrics"
	"github.com/perdure/perdure/protocol"
)

// The agenda of moments has two lanes, each with seats of its own. One holds what is due from now on. The other is the
// backlog: what was due before the engine started, or was not looked at within a second. It is worked off as fast as
// the machine allows, and nothing that is due now waits for it.
const (
	inLane    = 4000 // items of a lane in memory, about 1 MB
	seatsSoon = 64   // goroutines of a lane
	seatsPast = 32
	tooMuch   = time.Second // how late the first of the lane is when the lane becomes backlog
)

// moments are when executions go on by themselves: a timer fires, or there is news for a parent.
type moments struct {
	mu         sync.Mutex // guards where one lane ends and the other begins
	soon, past *agenda
}

func (m *moments) init(p *plans) {
	all := store.Agenda{Kind: store.Moments}
	m.past = newAgenda(p, all, inLane, make(chan struct{}, 1))
	m.soon = newAgenda(p, all, inLane, make(chan struct{}, 1))
	m.split(p.now())
}

// set plans when an execution is due; zero is never.
func (m *moments) set(id string, due, now protocol.Timestamp) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := key{id: id}
	if due != 0 && due < m.soon.first.At {
		m.past.set(k, due, now)
		due = 0
	} else {
		m.past.set(k, 0, now)
	}
	m.soon.set(k, due, now)
}

// recall is set of an execution of which the store says so, and that may be missing here.
func (m *moments) recall(id string, due, now protocol.Timestamp) {
	m.mu.Lock()
	defer m.mu.Unlock()
	lane := m.soon
	if due < m.soon.first.At {
		lane = m.past
	}
	lane.recall(key{id: id}, due, now)
}

// look has an execution looked at now.
func (m *moments) look(id string, now protocol.Timestamp) { m.soon.set(key{id: id}, now, now) }

// later has an execution looked at again after a while.
func (m *moments) later(id string, now protocol.Timestamp) {
	m.soon.set(key{id: id}, now.Add(retryDelay), now)
}

// split turns what is due by now into backlog.
func (m *moments) split(now protocol.Timestamp) {
	m.mu.Lock()
	defer m.mu.Unlock()
	between := store.Item{At: now + 1} // before all items of that moment: they have ids
	m.past.extend(between)
	if m.soon.begin(between) {
		m.past.fail()
	}
}

// fail has lost items looked for; see [agenda.fail].
func (m *moments) fail() {
	m.soon.fail()
	m.past.fail()
}

// behind is how long the first execution has been due that nobody has looked at.
func (m *moments) behind(now protocol.Timestamp) time.Duration {
	return max(m.soon.behind(now), m.past.behind(now))
}

// count returns how many executions are in memory, and how many of them are due.
func (m *moments) count(now protocol.Timestamp) (all, due int) {
	all, due = m.soon.count(now)
	allPast, duePast := m.past.count(now)
	return all + allPast, due + duePast
}

// lanes look at executions when they are due.
type lanes struct {
	*life
	plans    *plans
	ledger   *ledger
	couriers *couriers
	cascades *cascades
	late     *metrics.Histogram

	mu    sync.Mutex
	again map[string]bool // the executions that are looked at now, and whether to look once more
}

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

// look does what is due for an execution: timers fire, its parent is told, and its children are stopped. A patient one
// waits for who does that.
func (w *lanes) look(id string, patient bool) {
	fire := unrefused(func(d *machine.Draft) { d.FireTimers() })
	parent, cascade := "", false
	_, err := updateThen(w.ctx, w.ledger, id, fire, func(l *live, _ none, _ error) {
		cascade = l.x.OwesChildren()
		if l.x.OwesParent() {
			parent = l.x.Identity().ParentARN
		} else if !cascade {
			w.plans.planned(l.x)
		}
	})
	if cascade {
		w.cascades.send(id)
	}
	if err == nil && parent != "" {
		err = w.couriers.send(parent, id, patient)
	}
	if err == nil || w.hopeless(id, err) {
		return
	}
	w.log.Error("what was due could not be done; trying again", "execution", id, "error", err)
	w.plans.moments.fail()
}

// enter reports whether nobody looks at an execution yet; whoever does looks once more.
func (w *lanes) enter(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, taken := w.again[id]
	w.again[id] = taken
	return !taken
}

// leave ends a look, and reports whether to look once more.
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
