package engine

import (
	"time"

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
}

func newPlans(l *life, st store.Store) *plans {
	p := &plans{life: l, store: st}
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

// plan plans what a row says is to do. It is stored so now: the execution's lock is held, or nobody knows of it yet.
func (p *plans) plan(row *store.Row) {
	now := p.now()
	p.moments.set(row.ID, row.Due, now)
	p.removals.set(key{id: row.ID}, row.Expires, now)
	if q := p.queues.find(row.Function, row.Version); q != nil {
		q.invocations.set(key{id: row.ID}, row.Wanted, now)
	}
}

// planCalls plans the calls that an execution waits for. A call that is over stays planned; it is noticed in its turn.
func (p *plans) planCalls(id string, calls []store.Call) {
	for _, c := range calls {
		if q := p.queues.find(c.Function, c.Version); q != nil && c.Wanted != 0 {
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
	step := p.clock.step()
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
