package engine

import (
	"errors"
	"fmt"
	"sync"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
)

// An execution that was stopped with a cascade is due until its children are stopped, each of which is then due in the
// same way. So a cascade goes on after a crash, and on whichever node finds it. It goes through the ledger like any
// stop, wherever the children are in memory.
const (
	cascadesInMemory = 4096 // executions whose children are to be stopped
	cascadesAtOnce   = 8    // of these, whose children are being stopped
	stopsAtOnce      = 32   // of the children of one
)

// cascades stop the children of executions.
type cascades struct {
	*life
	ledger  *ledger
	moments *moments // have a cascade that failed tried again

	seats chan struct{} // an element for each that goes on

	mu       sync.Mutex
	underWay map[string]bool // ids of the parents of all in memory
}

func newCascades(g *ledger, m *moments) *cascades {
	return &cascades{
		life: g.life, ledger: g, moments: m, seats: make(chan struct{}, cascadesAtOnce), underWay: map[string]bool{},
	}
}

// send has the children of an execution stopped, in the background. Without room it is looked at again a little later.
func (c *cascades) send(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.underWay[id]:
		return
	case len(c.underWay) >= cascadesInMemory:
		c.moments.later(id, c.now())
		return
	}
	c.underWay[id] = true
	c.work.Go(func() {
		err := c.takeTurn(id)
		c.mu.Lock()
		delete(c.underWay, id)
		c.mu.Unlock()
		if err == nil || c.hopeless(id, err) {
			return
		}
		c.log.Error("not all children of a stopped execution could be stopped; trying again",
			"execution", id, "error", err)
		c.moments.later(id, c.now())
	})
}

func (c *cascades) takeTurn(id string) error {
	select {
	case c.seats <- struct{}{}:
		defer func() { <-c.seats }()
		return c.run(id)
	case <-c.ctx.Done():
		return c.ctx.Err()
	}
}

// run stops the children of an execution, and records that they are.
func (c *cascades) run(id string) error {
	var order machine.StopRequest
	var children []string
	parent := ""
	_, err := updateThen(c.ctx, c.ledger, id, look, func(l *live, _ none, _ error) {
		parent = l.x.ARN()
		how, all := l.x.Cascade()
		order, children = machine.StopRequest{Reason: how.Reason, By: how.By, Kill: how.Kill, Cascade: true}, all
	})
	if err != nil {
		return err
	}
	if err := inParallel(children, stopsAtOnce, func(child string) error {
		return c.stop(parent, child, &order)
	}); err != nil {
		return err
	}
	_, err = update(c.ctx, c.ledger, id, unrefused(func(d *machine.Draft) { d.EndCascade() }))
	return err
}

// stop stops a child. One that is gone, damaged, or another execution's child needs no stop.
func (c *cascades) stop(parent, child string, order *machine.StopRequest) error {
	id, err := parseExecution(child)
	if err != nil {
		return nil
	}
	_, err = update(c.ctx, c.ledger, id, func(d *machine.Draft) (none, error) {
		if d.ARN() != child || d.Identity().ParentARN != parent {
			return none{}, nil
		}
		return none{}, d.Stop(order)
	})
	if err == nil || errors.Is(err, store.ErrNotFound) || c.quarantine(id, err) {
		return nil
	}
	return fmt.Errorf("stopping %s: %w", child, err)
}
