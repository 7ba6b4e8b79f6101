package sandbox

import (
	"sync"
	"time"

	"github.com/perdure/perdure/engine"
)

const (
	// firstCrashPause and maxCrashPause bound the pause after processes that
	// failed to initialise, which doubles with each.
	firstCrashPause = 100 * time.Millisecond
	maxCrashPause   = 5 * time.Second
)

// crashes remembers that processes failed to initialise, so that a function which cannot start is not started for
// each of a thousand executions that want it. Those that come within the pause get the same failure.
type crashes struct {
	mu     sync.Mutex
	inARow int
	until  time.Time
	last   func(*engine.Invocation) engine.Outcome
}

// note records a failure, or nil for a process that is ready.
func (c *crashes) note(failed func(*engine.Invocation) engine.Outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if failed == nil {
		c.inARow, c.last = 0, nil
		return
	}
	c.last = failed
	c.until = time.Now().Add(min(firstCrashPause<<min(c.inARow, 10), maxCrashPause))
	c.inARow++
}

// recent returns the failure to repeat; nil if a process may be started.
func (c *crashes) recent() func(*engine.Invocation) engine.Outcome {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil || time.Now().After(c.until) {
		return nil
	}
	return c.last
}
