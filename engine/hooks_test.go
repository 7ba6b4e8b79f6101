package engine

import "time"

// SetClock sets the wall clock of an engine ahead, or back.
func (e *Engine) SetClock(ahead time.Duration) { e.life.clock.shift.Add(int64(ahead)) }

// EndRest has removals begin although the engine has just started.
func (e *Engine) EndRest() {
	r := &e.plans.removals
	r.mu.Lock()
	r.rest = time.Now()
	r.mu.Unlock()
	r.wake()
}

// SetMaxUntold changes how many executions that are to be told of are kept in
// memory.
func (e *Engine) SetMaxUntold(n int) {
	e.telemetry.mu.Lock()
	defer e.telemetry.mu.Unlock()
	e.telemetry.max = n
}
