package engine

import (
	"errors"
	"slices"
	"sync"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// A closed child is due until the execution that invoked it knows the outcome.
// Couriers bring the news: one for each parent that there is news for, with as
// much as there is in one commit, so that thousands of children that end at
// once hold nobody else up.
const (
	newsInMemory = 4096 // children that a courier is to tell of, at one time
	newsAtOnce   = 32   // of them, in one commit
	newsBytes    = 1 << 20
)

// couriers know which children have news for which parent.
type couriers struct {
	mu       sync.Mutex
	room     chan struct{}       // one element for each child
	children map[string]bool     // their ids
	byParent map[string][]string // the children that wait, by the ARN of a parent to whom a courier is under way
}

func (c *couriers) init() {
	c.room = make(chan struct{}, newsInMemory)
	c.children = map[string]bool{}
	c.byParent = map[string][]string{}
}

// sendNews has a parent told of a child that closed, in the background. If there
// are too many news already, the child goes to the backlog, or with patience
// waits until there is room.
func (e *Engine) sendNews(parent, child string, patient bool) error {
	if _, err := protocol.ParseARN(parent); err != nil { // so there is nobody to tell
		e.log.Error("an execution names a parent that is none; its outcome is told to nobody", "execution", child, "error", err)
		return e.told(child)
	}
	c := &e.couriers
	select {
	case c.room <- struct{}{}:
	default:
		if !patient {
			e.schedule.past.fail()
			return nil
		}
		select {
		case c.room <- struct{}{}:
		case <-e.ctx.Done():
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
		e.work.Go(func() { e.deliver(parent) })
	}
	return nil
}

// next returns the children to tell a parent of, or none when the courier's work
// is done.
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

// deliver tells a parent until there is nothing more to tell.
func (e *Engine) deliver(parent string) {
	for {
		children := e.couriers.next(parent)
		if len(children) == 0 {
			return
		}
		for rest := children; len(rest) > 0 && e.ctx.Err() == nil; {
			told, err := e.tellParent(parent, rest)
			if err != nil && e.ctx.Err() == nil {
				e.log.Error("an execution could not be told of the outcome of those that it invoked; trying again", "execution", parent, "error", err)
				e.schedule.fail()
			}
			rest = rest[told:]
		}
		for _, child := range children {
			e.couriers.done(child)
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

// tellParent tells a parent of some of its children, the first ones, and these
// that it knows. It returns how many that were, told or not.
func (e *Engine) tellParent(parent string, children []string) (n int, err error) {
	var all []news
	for size := 0; n < len(children) && size < newsBytes; n++ {
		one, err := e.newsOf(children[n])
		if err != nil {
			return n + 1, errors.Join(err, e.bring(parent, all))
		}
		if one != nil {
			all = append(all, *one)
			if one.payload != nil {
				size += len(*one.payload)
			}
		}
	}
	return n, e.bring(parent, all)
}

// newsOf returns the outcome of a child, or nil if nobody has to hear of it.
func (e *Engine) newsOf(child string) (one *news, err error) {
	err = e.updateThen(e.ctx, child, look, func(l *live) {
		if !l.x.OwesParent() {
			return
		}
		one = &news{child: child, arn: l.x.Identity().ARN.String(), operation: l.x.Identity().ParentOperation, status: l.x.Outcome()}
		one.payload, one.failure = l.x.Result()
		if one.status == protocol.ExecutionTimedOut {
			one.failure = invokeTimedOut(l.x.Identity().ExecutionTimeout)
		}
	})
	if errors.Is(err, store.ErrNotFound) || e.quarantine(child, err) {
		return nil, nil
	}
	return one, err
}

// bring records outcomes with a parent, and then with each child that the parent
// knows. A parent that is gone, or cannot be understood, needs to know nothing.
func (e *Engine) bring(parent string, all []news) error {
	if len(all) == 0 {
		return nil
	}
	id, err := parseExecution(parent)
	if err != nil {
		return err
	}
	err = e.update(e.ctx, id, func(d *machine.Draft) error {
		for _, one := range all {
			d.CompleteInvoke(one.operation, one.arn, one.status, one.payload, one.failure)
		}
		return nil
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) && !e.quarantine(id, err) {
		return err
	}
	errs := make([]error, len(all))
	var group sync.WaitGroup // so that they share a flush of the disk
	for i, one := range all {
		group.Go(func() {
			errs[i] = e.told(one.child)
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// told records with a child that its parent knows.
func (e *Engine) told(child string) error {
	return e.update(e.ctx, child, func(d *machine.Draft) error {
		d.NotifyParent()
		return nil
	})
}
