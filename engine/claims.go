package engine

import (
	"context"
	"sync"
	"time"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
)

const (
	claimEvery = time.Second // how often a node looks for work that is nobody's; hints make it look at once
	claimDeaf  = 200 * time.Millisecond
	claimPause = 2 * time.Millisecond  // between two looks
	claimAsk   = 20 * time.Millisecond // between two questions for which versions anything waits
	claimAhead = 3 * time.Second       // how soon something must be due to be claimed
	claimDue   = 500                   // executions that are due, in one claim
	claimQueue = 200                   // invocations or calls of a function version
	claimLeft  = 200                   // executions of dead nodes
)

// claimer takes what is nobody's and what dead nodes left behind.
type claimer struct {
	*life
	fleet     *membership
	plans     *plans
	functions *Functions
	flights   *flights
	ledger    *ledger
	looked    bool            // for executions of owners that are no nodes, which a restore or a move brings
	suspects  map[string]bool // executions that seemed to be invoked here, and are not
	asked     time.Time       // when the store was asked last for what anything waits
	more      bool            // it should be asked soon
}

func (c *claimer) run() {
	swept := time.Now()
	for !c.closing() {
		every := claimEvery
		switch {
		case c.more:
			every = claimAsk
		case c.fleet.deaf.Load():
			every = claimDeaf
		}
		pause(c.ctx, every, c.fleet.wake)
		if c.fleet.self() == adrift || c.flights.landing.Err() != nil {
			continue
		}
		if err := c.claim(); err != nil && !c.closing() {
			c.log.Debug("what is nobody's could not be claimed; trying again", "error", err)
			pause(c.ctx, retryDelay, nil)
		}
		if time.Since(swept) > c.fleet.options.Lease {
			swept = time.Now()
			c.sweep()
		}
		pause(c.ctx, claimPause, nil)
	}
}

func (c *claimer) claim() error {
	if c.fleet.dead.Load() || !c.looked {
		if err := c.takeOver(); err != nil {
			return err
		}
		c.looked = true
	}
	if err := c.claimDue(); err != nil {
		return err
	}
	for _, q := range c.plans.queues.each() {
		if q.more.Load() {
			if err := c.claimFor(q); err != nil {
				return err
			}
		}
	}
	if c.more = time.Since(c.asked) < claimAsk; c.more {
		return nil
	}
	c.asked = time.Now()
	waiting, err := c.fleet.store.Waiting(c.ctx)
	for _, a := range waiting {
		if q := c.plans.queues.find(a.Function, a.Version); q != nil && err == nil {
			err = c.claimFor(q)
		}
	}
	return err
}

// claimDue claims executions of nobody that are due soon.
func (c *claimer) claimDue() error {
	for more := true; more && !c.closing(); {
		due := c.now().Add(claimAhead)
		rows, err := c.fleet.store.ClaimExecutions(c.ctx, c.fleet.self(), store.Claim{Due: due}, claimDue)
		if err != nil {
			return err
		}
		c.fleet.counts.claimed.Add(uint64(len(rows)))
		for _, row := range rows {
			c.plans.plan(c.own(row))
		}
		more = len(rows) == claimDue
	}
	return nil
}

// own is a row that this node has claimed. A damaged one is planned by its due moment; whoever looks at it finds out.
func (c *claimer) own(row *store.Row) *store.Row {
	row.Owner = c.fleet.self()
	return row
}

// claimFor claims what waits for a function version, as far as there are places for it.
func (c *claimer) claimFor(q *queue) error {
	room := min(q.room(), claimQueue)
	if room <= 0 {
		return nil
	}
	want := store.Claim{Function: q.function, Version: q.version}
	rows, err := c.fleet.store.ClaimExecutions(c.ctx, c.fleet.self(), want, room)
	if err != nil {
		return err
	}
	for _, row := range rows {
		c.plans.plan(c.own(row))
	}
	calls, err := c.fleet.store.ClaimCalls(c.ctx, c.fleet.self(), q.function, q.version, room)
	if err != nil {
		return err
	}
	for _, item := range calls {
		q.calls.set(key{item.ID, item.Operation}, item.At, c.now())
	}
	c.fleet.counts.claimed.Add(uint64(len(rows) + len(calls)))
	q.more.Store(len(rows) == room || len(calls) == room)
	return nil
}

// takeOver goes on with executions of nodes that died.
func (c *claimer) takeOver() error {
	for !c.closing() {
		rows, err := c.fleet.store.ClaimExecutions(c.ctx, c.fleet.self(), store.Claim{Left: true}, claimLeft)
		if err != nil {
			return err
		}
		c.fleet.counts.takenOver.Add(uint64(len(rows)))
		var group sync.WaitGroup
		for i := range min(recoverers, len(rows)) {
			group.Go(func() {
				for n := i; n < len(rows); n += recoverers {
					c.goOn(rows[n])
				}
			})
		}
		group.Wait()
		if len(rows) > 0 {
			c.log.Info("this node goes on with executions of one that is gone", "executions", len(rows))
		}
		if len(rows) < claimLeft {
			return nil
		}
	}
	return nil
}

// goOn goes on with an execution that another node left. The invocation that was under way there is lost. If that
// cannot be recorded now, the next sweep finds the execution.
func (c *claimer) goOn(row *store.Row) {
	if row.Doing&uint32(machine.Running) == 0 && !row.Damaged {
		c.plans.plan(c.own(row))
		if row.Wanted != 0 && c.plans.queues.find(row.Function, row.Version) == nil {
			_ = c.fleet.store.Release(c.ctx, c.fleet.self(), row.ID) // for a node that can run it
			c.fleet.hints.tell(hintWork)
		}
		return
	}
	c.loseInvocation(row.ID)
}

// loseInvocation ends an invocation that is recorded as under way here, and is not.
func (c *claimer) loseInvocation(id string) {
	_, err := updateLive(c.ctx, c.ledger, id, func(l *live, d *machine.Draft) (none, error) {
		if d.InFlight() != l.running {
			d.LoseInvocation(d.InFlight())
		}
		return none{}, nil
	})
	if err != nil && !c.hopeless(id, err) {
		c.log.Warn("an invocation that a node left could not be recorded as lost; trying again",
			"execution", id, "error", err)
	}
}

// sweep is the net under everything: it has this node's agendas read again, and looks for executions that it owns as
// if it invoked them, and does not. A database that lost its latest commits brings these about.
func (c *claimer) sweep() {
	c.plans.fail()
	found := map[string]bool{}
	for after := ""; ; {
		rows, err := c.fleet.store.Owned(c.ctx, c.fleet.self(), after, 1000)
		if err != nil || len(rows) == 0 {
			break
		}
		for _, row := range rows {
			after = row.ID
			if row.Doing&uint32(machine.Running) != 0 && !c.ledger.runs(row.ID) {
				found[row.ID] = true
			}
		}
	}
	for id := range found {
		if c.suspects[id] {
			c.loseInvocation(id)
		}
	}
	c.suspects = found
	for _, f := range c.functions.all() {
		if f.draining {
			c.functions.forget(f.Name, f.Version)
		}
	}
	if r := c.fleet.reporter; r != nil && c.fleet.leading() {
		if err := c.adoptTelling(r); err != nil {
			c.log.Debug("what dead nodes did not tell of could not be found out", "error", err)
		}
	}
}

// adoptTelling has records of executions made that ended on a node which died before it had told of them.
func (c *claimer) adoptTelling(r *reporter) error {
	census, err := c.fleet.store.Nodes(c.ctx)
	if err != nil {
		return err
	}
	living := map[string]bool{}
	for i := range census.Nodes {
		if n := &census.Nodes[i]; n.Alive {
			living[readInfo(n).Telemetry] = true
		}
	}
	return r.adopt(c.ctx, living)
}

// drain hands over what this node does not invoke: it begins nothing any more.
func (c *claimer) drain(ctx context.Context) {
	c.fleet.draining.Store(true)
	nudge(c.fleet.beatNow)
	if err := c.handOver(ctx); err != nil && ctx.Err() == nil && !c.closing() {
		c.log.Warn("what this node has not begun could not be handed over yet; it is when the node is gone",
			"error", err)
	}
	c.fleet.hints.tell(hintWork)
}

func (c *claimer) handOver(ctx context.Context) error {
	for after := ""; ; {
		rows, err := c.fleet.store.Owned(ctx, c.fleet.self(), after, 1000)
		if err != nil || len(rows) == 0 {
			return err
		}
		var idle []string
		for _, row := range rows {
			after = row.ID
			if !c.ledger.runs(row.ID) {
				idle = append(idle, row.ID)
			}
		}
		if err := c.fleet.store.Release(ctx, c.fleet.self(), idle...); err != nil {
			return err
		}
	}
}
