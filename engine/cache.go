package engine

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/perdure/perdure/internal/core/machine"
)

// live is an execution's place in memory. Under its lock, inputs take turns.
type live struct {
	id string

	mu      sync.Mutex
	x       *machine.Execution // nil: to be read from the journal
	doubts  int64              // of the cache, when x was read
	running string             // the request id of the invocation that a goroutine is running; empty if none is
	end     endFunc            // ends the invocation that is running; nil if none can be ended
	calls   map[string]endFunc // the chained invokes that goroutines are calling, by operation id
	killed  bool               // what runs is to end: x says so, but may be out of memory

	// Guarded by the cache's lock.
	users int           // how many may look at x
	pins  int           // how many need the place, with or without x
	idle  *list.Element // in the cache's list; nil while in use, or without x
	size  int           // bytes that x takes while idle
}

// endFunc ends what runs for an execution, and says why.
type endFunc = context.CancelCauseFunc

// errStopped is why something ends that runs for an execution: it was stopped, with a kill.
var errStopped = errors.New("engine: the execution was stopped")

// heed notes whether somebody, of this node or another, asked for the end of what runs here for an execution, and ends
// it. l.x is in use, and l.mu held.
func (l *live) heed() {
	l.killed = l.x != nil && l.x.Killed()
	l.obey()
}

// obey ends what runs here if that was asked for. l.mu is held.
func (l *live) obey() {
	if !l.killed {
		return
	}
	if l.end != nil {
		l.end(errStopped)
	}
	for _, end := range l.calls {
		end(errStopped)
	}
}

// cache holds the executions in memory: all in use, and up to a number of bytes the idle ones used last.
type cache struct {
	mu    sync.Mutex
	max   int
	bytes int // of the idle ones
	inUse int // how many are not idle
	all   map[string]*live
	idle  *list.List // of *live, most recently used first

	doubts atomic.Int64 // counts how often all that was read before came into doubt
}

// overhead is what an idle execution takes besides itself.
const overhead = 512

func (c *cache) init(max int) {
	c.max = max
	c.all = map[string]*live{}
	c.idle = list.New()
}

// acquire returns an execution's place for use, until release.
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

// pin keeps an execution's place until unpin, but not the execution: it may leave memory between inputs.
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

func (c *cache) forgetLocked(l *live) {
	if l.users == 0 && l.pins == 0 && l.idle == nil {
		delete(c.all, l.id)
	}
}

// release ends the use of an execution. If it is done, closed and only read, it does not stay.
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

// doubt has all executions read again when they are used next: the store may have lost its latest commits, and others
// may be in their place by now, with the same numbers.
func (c *cache) doubt() { c.doubts.Add(1) }

// trust forgets an execution that is in doubt. l.mu is held.
func (c *cache) trust(l *live) {
	if doubts := c.doubts.Load(); l.doubts != doubts {
		l.x, l.doubts = nil, doubts
	}
}

// pinned reports whether something goes on with an execution here.
func (c *cache) pinned(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.all[id]
	return l != nil && l.pins > 0
}

// count returns how many executions are in memory, and how many bytes the idle ones take.
func (c *cache) count() (n, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.idle.Len() + c.inUse, c.bytes
}
