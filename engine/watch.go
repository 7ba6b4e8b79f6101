package engine

import (
	"context"
	"iter"
	"sync"
	"time"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// bulletin tells whoever waits for an execution that it may have changed. It knows nothing of the executions in memory:
// one that is waited for may leave it, and come back.
type bulletin struct {
	*life
	came     chan struct{} // nudged when somebody begins to listen; heard in a fleet
	mu       sync.Mutex
	channels map[topic]*bulletinChannel // only while someone listens
}

// topic is what somebody listens to: each change of an execution, or only its end.
type topic struct {
	id  string
	end bool
}

type bulletinChannel struct {
	changed   chan struct{}
	listeners int
	seen      int64     // entries of the execution that the listeners know
	announce  time.Time // when other nodes are to hear of them, again
}

// listen returns a channel that the next change closes, or only the change with which the execution has closed. The
// caller calls leave once, at the end. It holds the execution's lock if it has read the state, so that it misses no
// change. seen is how many entries that state has.
func (b *bulletin) listen(to topic, seen int64) (changed <-chan struct{}, leave func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.channels[to]
	if c == nil {
		c = &bulletinChannel{changed: make(chan struct{}), seen: seen}
		b.channels[to] = c
		nudge(b.came)
	}
	c.seen = min(c.seen, seen)
	c.listeners++
	return c.changed, func() { b.leave(to, c) }
}

func (b *bulletin) leave(to topic, c *bulletinChannel) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.listeners--; c.listeners == 0 && b.channels[to] == c {
		delete(b.channels, to)
	}
}

func (b *bulletin) heard(c change) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tellLocked(topic{id: c.id})
	if c.x == nil || c.x.Status().Closed() { // or it was removed, or nobody knows
		b.tellLocked(topic{id: c.id, end: true})
	}
}

func (b *bulletin) tellLocked(of topic) {
	if listened := b.channels[of]; listened != nil {
		close(listened.changed)
		delete(b.channels, of)
	}
}

// Wait returns the outcome of an execution once it has closed, for a closed one at once.
func (e *Engine) Wait(ctx context.Context, arn string) (*Result, error) {
	// An older state will do, too: one that has closed stays so, and the end of one that has not will be heard of.
	for first := true; ; first = false {
		var result *Result
		var changed <-chan struct{}
		leave := func() {}
		look := func(l *live) {
			leave()
			if !l.x.Status().Closed() {
				changed, leave = e.news.listen(topic{id: l.id, end: true}, l.x.Entries())
				return
			}
			payload, failure := l.x.Result()
			result = &Result{Status: l.x.Outcome(), Payload: payload, Error: failure}
		}
		if known := e.ledger.recall(arn, look); !known || result == nil && !first {
			if err := e.ledger.view(ctx, arn, look); err != nil {
				leave()
				return nil, err
			}
		}
		if result != nil {
			return result, nil
		}
		if err := e.news.await(ctx, changed, leave); err != nil {
			return nil, err
		}
	}
}

// await returns when the execution may have changed; its error says that the wait is over. Either way it leaves.
func (b *bulletin) await(ctx context.Context, changed <-chan struct{}, leave func()) error {
	defer leave()
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-b.ctx.Done():
		return closed()
	}
}

// Watch yields an execution's events from the first on, and new ones as they are recorded, until the execution has
// closed. A failure ends the sequence.
func (e *Engine) Watch(ctx context.Context, arn string) iter.Seq2[*protocol.Event, error] {
	return func(yield func(*protocol.Event, error) bool) {
		var at place
		for {
			more, err := e.watchOnce(ctx, arn, &at, yield)
			if err != nil {
				yield(nil, err)
			}
			if err != nil || !more {
				return
			}
		}
	}
}

// watchOnce yields the events behind at and waits until there may be more. more is false after the last, and when yield
// ends it.
func (e *Engine) watchOnce(
	ctx context.Context, arn string, at *place, yield func(*protocol.Event, error) bool,
) (more bool, err error) {
	var changed <-chan struct{}
	leave := func() {}
	defer func() { leave() }()
	outcome := &Description{}
	err = e.ledger.view(ctx, arn, func(l *live) {
		outcome.Result, outcome.Error = l.x.Result()
		changed, leave = e.news.listen(topic{id: l.id}, l.x.Entries())
	})
	if err != nil {
		return false, err
	}
	for ev, err := range e.ledger.events(ctx, arn, at, false) {
		if err != nil {
			return false, err
		}
		fillOutcome(ev, outcome)
		if !yield(ev, nil) || ev.EndsExecution() {
			return false, nil
		}
	}
	return true, e.news.await(ctx, changed, func() {})
}

// Revision counts what has happened to an execution, and says whether it is open. While the count stays the same, so do
// the description and the history. It reads only the last entry of the journal. An unknown execution is a
// ResourceNotFoundException.
func (e *Engine) Revision(ctx context.Context, arn string) (revision int64, open bool, err error) {
	row, err := e.ledger.known(ctx, arn)
	if err != nil {
		return 0, false, err
	}
	for entry, err := range e.ledger.journal(ctx, row.ID, store.Range{Reverse: true, Limit: 1}) {
		return entry.Seq, !row.Status.Closed(), err
	}
	return 0, false, executionNotFound() // it was deleted meanwhile
}

// Events yields an execution's events after a revision as they are now, oldest first, with one journal entry in memory
// at a time; revision 0 is before the first. If a checkpoint brought the outcome, the last event lacks it, and
// [Engine.Describe] has it. A failure ends the sequence.
func (e *Engine) Events(ctx context.Context, arn string, revision int64) iter.Seq2[*protocol.Event, error] {
	return func(yield func(*protocol.Event, error) bool) {
		if _, err := e.ledger.known(ctx, arn); err != nil {
			yield(nil, err)
			return
		}
		e.ledger.events(ctx, arn, &place{seq: revision + 1}, false)(yield)
	}
}

// newsEvery is how often News looks, and how long it lets things gather.
const newsEvery = 100 * time.Millisecond

// News counts what has happened here: commits, and lines that functions wrote. While the count stays the same, so do
// lists, descriptions, histories and logs. It returns a count that is not seen as soon as there is one, at once if seen
// is zero; its error says that ctx has ended, or that the engine drains or closes. In a fleet the count goes on every
// second, as another node may have done something.
func (e *Engine) News(ctx context.Context, seen uint64) (uint64, error) {
	tick := time.NewTicker(newsEvery)
	defer tick.Stop()
	for {
		count := 1 + e.counters.commits.Load() + e.logs.added.Load()
		if !e.fleet.alone() {
			count += uint64(time.Now().Unix())
		}
		if count != seen {
			return count, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return seen, ctx.Err()
		case <-e.flights.landing.Done():
			return seen, closed()
		}
	}
}
