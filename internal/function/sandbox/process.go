package sandbox

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/runtimeapi"
	"github.com/perdure/perdure/internal/core/standstill"
)

const (
	// killWait bounds how long an invocation waits for the end of a process that it killed.
	killWait = time.Second
	// outputWait bounds how long output is read after a process has ended, in
	// case a child that left its group holds the pipes open.
	outputWait = 250 * time.Millisecond
)

// process is one process of the function, with its session.
type process struct {
	os      *os.Process
	session *runtimeapi.Session
	stdout  *stream
	stderr  *stream
	exited  chan struct{}    // closed when it is dead and its output is read
	state   *os.ProcessState // how it ended; set when exited is closed

	shelf      *idleStack   // where it lies when it is idle
	idleTimer  *time.Timer  // guarded by the shelf, as is idleSince
	idleSince  time.Time    // set while it is idle
	overMemory atomic.Int64 // the bytes that it used when it was killed for that; else 0
	overTasks  atomic.Int64 // likewise its processes and threads

	mu     sync.Mutex
	reaped bool // it is dead, and its id may come to belong to another process
}

// start starts a process and waits until it polls for its first invocation.
// It returns nil, and why, if that fails. The pool must have registered work.
func (p *Pool) start(inv *engine.Invocation) (*process, engine.Outcome) {
	began := time.Now()
	proc, err := p.spawn(p.shelfOf(inv), originOf(inv))
	if err != nil {
		p.cfg.Logger.Error("cannot start a function process", "function", p.cfg.Name, "error", err)
		return nil, notStarted(inv, err)
	}
	inv.Hold(proc.traced)
	if failed := p.initialise(proc); failed != nil {
		p.crashes.note(failed)
		out := failed(inv)
		p.cfg.Logger.Warn("a function process failed to initialise", "function", p.cfg.Name, "pid", proc.os.Pid, "error", out.Error.ErrorMessage)
		return nil, out
	}
	p.crashes.note(nil)
	p.cfg.Logger.Debug("function process ready", "function", p.cfg.Name, "pid", proc.os.Pid, "init", time.Since(began))
	return proc, engine.Outcome{}
}

// initialise waits for the first poll. If it does not come, it ends the
// process and returns what becomes of invocations.
func (p *Pool) initialise(proc *process) func(*engine.Invocation) engine.Outcome {
	ctx, cancel := standstill.WithDeadline(p.closing, time.Now().Add(p.cfg.InitTimeout), holdEvery, proc.traced)
	defer cancel()
	err := proc.session.WaitIdle(ctx)
	if err == nil {
		return nil
	}
	if ctx.Err() == nil {
		// It has ended or reported an error, and may have something to add.
		proc.stop(p.cfg.StopGrace)
	}
	proc.kill()
	<-proc.exited
	p.output.sync()
	return func(inv *engine.Invocation) engine.Outcome { return p.initFailed(inv, proc, err) }
}

// spawn starts a process for a shelf, whose first output belongs to o, and the
// goroutines that read its output and await its end.
func (p *Pool) spawn(shelf *idleStack, o origin) (_ *process, err error) {
	session, err := p.attach()
	if err != nil {
		return nil, err
	}
	proc := &process{shelf: shelf, session: session, exited: make(chan struct{})}
	var files files
	defer files.closeChildEnds()
	defer func() {
		if err != nil {
			proc.session.Close()
			files.closeAll()
		}
	}()
	if err = files.open(); err != nil {
		return nil, err
	}
	proc.os, err = p.exec(proc.session.Endpoint(), files.child())
	if err != nil {
		return nil, err
	}
	limitTasks(proc.os.Pid)
	p.guardian.add(proc.os.Pid)
	proc.stdout = newStream(files.stdout, Stdout, o, p.output.push)
	proc.stderr = newStream(files.stderr, Stderr, o, p.output.push)

	p.mu.Lock()
	p.processes[proc] = struct{}{}
	p.mu.Unlock()
	p.work.Go(func() { p.await(proc) })
	if p.limitsMemory() {
		p.work.Go(func() { p.watchMemory(proc) })
	}
	return proc, nil
}

func (p *Pool) attach() (*runtimeapi.Session, error) {
	if p.cfg.OwnPort {
		return p.cfg.Runtime.AttachPort()
	}
	return p.cfg.Runtime.Attach(), nil
}

// await reads a process's output until it ends, and then cleans up after it.
func (p *Pool) await(proc *process) {
	var readers sync.WaitGroup
	readers.Go(proc.stdout.pump)
	readers.Go(proc.stderr.pump)
	state, err := reap(proc.os, func() {
		p.guardian.remove(proc.os.Pid)
		proc.killRest()
		proc.shelf.remove(proc)
	})
	if err != nil {
		p.cfg.Logger.Error("cannot await a function process", "function", p.cfg.Name, "pid", proc.os.Pid, "error", err)
	}
	proc.state = state
	proc.stdout.endBy(time.Now().Add(outputWait))
	proc.stderr.endBy(time.Now().Add(outputWait))
	readers.Wait()
	close(proc.exited)
	proc.session.Close()

	p.mu.Lock()
	delete(p.processes, proc)
	p.mu.Unlock()
	p.cfg.Logger.Debug("function process ended", "function", p.cfg.Name, "pid", proc.os.Pid, "state", describe(state))
}

func (proc *process) hasExited() bool {
	proc.mu.Lock()
	defer proc.mu.Unlock()
	return proc.reaped
}

func (proc *process) awaitExit(limit time.Duration) {
	select {
	case <-proc.exited:
	case <-time.After(limit):
	}
}

// killRest kills what the process leaves behind in its group. It is the last
// signal to the group: when it returns, the process id is free to be used again.
func (proc *process) killRest() {
	proc.mu.Lock()
	defer proc.mu.Unlock()
	signalGroup(proc.os, syscall.SIGKILL)
	proc.reaped = true
}

func (proc *process) kill() { proc.signal(syscall.SIGKILL) }

func (proc *process) signal(sig syscall.Signal) {
	proc.mu.Lock()
	defer proc.mu.Unlock()
	if !proc.reaped {
		signalGroup(proc.os, sig)
	}
}

// stop asks the process to end and kills it after grace.
func (proc *process) stop(grace time.Duration) {
	proc.signal(syscall.SIGTERM)
	proc.awaitExit(grace)
	proc.kill()
}

// tag says which invocation the output from now on belongs to.
func (proc *process) tag(o origin) {
	proc.stdout.tag(o)
	proc.stderr.tag(o)
}

// flush passes on what the process has written so far.
func (proc *process) flush() {
	proc.stdout.flush()
	proc.stderr.flush()
}

// files are the standard files of a process: our ends and the child's.
type files struct {
	stdin                    *os.File
	stdout, stderr           *os.File
	childStdout, childStderr *os.File
}

func (f *files) open() error {
	var err1, err2, err3 error
	f.stdin, err1 = os.Open(os.DevNull)
	f.stdout, f.childStdout, err2 = os.Pipe()
	f.stderr, f.childStderr, err3 = os.Pipe()
	return errors.Join(err1, err2, err3)
}

func (f *files) child() []*os.File { return []*os.File{f.stdin, f.childStdout, f.childStderr} }

func (f *files) closeChildEnds() {
	f.stdin.Close()
	f.childStdout.Close()
	f.childStderr.Close()
}

func (f *files) closeAll() {
	f.stdout.Close()
	f.stderr.Close()
}

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

// Function returns which function version the pool runs.
func (p *Pool) Function() (name, version string) { return p.cfg.Name, p.cfg.Version }

// Processes returns how many processes the pool has, and how many of them wait for an invocation.
func (p *Pool) Processes() (all, idle int) {
	p.mu.Lock()
	all = len(p.processes)
	p.mu.Unlock()
	return all, p.idle.len()
}

// holdEvery is how often one looks whether a debugger is still at a process whose time is over.
const holdEvery = 250 * time.Millisecond

// traced reports whether a debugger is at the process, or at one that it
// started: nothing of it runs then unless somebody lets it.
func (proc *process) traced() bool {
	return !proc.hasExited() && isTraced(proc.os.Pid)
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

// tasksEvery is how often one looks whether there are too many.
const tasksEvery = 100 * time.Millisecond

// watchTasks kills process groups that have grown beyond maxTasks, until the pool is closed. The kernel's limit,
// see limitTasks, is per user and does not hold for root. All processes are looked at only when there are many more
// of them than there were.
func (p *Pool) watchTasks() {
	ticker := time.NewTicker(tasksEvery)
	defer ticker.Stop()
	least := countTasks()
	for {
		select {
		case <-ticker.C:
		case <-p.closing.Done():
			return
		}
		p.mu.Lock()
		idle := len(p.processes) == 0
		p.mu.Unlock()
		if idle {
			continue
		}
		n := countTasks()
		if least = min(least, n); n-least < maxTasks {
			continue
		}
		least = n // should they be somebody else's, do not look again and again
		byGroup := tasksOfGroups()
		p.mu.Lock()
		for proc := range p.processes {
			if n := byGroup[proc.os.Pid]; n > maxTasks && !proc.hasExited() {
				proc.overTasks.Store(int64(n))
				proc.kill()
			}
		}
		p.mu.Unlock()
	}
}
