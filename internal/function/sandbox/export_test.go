package sandbox

import "time"

// WaitLong makes the pool wait for what comes at once unless the machine is busy.
func (p *Pool) WaitLong(d time.Duration) { p.graces.settle, p.graces.poll, p.graces.output = d, d, d }

// WaitAsUsual undoes [Pool.WaitLong].
func (p *Pool) WaitAsUsual() { p.graces = usualGraces }

// Overdue counts the places whose invocation ran out of time.
func (p *Pool) Overdue() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for proc := range p.processes {
		n += proc.overdue
	}
	return n
}
