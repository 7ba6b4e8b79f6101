package engine

import (
	"sync/atomic"
	"time"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
)

// plans are the agendas of all that there is to do: moments that come, retentions that end, queues for places. They
// hear of changes, and do not know who does the work.
type plans struct {
	*life
	store    store.Store
	moments  moments
	removals removals
	queues   queues

	// In a fleet, agendas hold what this node owns. Of the rest the claimer hears.
	owner store.NodeID // guarded by the lock of queues
	fleet *membership
	claim chan struct{}
	// stranded: this node may own what it can do nothing about any more.
	stranded atomic.Bool
}

func newPlans(l *life, st store.Store) *plans {
	p := &plans{life: l, store: st, claim: make(chan struct{}, 1)}
	p.moments.init(p)
	p.removals.init(p)
	p.queues.init()
	return p
}

func (p *plans) heard(c change) {
	if c.x == nil {
		p.missed(c.writes)
		return
	}
	for _, w := range c.writes {
		if w.Row != nil {
			p.plan(w.Row)
		}
		p.planCalls(w.ID, w.Calls)
	}
}

// follow makes the agendas those of another owner.
func (p *plans) follow(owner store.NodeID) {
	p.queues.mu.Lock()
	p.owner = owner
	p.queues.mu.Unlock()
	p.moments.soon.follow(owner)
	p.moments.past.follow(owner)
	for _, q := range p.queues.each() {
		q.invocations.follow(owner)
		q.calls.follow(owner)
	}
}

// planned plans what an execution in memory has to do next, for whoever looked at it in vain.
func (p *plans) planned(x *machine.Execution) {
	r := row(x.Draft(p.now()))
	r.Owner = p.fleet.self()
	p.plan(r)
}

// recall plans what a row of this node says is to do, unless that is planned already. The row may be an old one: to
// look too early does no harm.
func (p *plans) recall(row *store.Row) {
	p.moments.recall(row.ID, row.Due, p.now())
	if q := p.queues.find(row.Function, row.Version); q != nil {
		q.invocations.recall(key{id: row.ID}, row.Wanted, p.now())
	}
}

// plan plans what a row says is to do. It is stored so now: the execution's lock is held, or nobody knows of it yet.
func (p *plans) plan(row *store.Row) {
	now, due, wanted := p.now(), row.Due, row.Wanted
	if !p.fleet.mine(row.Owner) {
		if wanted != 0 && row.Owner == 0 {
			p.left(row.Function, row.Version)
		}
		due, wanted = 0, 0
	}
	p.moments.set(row.ID, due, now)
	p.removals.set(key{id: row.ID}, row.Expires, now)
	if q := p.queues.find(row.Function, row.Version); q != nil {
		q.invocations.set(key{id: row.ID}, wanted, now)
	}
}

// giveBack makes something nobody's for which nothing is here, so that another node can take it. It is false if this
// engine is alone, or the store does not take it now.
func (p *plans) giveBack(a *agenda, item store.Item) bool {
	if p.fleet.alone() || p.fleet.store.Release(p.ctx, p.fleet.self(), item.ID) != nil {
		return false
	}
	p.left(a.of.Function, a.of.Version)
	return true
}

// left says that something waits for a function version that is nobody's.
func (p *plans) left(function, version string) {
	p.queues.left(function, version)
	p.fleet.hints.tell(hintWork)
	nudge(p.claim)
}

// strand has the claimer give back what this node can do nothing about any more.
func (p *plans) strand() {
	p.stranded.Store(true)
	nudge(p.claim)
}

// planCalls plans the calls that an execution waits for. A call that is over stays planned; it is noticed in its turn.
func (p *plans) planCalls(id string, calls []store.Call) {
	for _, c := range calls {
		if c.Wanted == 0 {
			continue
		}
		if !p.fleet.mine(c.Owner) {
			p.left(c.Function, c.Version)
		} else if q := p.queues.find(c.Function, c.Version); q != nil {
			q.calls.set(key{id, c.Operation}, c.Wanted, p.now())
		}
	}
}

// missed says that a commit failed and may have taken effect all the same: the store is asked what there is to do.
func (p *plans) missed(writes []store.Write) {
	for _, w := range writes {
		if w.Row != nil {
			p.moments.fail()
			p.removals.fail()
			if q := p.queues.find(w.Row.Function, w.Row.Version); q != nil {
				q.invocations.fail()
			}
		}
		for _, c := range w.Calls {
			if q := p.queues.find(c.Function, c.Version); q != nil {
				q.calls.fail()
			}
		}
	}
}

// checkClock looks at all agendas after a step of the wall clock.
func (p *plans) checkClock() {
	if p.fleet.alone() { // otherwise the database's clock counts
		p.stepped(p.clock.step())
	}
}

// stepped looks at all agendas after a step of the clock.
func (p *plans) stepped(step time.Duration) {
	size := step.Abs()
	if size < smallStep {
		return
	}
	if size > jump {
		p.removals.restFor(restAfterJump)
		way := "ahead"
		if step < 0 {
			way = "back"
		}
		p.log.Warn("the clock was set "+way+
			", or the machine slept: waits end by the new time, and no execution is deleted for an hour",
			"by", size.Round(time.Millisecond).String(), "now", p.now().Time().UTC().Format(time.RFC3339))
	}
	p.moments.soon.wake()
	p.moments.past.wake()
	p.removals.wake()
	p.queues.wake()
}

func (p *plans) watchClock() {
	for !p.closing() {
		pause(p.ctx, checkClockEvery, nil)
		p.checkClock()
	}
}
