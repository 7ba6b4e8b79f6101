package engine

import (
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
	reviewed   = 1000                  // executions or calls, in one look
)

// claimer takes what is nobody's and what dead nodes left behind.
type claimer struct {
	*life
	fleet     *membership
	plans     *plans
	functions *Functions
	flights   *flights
	ledger    *ledger
	suspects  map[string]bool // executions that seemed to be invoked here, and are not
	asked     time.Time       // when the store was asked last for what anything waits
	more      bool            // it should be asked soon
}

func (c *claimer) run() {
	var swept time.Time // at once: a restore or a move brings executions of owners that are no nodes
	for !c.closing() {
		every := claimEvery
		switch {
		case c.more:
			every = claimAsk
		case c.fleet.deaf.Load():
			every = claimDeaf
		}
		pause(c.ctx, every, c.fleet.wake)
		if c.fleet.self() == adrift {
			continue
		}
		stranded := c.plans.stranded.Swap(false)
		var err error
		if draining := c.flights.landing.Err() != nil; draining {
			err = c.review() // a claim may just have been under way
		} else if err = c.claim(); err == nil && (stranded || time.Since(swept) > c.fleet.options.Lease) {
			swept = time.Now()
			err = c.sweep()
		}
		if err != nil && !c.closing() {
			c.log.Debug("what is nobody's could not be claimed; trying again", "error", err)
			pause(c.ctx, retryDelay, nil)
		}
		pause(c.ctx, claimPause, nil)
	}
}

func (c *claimer) claim() error {
	if c.fleet.dead.Load() {
		if err := c.takeOver(); err != nil {
			return err
		}
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
		_ = recoverAll(rows, func(row *store.Row) error {
			c.goOn(row)
			return nil
		})
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
		if row.Wanted != 0 && !c.plans.queues.able(row.Function, row.Version) {
			c.plans.strand()
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

// sweep is the net under everything. It finds what no commit and no beat tells of: a database that lost its latest
// commits brings such about, and whatever was not done because the database did not answer.
func (c *claimer) sweep() error {
	if err := c.takeOver(); err != nil { // also from nodes that nobody remembers
		return err
	}
	if err := c.review(); err != nil {
		return err
	}
	if c.fleet.leading() {
		c.plans.removals.fail()
	}
	for _, f := range c.functions.all() {
		if f.draining {
			c.functions.forget(f.Name, f.Version)
		}
	}
	if c.fleet.reporter != nil {
		return c.adoptTelling(c.fleet.reporter)
	}
	return nil
}

// adoptTelling has records of executions made that ended on a node which died before it had told of them. The oldest
// node that tells does that. A node is told of before it has a document, so the documents are read first.
func (c *claimer) adoptTelling(r *reporter) error {
	var docs []store.Document // one of each node that ever told
	for d, err := range store.AllDocuments(c.ctx, c.fleet.store, telemetryKind) {
		if err != nil {
			return err
		}
		docs = append(docs, d)
	}
	census, err := c.fleet.store.Nodes(c.ctx)
	if err != nil {
		return err
	}
	living := map[string]bool{}
	for i := range census.Nodes {
		if n := &census.Nodes[i]; n.Alive {
			key := readInfo(n).Telemetry
			if key != "" && key != r.key && len(living) == 0 {
				return nil
			}
			if key != "" {
				living[key] = true
			}
		}
	}
	r.adopt(docs, living)
	return nil
}

// drain hands over what this node does not invoke: it begins nothing any more.
func (c *claimer) drain() {
	c.fleet.draining.Store(true)
	nudge(c.fleet.beatNow)
	c.plans.strand()
}

// review goes through all that this node owns. What can be done here is planned, and what cannot is given back. An
// invocation that is recorded as under way, and twice is not, is lost.
func (c *claimer) review() error {
	found := map[string]bool{}
	for after := ""; ; {
		rows, err := c.fleet.store.Owned(c.ctx, c.fleet.self(), after, reviewed)
		if err != nil {
			return err
		}
		var back []string
		for _, row := range rows {
			after = row.ID
			switch invoking := row.Doing&store.Invoking != 0; {
			case c.ledger.busy(row.ID):
				if row.Status.Closed() || c.fleet.deaf.Load() { // another node may have killed it
					c.plans.moments.look(row.ID, c.now())
				}
			case invoking && c.suspects[row.ID]:
				c.loseInvocation(row.ID)
			case invoking:
				found[row.ID] = true
			case c.flights.landing.Err() != nil || row.Wanted != 0 && !c.plans.queues.able(row.Function, row.Version):
				back = append(back, row.ID)
			default:
				c.plans.recall(row)
			}
		}
		if err := c.giveBack(back); err != nil {
			return err
		}
		if len(rows) < reviewed {
			break
		}
	}
	c.suspects = found
	return c.reviewCalls()
}

// reviewCalls is review of the calls that this node owns.
func (c *claimer) reviewCalls() error {
	waiting, err := c.fleet.store.Waiting(c.ctx)
	if err != nil {
		return err
	}
	for _, of := range waiting {
		if of.Kind != store.Calls {
			continue
		}
		of.Owner = c.fleet.self()
		items, err := c.fleet.store.Agenda(c.ctx, of, store.Item{}, reviewed)
		if err != nil {
			return err
		}
		var back []string
		able := c.flights.landing.Err() == nil && c.plans.queues.able(of.Function, of.Version)
		for _, item := range items {
			if q := c.plans.queues.find(of.Function, of.Version); able && q != nil {
				q.calls.recall(key{item.ID, item.Operation}, item.At, c.now())
			} else if !c.ledger.busy(item.ID) {
				back = append(back, item.ID)
			}
		}
		if err := c.giveBack(back); err != nil {
			return err
		}
	}
	return nil
}

// giveBack makes executions nobody's, for a node that can do something about them.
func (c *claimer) giveBack(ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	c.fleet.hints.tell(hintWork)
	return c.fleet.store.Release(c.ctx, c.fleet.self(), ids...)
}
