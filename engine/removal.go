package engine

import (
	"errors"
	"sync"
	"time"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// Executions whose retention is over are removed in the background, a few at a
// time, and with pauses as long as that took: others write meanwhile. None is
// removed soon after a start or a jump of the clock, as what is gone does not
// come back when the clock is put right; only those whose deletion somebody asked
// for are.
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
	rest time.Time // none that has only expired is removed before
}

func (r *removals) init() {
	r.agenda = newAgenda(store.Agenda{Kind: store.Removals}, inRemovals, make(chan struct{}, 1))
	r.ripe = func(at, now protocol.Timestamp) bool {
		return at == machine.AtOnce || at <= now && r.resting() <= 0
	}
	r.restFor(restAfterStart)
}

// restFor lets nothing be removed for a while.
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

// runRemovals removes executions when their retention is over, until the engine
// closes.
func (e *Engine) runRemovals() {
	for e.ctx.Err() == nil {
		enough := e.prepare(e.removals.agenda)
		e.checkClock() // or what a jump made ripe would be gone before it is noticed
		began := time.Now()
		wait := e.removeSome()
		if wait == 0 {
			wait = time.Since(began)
		} else {
			wait = max(wait, e.removals.resting())
		}
		pause(e.ctx, min(wait, enough), e.removals.nudge)
	}
}

// removeSome removes a few executions at one time, or says when there will be one.
func (e *Engine) removeSome() (wait time.Duration) {
	var all sync.WaitGroup
	for range removedAtOnce {
		var item store.Item
		if item, wait = e.removals.take(e.now()); wait > 0 {
			break
		}
		all.Go(func() {
			err := e.expire(item.ID)
			if err != nil && e.ctx.Err() == nil {
				e.log.Error("an execution whose retention is over could not be deleted; trying again", "execution", item.ID, "error", err)
				e.removals.fail()
			}
		})
	}
	all.Wait()
	return wait
}

// expire removes an execution whose retention is over. It does not read it: what
// its row says was decided when it closed, and holds while nothing happens to it.
func (e *Engine) expire(id string) error {
	l := e.cache.acquire(id)
	defer e.cache.release(l, false)
	l.mu.Lock()
	defer l.mu.Unlock()
	var damaged *store.DamagedError
	row, err := e.store.Row(e.ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case errors.As(err, &damaged):
		e.quarantine(id, &damagedError{id, damaged})
		return nil
	case err != nil:
		return err
	case row.Expires == 0 || row.Expires > e.now():
		e.plan(row)
		return nil
	}
	return e.remove(l)
}
