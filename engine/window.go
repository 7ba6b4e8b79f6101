package engine

import (
	"time"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// prepare brings what an agenda needs next from the store to memory, and says
// for how long that is enough.
func (a *agenda) prepare() (enough time.Duration) {
	for a.wantsPage() {
		if err := a.readPage(); err != nil {
			return a.unread(err)
		}
	}
	wait := a.untilSweep()
	if wait > 0 {
		return wait
	}
	if err := a.sweepPage(); err != nil {
		return a.unread(err)
	}
	return a.untilSweep()
}

func (a *agenda) unread(err error) time.Duration {
	if !a.closing() {
		a.log.Error("what there is to do could not be read; trying again", "error", err)
	}
	return retryDelay
}

// wantsPage reports whether the window should reach further, and if so has what
// is set from now on kept, wherever it belongs.
func (a *agenda) wantsPage() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reading = !a.whole && len(a.heap) < a.size/4
	return a.reading
}

// readPage makes the window reach a page further.
func (a *agenda) readPage() error {
	a.mu.Lock()
	after := a.end
	a.mu.Unlock()
	page, err := a.store.Agenda(a.ctx, a.of, after, a.size/2)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reading = false
	if err == nil {
		a.whole = len(page) < a.size/2
		for _, item := range page {
			if a.limit.At != 0 && item.Compare(a.limit) >= 0 {
				a.whole = true
				break
			}
			a.end = item
			a.mergeLocked(item, a.now())
		}
	}
	if a.strays && !a.whole {
		a.cutLocked(func(p *appointment) bool { return p.item().Compare(a.end) > 0 })
	}
	a.strays = false
	a.shrinkLocked()
	return err
}

// mergeLocked takes in what was read. What was set since is newer; to look too
// early does no harm.
func (a *agenda) mergeLocked(item store.Item, now protocol.Timestamp) {
	k := key{item.ID, item.Operation}
	if old := a.byKey[k]; old == nil || item.At < old.at {
		a.putLocked(k, item.At, now)
	}
}

// untilSweep is when the window is to be gone over.
func (a *agenda) untilSweep() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.lost {
		return idle
	}
	return time.Until(a.again)
}

// sweepPage goes over a page of the window for what was lost. It goes on at
// once unless something was lost again.
func (a *agenda) sweepPage() error {
	a.mu.Lock()
	after, limit := a.swept, a.size/4
	a.mu.Unlock()
	page, err := a.store.Agenda(a.ctx, a.of, after, limit)
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		a.again = time.Now().Add(retryDelay)
		return err
	}
	now, over := a.now(), len(page) < limit
	for _, item := range page {
		if a.beyondLocked(item) {
			over = true
			break
		}
		a.mergeLocked(item, now)
		a.swept = item
	}
	a.again = time.Now()
	if a.failures > a.beforePage {
		a.again = a.again.Add(retryDelay)
	}
	a.beforePage = a.failures
	if over {
		a.restartLocked(a.failures > a.beforeSweep)
	}
	a.shrinkLocked()
	return nil
}

// restartLocked has the window gone over again, if need be.
func (a *agenda) restartLocked(need bool) {
	a.lost, a.swept = need, a.first
	a.beforeSweep, a.beforePage = a.failures, a.failures
	if need {
		a.again = time.Now().Add(retryDelay)
	}
}

// beyondLocked reports whether item lies behind the window.
func (a *agenda) beyondLocked(item store.Item) bool {
	return !a.whole && item.Compare(a.end) > 0 || a.limit.At != 0 && item.Compare(a.limit) >= 0
}
