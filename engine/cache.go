package engine

import (
	"container/list"
	"sync"

	"github.com/perdure/perdure/internal/core/machine"
)

// live is an execution's place in memory. Its lock makes inputs take turns.
type live struct {
	id string

	mu      sync.Mutex
	x       *machine.Execution // nil: to be read from the journal
	running bool               // a goroutine is invoking
	calls   map[string]bool    // chained invokes of plain functions being called, by operation id

	// Guarded by the cache's lock.
	users int           // who may look at x
	pins  int           // who needs the place, with or without x
	idle  *list.Element // place among the idle ones, nil while in use, or without x
	size  int           // what x takes while idle
}

// cache holds executions in memory: those in use, and of the idle ones those used
// last, up to a number of bytes.
type cache struct {
	mu    sync.Mutex
	max   int
	bytes int // what the idle ones take
	inUse int // how many others there are
	all   map[string]*live
	idle  *list.List // of *live, most recently used first
}

// overhead is what an idle execution takes besides itself.
const overhead = 512

func (c *cache) init(max int) {
	c.max = max
	c.all = map[string]*live{}
	c.idle = list.New()
}

// acquire returns the execution's place in memory, to be released after use.
func (c *cache) acquire(id string) *live {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.placeLocked(id)
	c.unlistLocked(l)
	if l.users++; l.users == 1 {
		c.inUse++
	}
	return l
}

// pin is acquire for who does not look at the execution between its inputs, and
// for long: it may leave memory meanwhile.
func (c *cache) pin(id string) *live {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.placeLocked(id)
	l.pins++
	return l
}

func (c *cache) placeLocked(id string) *live {
	l := c.all[id]
	if l == nil {
		l = &live{id: id}
		c.all[id] = l
	}
	return l
}

func (c *cache) unlistLocked(l *live) {
	if l.idle != nil {
		c.idle.Remove(l.idle)
		c.bytes -= l.size
		l.idle = nil
	}
}

func (c *cache) unpin(l *live) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l.pins--
	c.forgetLocked(l)
}

// forgetLocked gives up a place that nobody needs.
func (c *cache) forgetLocked(l *live) {
	if l.users == 0 && l.pins == 0 && l.idle == nil {
		delete(c.all, l.id)
	}
}

// release ends the use of an execution. One that is done with does not stay: it
// closed before, and was only read.
func (c *cache) release(l *live, done bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.users--; l.users > 0 {
		return
	}
	c.inUse--
	if done {
		l.x = nil
	}
	if l.x != nil {
		l.size = l.x.Size() + overhead
		l.idle = c.idle.PushFront(l)
		c.bytes += l.size
	}
	c.forgetLocked(l)
	for c.bytes > c.max {
		oldest := c.idle.Back().Value.(*live)
		c.unlistLocked(oldest)
		oldest.x = nil
		c.forgetLocked(oldest)
	}
}

// count returns the number of executions in memory, and what the idle ones take.
func (c *cache) count() (n, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.idle.Len() + c.inUse, c.bytes
}
