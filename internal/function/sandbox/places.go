package sandbox

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/runtimeapi"
	"github.com/perdure/perdure/protocol"
)

// A process has Config.Concurrency places, each for one invocation. A place is free while a poll of the process waits
// there, taken by an invocation, settling after its answer, or overdue after its time, until the process polls again.
// The Runtime API does not say which poll belongs to which place, so they are counted.
//
// One process is filled before another is started, since a second helps only those who find no place: one with room
// computes as much as the machine lets it.

// maxShelves bounds the unused shelves of tenants that are kept.
const maxShelves = 10_000

// graces are how long a pool waits for what should come at once, before it goes on without.
type graces struct {
	// settle is for a process that has just answered and is about to poll, before another process is started.
	settle time.Duration
	// shared is the same for processes with several places, of which any may be free soon. Of 64 callers at 32
	// places, settle would start 3 to 5 processes, and this starts 2 or 3. A start takes about 30 ms.
	shared time.Duration
	// poll is for a process that has polled to poll at all of its places, before another is started beside it:
	// runtime clients start a thread or a process for each.
	poll time.Duration
	// output is for a slow receiver to have what an invocation wrote.
	output time.Duration
}

var usualGraces = graces{
	settle: 20 * time.Millisecond, shared: 50 * time.Millisecond,
	poll: 100 * time.Millisecond, output: 100 * time.Millisecond,
}

// shelf holds what may run the invocations of one tenant, if the function keeps tenants apart, or else of all: a
// process that has served a tenant is for that tenant alone. The pool's mu guards it.
type shelf struct {
	open     []*process // that have a free place, the one to use next last: the one that was full the latest
	waiting  []*waiter  // for a place, oldest first
	hungry   int        // of waiting: those for whom no place is about to be free
	starting int        // processes that are being started
}

// waiter is an invocation that waits for a place.
type waiter struct {
	inv    *engine.Invocation
	shelf  *shelf
	since  time.Time
	got    chan place // receives one
	hungry bool
}

// place is a place that was taken, or how an invocation fails for want of one; and how long it waited for a process to
// start.
type place struct {
	proc   *process
	failed engine.Outcome
	init   time.Duration
}

// load is what a process is at. The pool's mu guards it.
type load struct {
	started   bool        // it may be used: what starts it has finished, which may be after its first poll
	ready     bool        // it has polled
	begun     time.Time   // when its start began
	polled    time.Time   // when it was ready
	given     int         // places that were given to invocations, so far
	gone      bool        // it gets no more invocations
	listed    bool        // it is open on its shelf
	polls     int         // polls that wait, less the invocations on their way to one
	taken     int         // invocations under way
	settling  []time.Time // of places whose invocation was answered: until when it may work on
	overdue   int         // places whose invocation ran out of time
	mixed     bool        // more than one invocation has been in it since it was idle
	sole      origin      // the one that was, if it is not mixed
	idleSince time.Time
}

// isIdle reports whether it could be ended without harm.
func (l *load) isIdle() bool {
	return l.started && l.ready && l.taken == 0 && len(l.settling) == 0 && l.overdue == 0
}

// isOpen reports whether it can take an invocation. With one that is overdue, it takes none: when those under way have
// ended, it is killed unless that one has ended, too.
func (l *load) isOpen() bool { return l.started && l.polls > 0 && l.isAlive() }

// isAlive reports whether it may get invocations, now or soon.
func (l *load) isAlive() bool { return l.overdue == 0 && !l.gone }

// acquire takes a place for inv; one without a process says why there is none.
func (p *Pool) acquire(ctx context.Context, inv *engine.Invocation) place {
	proc, w := p.take(inv)
	if proc != nil {
		return place{proc: proc}
	}
	patience := p.graces.settle
	if p.cfg.Concurrency > 1 {
		patience = p.graces.shared
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for ; patience > 0; timer.Reset(patience) {
		select {
		case got := <-w.got:
			return got
		case <-ctx.Done():
			return p.leave(w, cancelled(inv))
		case <-p.closing.Done():
			return p.leave(w, unstarted(inv, protocol.ErrorTypeSandboxFailure, "the sandbox was closed"))
		case <-timer.C:
			patience = p.starve(w, patience)
		}
	}
	return p.leave(w, unstarted(inv, protocol.ErrorTypeSandboxFailure,
		fmt.Sprintf("all %d processes of the function were busy for %.0f seconds", p.cfg.MaxProcesses,
			p.cfg.InitTimeout.Seconds())))
}

// take takes a place, or makes inv wait for one.
func (p *Pool) take(inv *engine.Invocation) (*process, *waiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.shelfOf(inv)
	if n := len(s.open); n > 0 {
		proc := s.open[n-1]
		p.occupyLocked(proc, inv)
		return proc, nil
	}
	w := &waiter{inv: inv, shelf: s, since: time.Now(), got: make(chan place, 1)}
	s.waiting = append(s.waiting, w)
	p.reckonLocked(s)
	return nil, w
}

// occupyLocked takes a free place of proc.
func (p *Pool) occupyLocked(proc *process, inv *engine.Invocation) {
	if proc.mixed = !proc.isIdle(); !proc.mixed {
		proc.sole = originOf(inv)
	}
	proc.polls--
	proc.taken++
	proc.given++
	p.listLocked(proc)
}

// listLocked puts proc on its shelf if it is open, and takes it off if not.
func (p *Pool) listLocked(proc *process) {
	if proc.listed == proc.isOpen() {
		return
	}
	s := proc.shelf
	if proc.listed = !proc.listed; proc.listed {
		s.open = append(s.open, proc)
		return
	}
	i := slices.Index(s.open, proc)
	s.open = slices.Delete(s.open, i, i+1)
}

// starve is called when w has waited for patience in vain. It returns for how long w waits on; 0 for no longer. A
// process that is being started has a time limit of its own.
func (p *Pool) starve(w *waiter, patience time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Contains(w.shelf.waiting, w) {
		return patience // it has just got a place
	}
	if !w.hungry {
		p.hungerLocked(w)
		p.growLocked()
	} else if patience == p.cfg.InitTimeout && w.shelf.starting == 0 {
		return 0
	}
	return p.cfg.InitTimeout
}

// leave ends a wait, with the place that came at the last moment, or else with why.
func (p *Pool) leave(w *waiter, why engine.Outcome) place {
	p.mu.Lock()
	defer p.mu.Unlock()
	if slices.Contains(w.shelf.waiting, w) {
		p.giveLocked(w, place{failed: why})
	}
	return <-w.got
}

// giveLocked ends the wait of w.
func (p *Pool) giveLocked(w *waiter, got place) {
	s := w.shelf
	i := slices.Index(s.waiting, w)
	s.waiting = slices.Delete(s.waiting, i, i+1)
	if w.hungry {
		s.hungry--
		i := slices.Index(p.hungry, w)
		p.hungry = slices.Delete(p.hungry, i, i+1)
	}
	w.got <- got
}

func (p *Pool) hungerLocked(w *waiter) {
	w.hungry = true
	w.shelf.hungry++
	p.hungry = append(p.hungry, w)
}

// reckonLocked makes those hungry who wait for more places than are about to be free, and starts processes for them.
func (p *Pool) reckonLocked(s *shelf) {
	if len(s.waiting) == s.hungry {
		return
	}
	coming := 0
	for proc := range p.processes {
		if proc.shelf == s && proc.isAlive() {
			coming += p.comingFrom(proc)
		}
	}
	for _, w := range s.waiting {
		if coming--; coming < 0 && !w.hungry {
			p.hungerLocked(w)
		}
	}
	p.growLocked()
}

// comingFrom is how many places of proc may soon be free. Where one process does several things at once these are
// mostly short.
func (p *Pool) comingFrom(proc *process) int {
	n := len(proc.settling)
	if p.cfg.Concurrency > 1 {
		n += proc.taken
	}
	if proc.isIdle() && proc.polls <= 0 {
		n++ // its client is between two polls
	}
	return n
}

// growLocked starts processes for the hungry, as far as those that are being started are too few, and the pool has
// room.
func (p *Pool) growLocked() {
	for _, w := range slices.Clone(p.hungry) {
		s := w.shelf
		if s.hungry <= s.starting*p.cfg.Concurrency {
			continue
		}
		if failed := p.crashes.recent(); failed != nil {
			p.giveLocked(w, place{failed: failed(w.inv)})
			continue
		}
		if !p.makeRoomLocked() {
			return
		}
		p.beginLaunchLocked(s)
		p.work.Go(func() { p.launch(s, w.inv) })
	}
}

// makeRoomLocked reports whether the pool has room for another process: beside those with overdue places, which may be
// as many. If not, it ends the one that has been idle the longest; there is one only if it is another tenant's.
func (p *Pool) makeRoomLocked() bool {
	if p.alive < p.cfg.MaxProcesses {
		late := 0
		for proc := range p.processes {
			if proc.overdue > 0 && !proc.gone {
				late++
			}
		}
		return late <= p.cfg.MaxProcesses
	}
	var oldest *process
	for proc := range p.processes {
		if proc.isIdle() && !proc.gone && (oldest == nil || proc.idleSince.Before(oldest.idleSince)) {
			oldest = proc
		}
	}
	if oldest != nil {
		p.retireLocked(oldest)
	}
	return oldest != nil
}

func (p *Pool) beginLaunchLocked(s *shelf) {
	s.starting++
	p.alive++
}

// launch starts a process for a shelf. What it writes at first belongs to inv. If it cannot start, it returns nil and
// why, and as many fail as it would have had places for.
func (p *Pool) launch(s *shelf, inv *engine.Invocation) (*process, failing) {
	began := time.Now()
	proc, failed := p.start(s, inv)
	if proc != nil {
		proc.awaitPolls(p.graces.poll)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s.starting--
	if failed != nil {
		for _, w := range s.firstHungry(p.cfg.Concurrency) {
			p.giveLocked(w, place{failed: failed(w.inv), init: w.waited(began, time.Now())})
		}
	}
	p.growLocked()
	return proc, failed
}

// waited is for how long w waited for a process whose start took from one moment to another.
func (w *waiter) waited(from, to time.Time) time.Duration {
	if w.since.After(from) {
		from = w.since
	}
	return max(0, to.Sub(from))
}

func (s *shelf) firstHungry(n int) (first []*waiter) {
	for _, w := range s.waiting {
		if w.hungry && len(first) < n {
			first = append(first, w)
		}
	}
	return first
}

// hear hears of a place of proc.
func (p *Pool) hear(proc *process, e runtimeapi.Event, inv *engine.Invocation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e {
	case runtimeapi.Polled:
		p.polledLocked(proc)
	case runtimeapi.Unpolled:
		proc.polls--
	case runtimeapi.Answered:
		proc.taken--
		// The deadline that it was told is far under a debugger.
		until := time.Now().Add(inv.Timeout)
		if inv.Deadline.Before(until) {
			until = inv.Deadline
		}
		proc.settling = append(proc.settling, until)
	case runtimeapi.Overdue:
		proc.taken--
		p.overdueLocked(proc, 1)
	}
	p.listLocked(proc)
	if e != runtimeapi.Answered { // which only changes what is coming from taken to settling
		p.reckonLocked(proc.shelf)
	}
}

// polledLocked counts a poll. It may be of any place that has none; the one that settles most lately is the likeliest.
func (p *Pool) polledLocked(proc *process) {
	if !proc.ready {
		proc.ready, proc.polled = true, time.Now()
	}
	proc.polls++
	if n := len(proc.settling); n > 0 {
		proc.settling = proc.settling[:n-1]
	} else if proc.overdue > 0 {
		p.overdueLocked(proc, -1)
	}
	if proc.polls+proc.taken >= p.cfg.Concurrency {
		proc.allPolled()
	}
	p.serveLocked(proc)
}

// overdueLocked counts places of proc that are overdue. With one, another process may take its place: it gets no
// invocations for as long as others are under way in it, which may be long.
func (p *Pool) overdueLocked(proc *process, more int) {
	before := proc.isAlive()
	proc.overdue += more
	switch after := proc.isAlive(); {
	case before && !after:
		p.alive--
	case after && !before:
		p.alive++
	}
}

// serveLocked gives the free places of proc to those who wait.
func (p *Pool) serveLocked(proc *process) {
	for s := proc.shelf; proc.isOpen() && len(s.waiting) > 0; {
		w := s.waiting[0]
		got := place{proc: proc}
		if proc.given < p.cfg.Concurrency { // what comes later waited for others to end
			got.init = w.waited(proc.begun, proc.polled)
		}
		p.occupyLocked(proc, w.inv)
		p.giveLocked(w, got)
	}
	if !proc.isIdle() {
		return
	}
	proc.idleSince = time.Now()
	if p.closing.Err() != nil {
		p.retireLocked(proc)
	} else if len(p.hungry) > 0 {
		p.growLocked() // it may give way to another tenant
	}
}

// release gives back a place whose invocation never reached proc.
func (p *Pool) release(proc *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	proc.taken--
	proc.polls++
	p.serveLocked(proc)
	p.listLocked(proc)
}

// dropLocked counts proc no longer: it gets no more invocations. It reports whether it did before.
func (p *Pool) dropLocked(proc *process) bool {
	if proc.gone {
		return false
	}
	if proc.isAlive() {
		p.alive--
	}
	proc.gone = true
	p.listLocked(proc)
	return true
}

// retireLocked stops an idle process.
func (p *Pool) retireLocked(proc *process) {
	if p.dropLocked(proc) {
		p.work.Go(func() { proc.stop(p.cfg.StopGrace) })
	}
}

// lost is called when proc has ended.
func (p *Pool) lost(proc *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropLocked(proc)
	p.reckonLocked(proc.shelf)
	p.growLocked()
}

// shelfOf returns the shelf of the processes that may run inv.
func (p *Pool) shelfOf(inv *engine.Invocation) *shelf {
	tenant := ""
	if p.cfg.PerTenant {
		tenant = inv.TenantID
	}
	s := p.shelves[tenant]
	if s == nil {
		if len(p.shelves) >= maxShelves {
			// The process of one may be busy. It knows its shelf; only new invocations do not find it.
			for other, s := range p.shelves {
				if len(s.open) == 0 && len(s.waiting) == 0 && s.starting == 0 {
					delete(p.shelves, other)
				}
			}
		}
		s = &shelf{}
		p.shelves[tenant] = s
	}
	return s
}
