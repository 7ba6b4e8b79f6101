package engine

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/perdure/perdure/protocol"
)

// Waits and retentions end at moments of the wall clock, which somebody may set
// while the engine runs; a machine that slept finds it ahead, too. Timers of the
// process do not notice. So the engine compares the wall clock with one that
// nobody can set, every second, and looks at once for what has become due.
const (
	checkClockEvery = time.Second
	smallStep       = 5 * time.Millisecond // what is less is drift
	jump            = 2 * time.Second      // what is more is told, and keeps removals from going on
)

// wallClock is the wall clock as the engine sees it.
type wallClock struct {
	shift atomic.Int64 // by how much a test has set it
	mu    sync.Mutex
	wall  time.Time // the last look, at both clocks
	mono  time.Time
}

// now is the moment at which an input is applied.
func (e *Engine) now() protocol.Timestamp {
	return protocol.TimestampOf(time.Now().Add(time.Duration(e.clock.shift.Load())))
}

// step returns by how much the wall clock was set since the last look.
func (c *wallClock) step() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	mono := time.Now()
	wall := mono.Round(0).Add(time.Duration(c.shift.Load())) // without the other clock's reading
	var step time.Duration
	if !c.mono.IsZero() {
		step = wall.Sub(c.wall) - mono.Sub(c.mono)
	}
	c.wall, c.mono = wall, mono
	return step
}

// checkClock sees to what a step of the wall clock changes.
func (e *Engine) checkClock() {
	step := e.clock.step()
	size := step.Abs()
	if size < smallStep {
		return
	}
	if size > jump {
		e.removals.restFor(restAfterJump)
		way := "ahead"
		if step < 0 {
			way = "back"
		}
		e.log.Warn("the clock was set "+way+", or the machine slept: waits end by the new time, and no execution is deleted for an hour",
			"by", size.Round(time.Millisecond).String(), "now", e.now().Time().UTC().Format(time.RFC3339))
	}
	e.schedule.soon.wake()
	e.schedule.past.wake()
	e.removals.wake()
	e.queues.wake()
}

// watchClock looks at the clock until the engine closes.
func (e *Engine) watchClock() {
	for e.ctx.Err() == nil {
		pause(e.ctx, checkClockEvery, nil)
		e.checkClock()
	}
}
