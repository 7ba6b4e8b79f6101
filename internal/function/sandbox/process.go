package sandbox

import (
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
	starved bool             // it was killed, and the system had to kill for memory while it ran; likewise

	shelf     *shelf
	load                    // guarded by the pool's mu
	full      chan struct{} // closed when it has polled at all of its places, by allPolled
	allPolled func()
	names     *names // of its invocations; nil if it has one place

	tagging  sync.Mutex   // held while what its output belongs to is found out and said
	held     func() bool  // reports whether a debugger is at it
	looked   atomic.Int64 // when one last looked for a debugger, in nanoseconds
	heldThen atomic.Bool  // what was found then

	oomKills   int          // of the system, before it was started
	overMemory atomic.Int64 // the bytes that it used when it was killed for that; else 0
	overTasks  atomic.Int64 // likewise its processes and threads

	mu     sync.Mutex
	reaped bool // it is dead, and its id may come to belong to another process
}

// failing is how an invocation fails.
type failing func(*engine.Invocation) engine.Outcome

// start starts a process for a shelf, whose first output belongs to inv, and waits until it polls for its first
// invocation. It returns nil, and how invocations fail that wanted the process, if that fails. The pool must have
// registered work, and counted the process.
func (p *Pool) start(s *shelf, inv *engine.Invocation) (*process, failing) {
	proc, err := p.spawn(s, originOf(inv))
	if err != nil {
		p.mu.Lock()
		p.alive--
		p.mu.Unlock()
		p.cfg.Logger.Error("cannot start a function process", "function", p.cfg.Name, "error", err)
		return nil, func(inv *engine.Invocation) engine.Outcome { return notStarted(inv, err) }
	}
	inv.Hold(proc.held)
	if failed := p.initialise(proc); failed != nil {
		p.crashes.note(failed)
		p.cfg.Logger.Warn("a function process failed to initialise", "function", p.cfg.Name, "pid", proc.os.Pid,
			"error", failed(inv).Error.ErrorMessage)
		return nil, failed
	}
	p.crashes.note(nil)
	p.cfg.Logger.Debug("function process ready", "function", p.cfg.Name, "pid", proc.os.Pid, "init",
		time.Since(proc.begun))
	return proc, nil
}

// initialise waits for the first poll. If it does not come, it ends the
// process and returns what becomes of invocations.
func (p *Pool) initialise(proc *process) failing {
	ctx, cancel := standstill.WithDeadline(p.closing, time.Now().Add(p.cfg.InitTimeout), holdEvery, proc.held)
	defer cancel()
	err := proc.session.WaitReady(ctx)
	if err == nil {
		return nil
	}
	if ctx.Err() == nil {
		// It has ended or reported an error, and may have something to add.
		proc.stop(p.cfg.StopGrace)
	}
	proc.kill()
	<-proc.exited
	p.output.sync(p.graces.output)
	return func(inv *engine.Invocation) engine.Outcome { return p.initFailed(inv, proc, err) }
}

// spawn starts a process for a shelf, whose first output belongs to o, and the
// goroutines that read its output and await its end.
func (p *Pool) spawn(s *shelf, o origin) (_ *process, err error) {
	proc := &process{shelf: s, load: load{begun: time.Now()}, exited: make(chan struct{}), full: make(chan struct{})}
	proc.held = proc.isHeld
	proc.allPolled = sync.OnceFunc(func() { close(proc.full) })
	if p.cfg.Concurrency > 1 {
		proc.names = newNames(p.cfg.Concurrency)
	}
	if proc.session, err = p.attach(proc); err != nil {
		return nil, err
	}
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
	proc.oomKills = oomKills()
	proc.os, err = p.exec(proc.session.Endpoint(), files.child())
	if err != nil {
		return nil, err
	}
	limitTasks(proc.os.Pid)
	p.guardian.add(proc.os.Pid)
	proc.stdout = newStream(files.stdout, Stdout, o, proc.names, p.output.push)
	proc.stderr = newStream(files.stderr, Stderr, o, proc.names, p.output.push)

	p.mu.Lock()
	p.processes[proc] = struct{}{}
	proc.started = true
	p.serveLocked(proc)
	p.listLocked(proc)
	p.mu.Unlock()
	p.work.Go(func() { p.await(proc) })
	if p.limitsMemory() {
		p.work.Go(func() { p.watchMemory(proc) })
	}
	return proc, nil
}

func (p *Pool) attach(proc *process) (*runtimeapi.Session, error) {
	hear := func(e runtimeapi.Event, inv *engine.Invocation) { p.hear(proc, e, inv) }
	if p.cfg.OwnPort {
		return p.cfg.Runtime.AttachPort(p.cfg.Concurrency, hear)
	}
	return p.cfg.Runtime.Attach(p.cfg.Concurrency, hear), nil
}

// await reads a process's output until it ends, and then cleans up after it.
func (p *Pool) await(proc *process) {
	var readers sync.WaitGroup
	readers.Go(proc.stdout.pump)
	readers.Go(proc.stderr.pump)
	state, err := reap(proc.os, func() {
		p.guardian.remove(proc.os.Pid)
		proc.killRest()
		p.lost(proc)
	})
	if err != nil {
		p.cfg.Logger.Error("cannot await a function process", "function", p.cfg.Name, "pid", proc.os.Pid, "error", err)
	}
	proc.state, proc.starved = state, isKilled(state) && oomKills() > proc.oomKills
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

// awaitPolls waits until the process has polled at all of its places, or the time of limit.
func (proc *process) awaitPolls(limit time.Duration) {
	select {
	case <-proc.full:
	case <-proc.exited:
	case <-time.After(limit):
	}
}

// enter says which invocation the output from now on belongs to, unless it says so itself: inv, if that is alone in the
// process. It is called before the process knows of inv.
func (p *Pool) enter(proc *process, inv *engine.Invocation) {
	proc.tagging.Lock()
	defer proc.tagging.Unlock()
	p.mu.Lock()
	o := proc.sole
	if proc.mixed {
		o = origin{}
	}
	p.mu.Unlock()
	proc.stdout.tag(o)
	proc.stderr.tag(o)
	proc.names.begin(originOf(inv))
}

// leave is called when inv has ended.
func (proc *process) leave(inv *engine.Invocation) { proc.names.end(inv.RequestID) }

// flush passes on what the process has written so far.
func (proc *process) flush() {
	proc.stdout.flush()
	proc.stderr.flush()
}
