package engine

import "sync"

// bulletin tells those who wait for an execution that it may have changed. It
// is apart from the executions in memory: a waiter must be told even if the
// execution has left memory since it came, and must not keep it there.
type bulletin struct {
	mu       sync.Mutex
	channels map[string]*bulletinChannel // by execution id; only while someone listens
}

type bulletinChannel struct {
	changed   chan struct{}
	listeners int
}

func (b *bulletin) init() { b.channels = map[string]*bulletinChannel{} }

// listen returns a channel that is closed at the next announcement. The caller
// calls leave once, when it no longer listens. Who reads the state first must
// still hold the execution's lock, so that nothing is announced in between.
func (b *bulletin) listen(id string) (changed <-chan struct{}, leave func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.channels[id]
	if c == nil {
		c = &bulletinChannel{changed: make(chan struct{})}
		b.channels[id] = c
	}
	c.listeners++
	return c.changed, func() { b.leave(id, c) }
}

func (b *bulletin) leave(id string, c *bulletinChannel) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.listeners--; c.listeners == 0 && b.channels[id] == c {
		delete(b.channels, id)
	}
}

// announce tells all who listen to look again.
func (b *bulletin) announce(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.channels[id]; c != nil {
		close(c.changed)
		delete(b.channels, id)
	}
}
