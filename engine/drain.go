package engine

import (
	"context"
	"sync"
)

// flights are the invocations under way. None begins any more once they land.
type flights struct {
	landing context.Context // done when no more may begin
	land    context.CancelFunc

	mu     sync.Mutex
	n      int
	landed chan struct{} // closed, by over, when they land and none is left
	over   func()
}

func (f *flights) init(ctx context.Context) {
	f.landing, f.land = context.WithCancel(ctx)
	f.landed = make(chan struct{})
	f.over = sync.OnceFunc(func() { close(f.landed) })
	context.AfterFunc(f.landing, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.n == 0 {
			f.over()
		}
	})
}

// begin reports whether another invocation may begin; then end must follow.
func (f *flights) begin() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.landing.Err() != nil {
		return false
	}
	f.n++
	return true
}

func (f *flights) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n--; f.n == 0 && f.landing.Err() != nil {
		f.over()
	}
}

// count is how many are under way.
func (f *flights) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.n
}

// Drain is for an engine that is about to be closed: no invocation begins any
// more, and Drain returns when those under way have ended, and their ends are
// recorded, or when ctx is done. It returns how many are left; [Engine.Close]
// breaks these off, and the next engine repeats them. Everything else is
// answered as before, and what would begin now begins with the next engine.
func (e *Engine) Drain(ctx context.Context) int {
	e.flights.land()
	select {
	case <-e.flights.landed:
	case <-ctx.Done():
	}
	return e.flights.count()
}

// Running is how many invocations are under way.
func (e *Engine) Running() int { return e.flights.count() }
