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

// Executions whose retention is over are removed in the background, a few at a time, each time with a pause as long as
// that took: others write meanwhile. None is removed soon after a start or a jump of the clock, because an execution
// that is gone does not come back when the clock is put right. Executions that somebody deleted do not wait.
const (
	inRemovals     = 1000 // items in memory
	removedAtOnce  = 16
	restAfterStart = 10 * time.Minute
	restAfterJump  = time.Hour
)

// removals holds the executions whose retention is over soon.
type removals struct {
	*agenda
	mu   sync.Mutex
	rest time.Time // until then only deleted ones are removed
}

func (r *removals) init(p *plans) {
	r.agenda = newAgenda(p, store.Agenda{Kind: store.Removals}, inRemovals, make(chan struct{}, 1))
	r.ripe = func(at, now protocol.Timestamp) bool {
		return at == machine.AtOnce || at <= now && r.resting() <= 0
	}
	r.restFor(restAfterStart)
}

// restFor keeps expired executions for a while.
func (r *removals) restFor(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if until := time.Now().Add(d); until.After(r.rest) {
		r.rest = until
	}
}

func (r *removals) resting() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Until(r.rest)
}

type remover struct {
	*life
	fleet  *membership
	plans  *plans
	ledger *ledger
}

// run removes executions when they expire, until the engine closes.
func (w *remover) run() {
	due := &w.plans.removals
	for !w.closing() {
		if !w.fleet.leading() {
			pause(w.ctx, idle, due.nudge)
			continue
		}
		enough := due.prepare()
		w.plans.checkClock() // before a jump lets executions expire
		began := time.Now()
		wait := w.removeSome()
		if wait == 0 {
			wait = time.Since(began)
		} else {
			wait = max(wait, due.resting())
		}
		pause(w.ctx, min(wait, enough), due.nudge)
	}
}

// removeSome removes a few executions; wait is how long it is until the next expires, 0 if more wait.
func (w *remover) removeSome() (wait time.Duration) {
	due := &w.plans.removals
	var all sync.WaitGroup
	for range removedAtOnce {
		var item store.Item
		if item, wait = due.take(w.now()); wait > 0 {
			break
		}
		all.Go(func() {
			if err := w.expire(item.ID); err != nil && !w.closing() {
				w.log.Error("an execution whose retention is over could not be deleted; trying again",
					"execution", item.ID, "error", err)
				due.fail()
			}
		})
	}
	all.Wait()
	return wait
}

// expire removes an execution. It reads only the row, which holds since the execution closed.
func (w *remover) expire(id string) error {
	l, release := w.ledger.hold(id)
	defer release()
	row, err := w.plans.store.Row(w.ctx, id)
	if damaged, ok := errors.AsType[*store.DamagedError](err); ok {
		w.quarantine(id, &damagedError{id, damaged})
		return nil
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	case row.Expires == 0 || row.Expires > w.now():
		w.plans.plan(row)
		return nil
	}
	return w.ledger.remove(l)
}

// Delete deletes a closed execution with its history and payloads, and frees its name. It returns when deletion was
// first asked for. An execution that a chained invoke started is DELETING until its parent knows the outcome. Its own
// children stay. An open execution is a ResourceConflictException.
func (e *Engine) Delete(ctx context.Context, arn string) (requested protocol.Timestamp, err error) {
	return updateNamed(ctx, e.ledger, arn, func(d *machine.Draft) (protocol.Timestamp, error) {
		err := d.Delete()
		return d.Deleting(), err
	}, func(l *live, _ protocol.Timestamp, refusal error) {
		if refusal != nil || !l.x.Deletable(e.life.now()) {
			return
		}
		if err := e.ledger.remove(l); err != nil { // it has expired, so the remover tries again
			e.life.log.Error("an execution could not be deleted; trying again", "execution", l.id, "error", err)
		}
	})
}

// finishDeletion removes an execution that is DELETING, for a caller who wants its name. It refuses while a parent does
// not know the outcome.
func (g *ledger) finishDeletion(ctx context.Context, row *store.Row) (err error) {
	_, found := updateThen(ctx, g, row.ID, look, func(l *live, _ none, _ error) {
		if !l.x.Deletable(g.now()) {
			err = protocol.Errorf(protocol.CodeConflict, "The durable execution is being deleted: %s", row.ARN)
			return
		}
		err = g.remove(l)
	})
	if errors.Is(found, store.ErrNotFound) {
		return nil // it is gone already
	}
	return errors.Join(found, err)
}
