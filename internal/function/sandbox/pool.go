package sandbox

import (
	"context"
	"errors"
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
	// minInit and maxInit bound the default of Config.InitTimeout.
	minInit, maxInit = 10 * time.Second, 30 * time.Second
	// heldOff takes the place of all time limits with Config.NoTimeout.
	heldOff = 24 * time.Hour
)

// DefaultProcesses is the default of Config.MaxProcesses.
const DefaultProcesses = 100

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
	// MaxProcesses bounds the processes; the default is 100. Invocations that find no place in them wait for as long
	// as an initialisation may take. Those with an overdue invocation do not count, up to as many.
	MaxProcesses int
	// Concurrency is how many invocations one process may run at one time, the default is 1. With more, the function's
	// runtime client must understand AWS_LAMBDA_MAX_CONCURRENCY, as those for Managed Instances do.
	Concurrency int
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
	setDefault(&c.MaxProcesses, DefaultProcesses)
	setDefault(&c.Concurrency, 1)
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
	graces   graces
	spawner  *spawner
	guardian guardian
	output   *output
	crashes  crashes

	closing    context.Context // done when Close begins
	beginClose context.CancelFunc
	closed     chan struct{}  // closed when nothing is left
	work       sync.WaitGroup // invocations, and goroutines of processes

	mu        sync.Mutex // guards what follows; held to begin work and to begin Close
	processes map[*process]struct{}
	alive     int               // processes that may get invocations, and those that are being started
	shelves   map[string]*shelf // by tenant
	hungry    []*waiter         // of all shelves, oldest first
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
		graces:    usualGraces,
		spawner:   newSpawner(),
		output:    newOutput(cfg.Output),
		closed:    make(chan struct{}),
		processes: make(map[*process]struct{}),
		shelves:   make(map[string]*shelf),
	}
	p.guardian.log = cfg.Logger
	p.closing, p.beginClose = context.WithCancel(context.Background())
	keepDescriptors()
	go p.watch()
	return p, nil
}

// Invoke implements [engine.Invoker]. When it returns, the complete lines that the function wrote before it
// answered have reached Config.Output, unless that is very slow.
func (p *Pool) Invoke(ctx context.Context, inv *engine.Invocation) engine.Outcome {
	if !p.begin() {
		return unstarted(inv, protocol.ErrorTypeSandboxFailure, "the sandbox is closed")
	}
	defer p.work.Done()
	init := time.Duration(0)
	for try := 1; ; try++ {
		out, again := p.try(ctx, inv)
		init += out.Init
		if !again || try == maxTries || ctx.Err() != nil {
			out.Init = init
			return out
		}
	}
}

// try runs inv at the next free place. again says that the process there has ended before it knew of inv.
func (p *Pool) try(ctx context.Context, inv *engine.Invocation) (out engine.Outcome, again bool) {
	got := p.acquire(ctx, inv)
	switch {
	case got.proc == nil:
		out = got.failed
	case ctx.Err() != nil: // or the process would get it, and be killed for it
		p.release(got.proc)
		out = cancelled(inv)
	default:
		out = p.invoke(ctx, got.proc, inv)
		p.output.sync(p.graces.output)
		again = out.Unstarted
	}
	out.Init = got.init
	return out, again
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

// handOver returns inv with the deadline that holds from now on, and ctx with it; neither holds while a debugger is at
// the process. The payload moves to what it returns, because it may be large: then nobody keeps it once the process
// has it.
func (p *Pool) handOver(ctx context.Context, proc *process,
	inv *engine.Invocation) (*engine.Invocation, context.Context, context.CancelFunc) {
	inv.Hold(proc.held)
	bounded := *inv
	inv.Payload = nil
	bounded.Timeout = p.timeout(inv)
	now := time.Now()
	bounded.Deadline = now.Add(bounded.Timeout)
	ctx, cancel := standstill.WithDeadline(ctx, bounded.Deadline, holdEvery, proc.held)
	if proc.heldLately(now) {
		bounded.Deadline = now.Add(heldOff) // it ends its work by what it is told
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

// invoke runs inv at a place of proc. The outcome is Unstarted if the process never knew of the invocation.
func (p *Pool) invoke(ctx context.Context, proc *process, inv *engine.Invocation) engine.Outcome {
	given := inv
	inv, ctx, cancel := p.handOver(ctx, proc, inv)
	defer cancel()
	p.enter(proc, inv)
	defer proc.leave(inv)
	out, err := proc.session.Invoke(ctx, inv)
	switch {
	case err == nil:
		proc.flush()
		return out
	case errors.Is(err, runtimeapi.ErrBroken), errors.Is(err, runtimeapi.ErrBusy):
		given.Payload = inv.Payload
		p.release(proc)
		return unstarted(inv, protocol.ErrorTypeSandboxFailure, err.Error())
	case ctx.Err() != nil && errors.Is(err, runtimeapi.ErrNotTaken):
		p.release(proc)
	}
	if ctx.Err() != nil {
		p.killIfAlone(proc)
		out = interrupted(ctx, inv)
	} else {
		<-proc.exited
		out = p.exited(inv, proc)
	}
	if out.Unstarted = errors.Is(err, runtimeapi.ErrNotTaken); out.Unstarted {
		given.Payload = inv.Payload
	}
	return out
}

// killIfAlone kills a process from which an invocation was withdrawn, and waits a while for its end. As on Managed
// Instances, it goes on if other invocations are under way in it; see watchTime for its end.
func (p *Pool) killIfAlone(proc *process) {
	p.mu.Lock()
	others := proc.taken
	if others == 0 {
		p.dropLocked(proc)
	}
	p.mu.Unlock()
	if others == 0 {
		proc.kill()
		proc.awaitExit(killWait)
	}
}

// Close refuses new invocations, waits for those under way, and ends the processes: with SIGTERM, and SIGKILL after
// Config.StopGrace. When ctx is done it kills what is left, and returns ctx's error. Either way no process is left
// when it returns.
func (p *Pool) Close(ctx context.Context) error {
	p.mu.Lock()
	again := p.closing.Err() != nil
	p.beginClose()
	for proc := range p.processes {
		if proc.isIdle() {
			p.retireLocked(proc)
		}
	}
	p.mu.Unlock()
	unforced := context.AfterFunc(ctx, p.killAll)
	p.work.Wait()
	forced := !unforced()
	if !again {
		close(p.closed)
	}
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
	p.mu.Lock()
	s := p.shelfOf(inv)
	if len(s.open) > 0 || !p.makeRoomLocked() {
		p.mu.Unlock()
		return nil
	}
	p.beginLaunchLocked(s)
	p.mu.Unlock()
	proc, failed := p.launch(s, inv)
	if failed != nil {
		return failed(inv).Error
	}
	proc.flush()
	p.output.sync(p.graces.output)
	return nil
}
