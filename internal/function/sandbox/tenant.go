package sandbox

import (
	"sync"
	"time"

	"github.com/perdure/perdure/engine"
)

// If the function asks for it, a process that served a tenant is for that tenant alone: each tenant has a shelf of
// idle processes. Other functions have one shelf.

// maxShelves bounds the empty shelves of tenants that are kept.
const maxShelves = 10_000

// shelves are the idle processes of a pool.
type shelves struct {
	mu       sync.Mutex
	byTenant map[string]*idleStack
}

// of returns the shelf of a tenant.
func (s *shelves) of(tenant string, make func() *idleStack) *idleStack {
	s.mu.Lock()
	defer s.mu.Unlock()
	shelf := s.byTenant[tenant]
	if shelf == nil {
		if len(s.byTenant) >= maxShelves {
			// One in use goes on: its processes know it. Only new invocations do not find them.
			for other, shelf := range s.byTenant {
				if shelf.empty() {
					delete(s.byTenant, other)
				}
			}
		}
		shelf = make()
		s.byTenant[tenant] = shelf
	}
	return shelf
}

func (s *shelves) all() []*idleStack {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*idleStack, 0, len(s.byTenant))
	for _, shelf := range s.byTenant {
		all = append(all, shelf)
	}
	return all
}

// len is the number of idle processes.
func (s *shelves) len() (n int) {
	for _, shelf := range s.all() {
		n += shelf.len()
	}
	return n
}

// takeOldest removes the process that has been idle the longest; nil if there is none.
func (s *shelves) takeOldest() *process {
	for {
		var oldest *process
		var since time.Time
		for _, shelf := range s.all() {
			if proc, at := shelf.oldest(); proc != nil && (oldest == nil || at.Before(since)) {
				oldest, since = proc, at
			}
		}
		if oldest == nil || oldest.shelf.remove(oldest) {
			return oldest
		}
	}
}

// shelfOf returns the shelf of the processes that may run inv.
func (p *Pool) shelfOf(inv *engine.Invocation) *idleStack {
	tenant := ""
	if p.cfg.PerTenant {
		tenant = inv.TenantID
	}
	return p.idle.of(tenant, func() *idleStack { return &idleStack{timeout: p.cfg.IdleTimeout, expired: p.retire} })
}

// makeRoom ends processes that idle for other tenants when the pool is full.
func (p *Pool) makeRoom() {
	if !p.cfg.PerTenant {
		return
	}
	p.mu.Lock()
	surplus := len(p.processes) + 1 - p.cfg.MaxProcesses
	p.mu.Unlock()
	for ; surplus > 0; surplus-- {
		proc := p.idle.takeOldest()
		if proc == nil {
			return
		}
		p.work.Go(func() { proc.stop(p.cfg.StopGrace) })
	}
}
