package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/runtimeapi"
	"github.com/perdure/perdure/internal/core/standstill"
	"github.com/perdure/perdure/protocol"
)

const (
	// maxTries bounds how many processes may die under an invocation that they did not take.
	maxTries = 3
	// settleGrace is how long an invocation waits for a process that has just
	// answered and is about to poll, before another process is started.
	settleGrace = 20 * time.Millisecond
	// minInit and maxInit bound the default of Config.InitTimeout.
	minInit, maxInit = 10 * time.Second, 30 * time.Second
	// heldOff takes the place of all time limits with Config.NoTimeout.
	heldOff = 24 * time.Hour
)

// Config describes a function version and how to run it. Command and Runtime are required.
type Config struct {
	// Name and Version are the function's; the default version is $LATEST.
	Name    string
	Version string

	// Command is the program and its arguments. A name without a slash is
	// looked for in PATH; a relative path starts from Dir.
	Command []string
	// Dir is the working directory and LAMBDA_TASK_ROOT; the default is the engine's working directory.
	Dir string
	// Handler is the value of _HANDLER; the default is the program's name.
	Handler string
	// OwnPort gives each process a port of its own for the Runtime API, in place of a path: for clients that take
	// AWS_LAMBDA_RUNTIME_API to be HOST:PORT, as on Lambda. A path guards better, if the client knows what to do
	// with one.
	OwnPort bool
	// Env is the function's own environment. It takes precedence over what a process inherits, over RuntimeEnv and
	// over the defaults (credentials that are no credentials, TZ=:UTC as on Lambda), but not over what identifies
	// the function and its runtime.
	Env map[string]string
	// RuntimeEnv is what the function's language needs; see package runtimes.
	RuntimeEnv map[string]string
	// MemoryMB is the memory of one process, with its children, in MiB. One that uses more is killed, where we can
	// tell; see the package. Zero sets no limit, and the function is told 128.
	MemoryMB int

	// Timeout is the function's timeout, 3 s by default, for invocations that have none. It runs from the moment at
	// which the function has the invocation.
	Timeout time.Duration
	// NoTimeout holds all limits off that a function under a debugger would run into: those of time, for a day, and
	// that of memory. The engine's own limit, engine.Function.Timeout, must be as long.
	NoTimeout bool
	// InitTimeout bounds the time from a process's start to its first poll, which is not part of any invocation's.
	// The default is 10 s or, if that is more, Timeout up to 30 s: Lambda starts an initialisation that takes
	// longer than 10 s once more, within the function's timeout.
	InitTimeout time.Duration
	// IdleTimeout is how long a process stays without work; the default is 5 min.
	IdleTimeout time.Duration
	// StopGrace is the time between SIGTERM and SIGKILL; the default is 2 s.
	StopGrace time.Duration
	// MaxProcesses bounds the processes; the default is 100. Invocations
	// beyond it wait for as long as an initialisation may take.
	MaxProcesses int
	// PerTenant keeps a process that has served a tenant for that tenant.
	PerTenant bool

	Region  string // AWS_REGION; the default is us-east-1
	Account string // AWS_ACCOUNT_ID; the default is 000000000000
	// LambdaEndpoint is the URL of the Lambda API that the function uses.
	LambdaEndpoint string

	// Runtime serves the Runtime API. It must outlive the pool.
	Runtime *runtimeapi.Server
	// Output receives what the processes write, from one goroutine at a time. It may be slow: lines that find too
	// much waiting are dropped, counted, and the count reported as a line. One longer than 256 KiB is cut, with a
	// mark, and a carriage return ends a line, too: AWS's runtime clients write them within one message. Nil
	// discards.
	Output func(engine.LogLine)
	// Logger receives starts and ends of processes; nil discards.
	Logger *slog.Logger
}

func (c *Config) setDefaults() {
	setDefault(&c.Version, protocol.LatestVersion)
	setDefault(&c.Handler, filepath.Base(c.Command[0]))
	setDefault(&c.Timeout, 3*time.Second)
	if c.NoTimeout {
		c.InitTimeout = heldOff
	}
	setDefault(&c.InitTimeout, min(max(c.Timeout, minInit), maxInit))
	setDefault(&c.IdleTimeout, 5*time.Minute)
	setDefault(&c.StopGrace, 2*time.Second)
	setDefault(&c.MaxProcesses, 100)
	setDefault(&c.Region, "us-east-1")
	setDefault(&c.Account, "000000000000")
	setDefault(&c.Logger, slog.New(slog.DiscardHandler))
}

func setDefault[T comparable](p *T, value T) {
	var zero T
	if *p == zero {
		*p = value
	}
}

// Pool runs one version of a function in processes of this machine. Its methods may be called concurrently.
type Pool struct {
	cfg      Config
	spawner  *spawner
	guardian guardian
	output   *output
	idle     shelves
	slots    chan struct{} // holds one value for each process that is not idle
	crashes  crashes

	closing    context.Context // done when Close begins
	beginClose context.CancelFunc
	work       sync.WaitGroup // invocations, and goroutines of processes

	mu        sync.Mutex // guards processes; held to begin work and to begin Close
	processes map[*process]struct{}
}

var _ engine.Invoker = (*Pool)(nil)

// New makes a pool. It starts no process before the first invocation.
func New(cfg Config) (*Pool, error) {
	if cfg.Runtime == nil {
		return nil, errors.New("sandbox: Config.Runtime is missing")
	}
	if len(cfg.Command) == 0 || cfg.Command[0] == "" {
		return nil, errors.New("sandbox: Config.Command is empty: name the function's binary")
	}
	cfg.setDefaults()
	p := &Pool{
		cfg:       cfg,
		spawner:   newSpawner(),
		output:    newOutput(cfg.Output),
		slots:     make(chan struct{}, cfg.MaxProcesses),
		processes: make(map[*process]struct{}),
	}
	p.guardian.log = cfg.Logger
	p.idle.byTenant = make(map[string]*idleStack)
	p.closing, p.beginClose = context.WithCancel(context.Background())
	keepDescriptors()
	p.work.Go(p.watchTasks)
	return p, nil
}

// Invoke implements [engine.Invoker]. When it returns, the complete lines that the function wrote before it
// answered have reached Config.Output, unless that is very slow.
func (p *Pool) Invoke(ctx context.Context, inv *engine.Invocation) engine.Outcome {
	if !p.begin() {
		return unstarted(inv, protocol.ErrorTypeSandboxFailure, "the sandbox is closed")
	}
	defer p.work.Done()
	for try := 1; ; try++ {
		proc, failed := p.acquire(ctx, inv)
		if proc == nil {
			return failed
		}
		out := p.invoke(ctx, proc, inv)
		if !out.Unstarted || try == maxTries || ctx.Err() != nil {
			return out
		}
	}
}

// begin registers work with the pool; false once it is closed.
func (p *Pool) begin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing.Err() != nil {
		return false
	}
	p.work.Add(1)
	return true
}

// handOver returns inv with the deadline that holds from now on, and ctx with
// it; neither holds while a debugger is at the process.
func (p *Pool) handOver(ctx context.Context, proc *process, inv *engine.Invocation) (*engine.Invocation, context.Context, context.CancelFunc) {
	inv.Hold(proc.traced)
	bounded := *inv
	bounded.Timeout = p.timeout(inv)
	bounded.Deadline = time.Now().Add(bounded.Timeout)
	ctx, cancel := standstill.WithDeadline(ctx, bounded.Deadline, holdEvery, proc.traced)
	if proc.traced() {
		bounded.Deadline = time.Now().Add(heldOff) // it ends its work by what it is told
	}
	return &bounded, ctx, cancel
}

func (p *Pool) timeout(inv *engine.Invocation) time.Duration {
	switch {
	case p.cfg.NoTimeout:
		return heldOff
	case inv.Timeout == 0:
		return p.cfg.Timeout
	}
	return inv.Timeout
}

// acquire returns a process that waits for an invocation, and holds a slot for it; or nil, and why there is none.
func (p *Pool) acquire(ctx context.Context, inv *engine.Invocation) (*process, engine.Outcome) {
	if out := p.takeSlot(ctx, inv); out != nil {
		return nil, *out
	}
	if proc := p.shelfOf(inv).take(ctx, settleGrace); proc != nil {
		return proc, engine.Outcome{}
	}
	if failed := p.crashes.recent(); failed != nil {
		<-p.slots
		return nil, failed(inv)
	}
	p.makeRoom()
	launched := make(chan launch)
	p.work.Go(func() { p.launch(ctx, inv, launched) })
	select {
	case l := <-launched:
		return l.proc, l.failed
	case <-ctx.Done():
		return nil, cancelled(inv)
	}
}

// takeSlot waits for a free slot and takes it, or says why there is none.
func (p *Pool) takeSlot(ctx context.Context, inv *engine.Invocation) *engine.Outcome {
	select {
	case p.slots <- struct{}{}:
		return nil
	default:
	}
	var failed engine.Outcome
	timer := time.NewTimer(p.cfg.InitTimeout)
	defer timer.Stop()
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		failed = cancelled(inv)
	case <-p.closing.Done():
		failed = unstarted(inv, protocol.ErrorTypeSandboxFailure, "the sandbox was closed")
	case <-timer.C:
		failed = unstarted(inv, protocol.ErrorTypeSandboxFailure,
			fmt.Sprintf("all %d processes of the function were busy for %.0f seconds", p.cfg.MaxProcesses, p.cfg.InitTimeout.Seconds()))
	}
	return &failed
}

// launch is a process that is ready, or why there is none.
type launch struct {
	proc   *process
	failed engine.Outcome
}

// launch starts a process and hands it over when it is ready. If ctx is done
// by then, the process becomes idle instead: the next invocation will want it.
func (p *Pool) launch(ctx context.Context, inv *engine.Invocation, launched chan<- launch) {
	var l launch
	l.proc, l.failed = p.start(inv)
	if l.proc == nil {
		<-p.slots
	}
	select {
	case launched <- l:
	case <-ctx.Done():
		if l.proc != nil {
			p.release(l.proc)
		}
	}
}

// invoke runs inv in proc, whose slot it gives up. The outcome is Unstarted if
// the process ended before it knew of the invocation.
func (p *Pool) invoke(ctx context.Context, proc *process, inv *engine.Invocation) engine.Outcome {
	inv, ctx, cancel := p.handOver(ctx, proc, inv)
	defer cancel()
	ends := time.Now().Add(inv.Timeout)
	defer p.output.sync()
	proc.tag(originOf(inv))
	out, err := proc.session.Invoke(ctx, inv)
	if err == nil {
		proc.flush()
		proc.shelf.expect()
		p.work.Go(func() { p.settle(proc, ends) })
		return out
	}
	p.work.Go(func() { p.bury(proc) })
	if ctx.Err() != nil {
		proc.kill()
		proc.awaitExit(killWait)
		out = interrupted(ctx, inv)
	} else {
		<-proc.exited
		out = p.exited(inv, proc)
	}
	out.Unstarted = errors.Is(err, runtimeapi.ErrNotTaken)
	return out
}

// settle waits until a process polls again after it has answered. A function may work on then, until the deadline.
func (p *Pool) settle(proc *process, deadline time.Time) {
	defer proc.shelf.arrived()
	ctx, cancel := standstill.WithDeadline(context.Background(), deadline, holdEvery, proc.traced)
	defer cancel()
	if proc.session.WaitIdle(ctx) == nil {
		p.release(proc)
		return
	}
	p.bury(proc)
}

// bury kills a process and frees its slot once it is gone.
func (p *Pool) bury(proc *process) {
	proc.kill()
	<-proc.exited
	<-p.slots
}

// release makes a process idle and frees its slot.
func (p *Pool) release(proc *process) {
	proc.shelf.put(proc)
	<-p.slots
	if p.closing.Err() != nil {
		p.retire(proc)
	}
}

// retire stops a process if it is idle.
func (p *Pool) retire(proc *process) {
	if proc.shelf.remove(proc) {
		proc.stop(p.cfg.StopGrace)
	}
}

// Close refuses new invocations, waits for those under way, and ends the processes: with SIGTERM, and SIGKILL after
// Config.StopGrace. When ctx is done it kills what is left, and returns ctx's error. Either way no process is left
// when it returns.
func (p *Pool) Close(ctx context.Context) error {
	p.mu.Lock()
	p.beginClose()
	p.mu.Unlock()
	for proc := p.idle.takeOldest(); proc != nil; proc = p.idle.takeOldest() {
		go proc.stop(p.cfg.StopGrace)
	}
	unforced := context.AfterFunc(ctx, p.killAll)
	p.work.Wait()
	forced := !unforced()
	p.spawner.stop()
	p.guardian.dismiss()
	p.output.close()
	if forced {
		return ctx.Err()
	}
	return nil
}

func (p *Pool) killAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for proc := range p.processes {
		proc.kill()
	}
}

// Warm starts a process that waits for the next invocation, unless there is one. It returns when the process is
// ready, with nil, or when it is known that it will not be, with what the invocation would have failed with. Either
// way, what the process has written has reached Config.Output.
func (p *Pool) Warm(ctx context.Context) *protocol.ErrorObject {
	inv := &engine.Invocation{RequestID: "-"}
	if !p.begin() {
		return unstarted(inv, protocol.ErrorTypeSandboxFailure, "the sandbox is closed").Error
	}
	defer p.work.Done()
	if failed := p.takeSlot(ctx, inv); failed != nil {
		return failed.Error
	}
	if idle := p.shelfOf(inv).take(ctx, 0); idle != nil {
		p.release(idle)
		return nil
	}
	proc, failed := p.start(inv)
	if proc == nil {
		<-p.slots
		return failed.Error
	}
	proc.flush()
	p.output.sync()
	p.release(proc)
	return nil
}
