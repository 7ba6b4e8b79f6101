package engine

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// A closed child is due until its parent, the execution that invoked it, knows the outcome. A parent for which there is
// news has one courier, who brings many outcomes in one commit: thousands of children that end at once hold up nobody.
const (
	newsInMemory = 4096 // children whose outcomes are under way
	newsAtOnce   = 32   // of them, in one commit
	newsBytes    = 1 << 20
)

// couriers bring parents the outcomes of their children.
type couriers struct {
	*life
	ledger  *ledger
	moments *moments // have an outcome that was not brought tried again

	mu       sync.Mutex
	room     chan struct{}       // an element for each child
	children map[string]bool     // ids of those under way
	byParent map[string][]string // ids of children that wait, by the parent's ARN; a parent with a courier has an entry
}

func newCouriers(g *ledger, m *moments) *couriers {
	return &couriers{
		life: g.life, ledger: g, moments: m,
		room: make(chan struct{}, newsInMemory), children: map[string]bool{}, byParent: map[string][]string{},
	}
}

// send has a parent told, in the background, of a child that closed. Without room the child becomes backlog, or a
// patient caller waits.
func (c *couriers) send(parent, child string, patient bool) error {
	if _, err := protocol.ParseARN(parent); err != nil { // so there is nobody to tell
		c.log.Error("an execution names a parent that is none; its outcome is told to nobody",
			"execution", child, "error", err)
		return c.told(child)
	}
	select {
	case c.room <- struct{}{}:
	default:
		if !patient {
			c.moments.past.fail()
			return nil
		}
		select {
		case c.room <- struct{}{}:
		case <-c.ctx.Done():
			return nil
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.children[child] {
		<-c.room
		return nil
	}
	c.children[child] = true
	waiting, underWay := c.byParent[parent]
	c.byParent[parent] = append(waiting, child)
	if !underWay {
		c.work.Go(func() { c.deliver(parent) })
	}
	return nil
}

// next returns children to tell a parent of; with none left the courier ends.
func (c *couriers) next(parent string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	waiting := c.byParent[parent]
	if len(waiting) == 0 {
		delete(c.byParent, parent)
		return nil
	}
	n := min(len(waiting), newsAtOnce)
	c.byParent[parent] = slices.Clone(waiting[n:])
	return waiting[:n]
}

func (c *couriers) done(child string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.children, child)
	<-c.room
}

// deliver is one courier: it tells a parent until there is no more news.
func (c *couriers) deliver(parent string) {
	for {
		children := c.next(parent)
		if len(children) == 0 {
			return
		}
		for rest := children; len(rest) > 0 && !c.closing(); {
			told, err := c.tellParent(parent, rest)
			if err != nil && !c.closing() {
				c.log.Error("an execution could not be told of the outcome of those that it invoked; trying again",
					"execution", parent, "error", err)
				c.moments.fail()
			}
			rest = rest[told:]
		}
		for _, child := range children {
			c.done(child)
		}
	}
}

// news is the outcome of a child.
type news struct {
	child, operation string
	arn              string // the child's, by which the parent knows it
	status           protocol.ExecutionStatus
	payload          *string
	failure          *protocol.ErrorObject
}

// tellParent tells a parent of the first of its children, and records with each that it is told. n is how many it
// looked at.
func (c *couriers) tellParent(parent string, children []string) (n int, err error) {
	var all []news
	for size := 0; n < len(children) && size < newsBytes; n++ {
		one, err := c.newsOf(children[n])
		if err != nil {
			return n + 1, errors.Join(err, c.bring(parent, all))
		}
		if one != nil {
			all = append(all, *one)
			if one.payload != nil {
				size += len(*one.payload)
			}
		}
	}
	return n, c.bring(parent, all)
}

// newsOf returns the outcome of a child, or nil if nobody is to hear of it.
func (c *couriers) newsOf(child string) (one *news, err error) {
	_, err = updateThen(c.ctx, c.ledger, child, look, func(l *live, _ none, _ error) {
		if !l.x.OwesParent() {
			return
		}
		id := l.x.Identity()
		one = &news{child: child, arn: l.x.ARN(), operation: id.ParentOperation, status: l.x.Outcome()}
		one.payload, one.failure = l.x.Result()
		if one.status == protocol.ExecutionTimedOut {
			one.failure = &protocol.ErrorObject{
				ErrorType:    protocol.ErrorTypeInvokeTimeout,
				ErrorMessage: fmt.Sprintf("CHAINED_INVOKE timed out after %d seconds.", id.ExecutionTimeout),
			}
		}
	})
	if errors.Is(err, store.ErrNotFound) || c.quarantine(child, err) {
		return nil, nil
	}
	return one, err
}

// bring records outcomes with a parent, and then with each child that the parent knows. One that is gone or damaged
// need not know.
func (c *couriers) bring(parent string, all []news) error {
	if len(all) == 0 {
		return nil
	}
	id, err := parseExecution(parent)
	if err != nil {
		return err
	}
	_, err = update(c.ctx, c.ledger, id, unrefused(func(d *machine.Draft) {
		for _, one := range all {
			d.CompleteInvoke(one.operation, one.arn, one.status, one.payload, one.failure)
		}
	}))
	if err != nil && !errors.Is(err, store.ErrNotFound) && !c.quarantine(id, err) {
		return err
	}
	errs := make([]error, len(all))
	var group sync.WaitGroup // so that they share a flush of the disk
	for i, one := range all {
		group.Go(func() { errs[i] = c.told(one.child) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// told records with a child that its parent knows.
func (c *couriers) told(child string) error {
	_, err := update(c.ctx, c.ledger, child, unrefused(func(d *machine.Draft) { d.NotifyParent() }))
	return err
}
