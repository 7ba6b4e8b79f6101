package engine

import (
	"errors"
	"strings"
	"sync"
	"time"
)

// The hints that nodes send each other. The last two have an execution's id behind them.
const (
	hintBeat      = "beat"      // a node came or went, or wants another share
	hintWork      = "work"      // there is something that is nobody's
	hintFunctions = "functions" // documents of functions changed
	hintWatched   = "watched"   // somebody waits for changes of an execution
	hintChanged   = "changed"   // an execution that somebody waits for, or that another node runs, has changed
)

const (
	hintPause   = time.Millisecond // for which hints gather
	maxWatched  = 10_000           // executions that other nodes wait for
	watchedFor  = 30 * time.Second // after which such a wait is forgotten, unless it is told again
	watchPause  = 20 * time.Millisecond
	watchSoon   = 150 * time.Millisecond
	watchEvery  = time.Second // how often executions are looked at for which somebody waits here: hints get lost
	watchAgain  = watchedFor / 3
	maxLookedAt = 1000 // executions in one look
)

// hints sends hints to the other nodes, and hears theirs.
type hints struct {
	fleet *membership
	wake  chan struct{}

	mu      sync.Mutex
	waiting map[string]bool      // to be sent
	watched map[string]time.Time // until when executions are watched elsewhere
}

func (h *hints) init(m *membership) {
	*h = hints{
		fleet: m, wake: make(chan struct{}, 1), waiting: map[string]bool{}, watched: map[string]time.Time{},
	}
}

// tell sends a hint soon, if there is somebody to hear it.
func (h *hints) tell(hint string) {
	if h.fleet.alone() || !h.fleet.others.Load() && hint != hintBeat {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.waiting) < maxWatched {
		h.waiting[hint] = true
	}
	nudge(h.wake)
}

// changed tells of an execution's change if another node waits for it.
func (h *hints) changed(id string) {
	h.mu.Lock()
	until, watched := h.watched[id]
	if watched && time.Now().After(until) {
		delete(h.watched, id)
		watched = false
	}
	h.mu.Unlock()
	if watched {
		h.tell(hintChanged + " " + id)
	}
}

// watch notes that another node waits for an execution.
func (h *hints) watch(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if len(h.watched) >= maxWatched {
		for old, until := range h.watched {
			if now.After(until) {
				delete(h.watched, old)
			}
		}
	}
	if len(h.watched) < maxWatched {
		h.watched[id] = now.Add(watchedFor)
	}
}

// send sends hints until the engine closes.
func (h *hints) send() {
	m := h.fleet
	for !m.closing() {
		select {
		case <-h.wake:
		case <-m.ctx.Done():
			return
		}
		pause(m.ctx, hintPause, nil)
		h.mu.Lock()
		all := make([]string, 0, len(h.waiting))
		for hint := range h.waiting {
			all = append(all, hint)
		}
		clear(h.waiting)
		h.mu.Unlock()
		if err := m.store.Tell(m.ctx, m.self(), all...); err != nil && !m.closing() {
			m.log.Debug("hints to other nodes were lost", "error", err)
			pause(m.ctx, retryDelay, nil)
		}
	}
}

// hear acts on the hints of others until the engine closes. If there are none to be had, everybody looks more often.
func (h *hints) hear() {
	m := h.fleet
	for !m.closing() {
		err := m.store.Hear(m.serving(), m.self(), h.heard) // anew as another node
		if errors.Is(err, errors.ErrUnsupported) {
			m.log.Info("the database sends no hints, so this node asks it more often", "reason", err)
			m.deaf.Store(true)
			return
		}
		pause(m.ctx, retryDelay, nil)
	}
}

func (h *hints) heard(hint string) {
	m := h.fleet
	word, id, _ := strings.Cut(hint, " ")
	switch word {
	case hintBeat:
		nudge(m.beatNow)
	case hintWork:
		nudge(m.wake)
	case hintFunctions:
		m.functions.documents.moved(unknownRevision)
	case hintWatched:
		h.watch(id)
	case hintChanged:
		m.news.tell(id)
		if m.ledger.cache.pinned(id) { // it runs here, and may be due sooner
			m.plans.moments.look(id, m.now())
		}
	case "": // some may have been lost
		m.ledger.cache.doubt() // with them the database, which may be another one now
		nudge(m.beatNow)
		nudge(m.wake)
		m.functions.documents.moved(unknownRevision)
		nudge(m.news.came)
	}
}

// follow looks at executions for which somebody waits here, until the engine closes.
func (b *bulletin) follow(m *membership) {
	for !b.closing() {
		every := watchEvery
		if m.deaf.Load() {
			every = watchSoon
		}
		pause(b.ctx, every, b.came)
		pause(b.ctx, watchPause, nil) // most waits are over by then
		for _, next := range []time.Duration{watchSoon, 0} {
			told, ids := b.unannounced()
			for _, id := range told {
				m.hints.tell(hintWatched + " " + id)
			}
			if err := b.lookAt(m, ids); err != nil && !b.closing() {
				b.log.Debug("executions that are waited for could not be looked at", "error", err)
				break
			}
			if len(told) == 0 {
				break
			}
			pause(b.ctx, next, nil) // so that a change that was faster than the hint is seen soon
		}
	}
}

// unannounced returns the executions that the other nodes are to hear of, and all that are listened to.
func (b *bulletin) unannounced() (told, all []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	for of, c := range b.channels {
		all = append(all, of.id)
		if now.After(c.announce) {
			c.announce = now.Add(watchAgain)
			told = append(told, of.id)
		}
	}
	return told, all
}

// lookAt tells the listeners of those executions that have changed.
func (b *bulletin) lookAt(m *membership, ids []string) error {
	for len(ids) > 0 {
		n := min(len(ids), maxLookedAt)
		last, err := m.store.Last(b.ctx, ids[:n]...)
		if err != nil {
			return err
		}
		b.mu.Lock()
		for _, id := range ids[:n] {
			for _, of := range []topic{{id: id}, {id: id, end: true}} {
				if c := b.channels[of]; c != nil && c.seen != last[id] {
					b.tellLocked(of)
				}
			}
		}
		b.mu.Unlock()
		ids = ids[n:]
	}
	return nil
}

// tell tells the listeners of an execution that it may have changed.
func (b *bulletin) tell(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tellLocked(topic{id: id})
	b.tellLocked(topic{id: id, end: true})
}
