package sandbox

import "time"

// Function returns which function version the pool runs.
func (p *Pool) Function() (name, version string) { return p.cfg.Name, p.cfg.Version }

// Processes says how many processes of a pool do what.
type Processes struct {
	Starting int // they have not asked for an invocation yet
	Busy     int
	Idle     int // they wait for an invocation
	Ending   int // they get no more invocations
}

// All is how many there are.
func (n Processes) All() int { return n.Starting + n.Busy + n.Idle + n.Ending }

// Processes returns what the processes of the pool do.
func (p *Pool) Processes() (n Processes) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for proc := range p.processes {
		switch {
		case proc.gone:
			n.Ending++
		case !proc.started || !proc.ready:
			n.Starting++
		case proc.isIdle():
			n.Idle++
		default:
			n.Busy++
		}
	}
	return n
}

// holdEvery is how often one looks whether a debugger is still at a process whose time is over.
const holdEvery = 250 * time.Millisecond

// heldEvery is how often one looks for a debugger at a process whose invocations are in time. A look takes some 100 µs.
const heldEvery = time.Second

// isHeld reports whether a debugger is at the process, or at one that it started: nothing of it runs then unless
// somebody lets it.
func (proc *process) isHeld() bool {
	held := !proc.hasExited() && isTraced(proc.os.Pid)
	proc.heldThen.Store(held)
	return held
}

// heldLately is isHeld as of at most heldEvery ago.
func (proc *process) heldLately(now time.Time) bool {
	last := proc.looked.Load()
	if now.UnixNano()-last > int64(heldEvery) && proc.looked.CompareAndSwap(last, now.UnixNano()) {
		return proc.isHeld()
	}
	return proc.heldThen.Load()
}

// memoryEvery is how often the memory of a process is looked at. What it
// allocates in between comes on top of its limit.
const memoryEvery = 100 * time.Millisecond

func (p *Pool) limitsMemory() bool { return p.cfg.MemoryMB > 0 && !p.cfg.NoTimeout }

// watchMemory kills a process that uses more memory than its function has, with its children, until it ends. There
// is no limit that the kernel would enforce for us: control groups belong to the machine's owner, and limits of the
// address space are far from what a runtime that reserves it really uses.
func (p *Pool) watchMemory(proc *process) {
	limit := int64(p.cfg.MemoryMB) << 20
	ticker := time.NewTicker(memoryEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-proc.exited:
			return
		}
		if used := memoryOf(proc.os.Pid); used > limit && !proc.hasExited() {
			proc.overMemory.Store(used)
			proc.kill()
			return
		}
	}
}

// maxTasks bounds the processes and threads of one function process and those that it started, as on Lambda.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const maxTasks = 1024

// watchEvery is how often one looks after the processes of a pool.
const watchEvery = 100 * time.Millisecond

// watch looks after processes until the pool is closed and none is left.
func (p *Pool) watch() {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	tasks := countTasks()
	for {
		select {
		case <-ticker.C:
		case <-p.closed:
			return
		}
		p.mu.Lock()
		none := len(p.processes) == 0
		p.mu.Unlock()
		if none {
			continue
		}
		p.watchTime(time.Now())
		tasks = p.watchTasks(tasks)
	}
}

// watchTime ends processes that have been idle for too long. It kills those that have places which should have polled
// long ago, when no other invocation is under way in them.
func (p *Pool) watchTime(now time.Time) {
	for _, proc := range p.late(now) {
		if proc.held() {
			continue
		}
		p.mu.Lock()
		if proc.isLate(now) {
			p.dropLocked(proc)
			proc.kill()
		}
		p.mu.Unlock()
	}
}

// late returns the processes that are to be killed unless a debugger is at them, and retires those that are idle.
func (p *Pool) late(now time.Time) (late []*process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for proc := range p.processes {
		switch {
		case proc.isLate(now):
			late = append(late, proc)
		case proc.isIdle() && now.Sub(proc.idleSince) > p.cfg.IdleTimeout:
			p.retireLocked(proc)
		}
	}
	return late
}

// isLate reports whether a process has only places that should have polled before now.
func (l *load) isLate(now time.Time) bool {
	for _, until := range l.settling {
		if until.After(now) {
			return false
		}
	}
	return l.taken == 0 && len(l.settling)+l.overdue > 0
}

// watchTasks kills process groups that have grown beyond maxTasks. The kernel's limit, see limitTasks, is per user and
// does not hold for root. All processes are looked at only when there are many more of them than there were: least. It
// returns the next least.
func (p *Pool) watchTasks(least int) int {
	n := countTasks()
	if least = min(least, n); n-least < maxTasks {
		return least
	}
	byGroup := tasksOfGroups()
	p.mu.Lock()
	defer p.mu.Unlock()
	for proc := range p.processes {
		if n := byGroup[proc.os.Pid]; n > maxTasks && !proc.hasExited() {
			proc.overTasks.Store(int64(n))
			proc.kill()
		}
	}
	return n // should they be somebody else's, do not look again and again
}
