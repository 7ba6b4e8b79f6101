package sandbox

// Function returns which function version the pool runs.
func (p *Pool) Function() (name, version string) { return p.cfg.Name, p.cfg.Version }

// Processes returns how many processes the pool has, and how many of them wait
// for an invocation.
func (p *Pool) Processes() (all, idle int) {
	p.mu.Lock()
	all = len(p.processes)
	p.mu.Unlock()
	return all, p.idle.len()
}
