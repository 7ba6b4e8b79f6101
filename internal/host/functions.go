package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/runtimeapi"
	"github.com/perdure/perdure/internal/function/attached"
	"github.com/perdure/perdure/internal/function/build"
	"github.com/perdure/perdure/internal/function/httpfunction"
	"github.com/perdure/perdure/internal/function/project"
	"github.com/perdure/perdure/internal/function/runtimes"
	"github.com/perdure/perdure/internal/function/sandbox"
	"github.com/perdure/perdure/protocol"
)

const (
	// region and account are those of an engine's functions.
	region  = "us-east-1"
	account = "000000000000"
	// workerPatience is how long an invocation waits for a free worker.
	workerPatience = 24 * time.Hour
)

// Install builds programs if need be, registers them, and returns those that can run. It registers none before all
// are ready: known functions go on at once, and their processes would delay the rest. A function of a template that
// cannot run keeps no other from it; leftOut hears why.
func (h *Host) Install(
	ctx context.Context, s *project.Settings, programs []project.Program, leftOut func(*project.Program, error),
) (served []project.Program, err error) {
	var ready []*runtimes.Process
	for _, p := range programs {
		var proc *runtimes.Process
		var err error
		if !p.IsElsewhere() {
			proc, err = h.Prepare(ctx, &p)
		}
		if err != nil && (ctx.Err() != nil || p.Spec == nil || len(programs) == 1) {
			return nil, err
		}
		if err != nil {
			leftOut(&p, err)
			continue
		}
		served, ready = append(served, p), append(ready, proc)
	}
	if len(served) == 0 && len(programs) > 0 {
		return nil, &build.Error{Message: "none of the functions can be run", Hint: "the lines above say why"}
	}
	for i := range served {
		if err := h.register(ctx, s, &served[i], ready[i]); err != nil {
			return nil, err
		}
	}
	return served, nil
}

// register registers p, run by processes of proc unless it is elsewhere.
func (h *Host) register(ctx context.Context, s *project.Settings, p *project.Program,
	proc *runtimes.Process) (err error) {
	fn := p.Function(s)
	switch {
	case p.Attached:
		fn.Invoker = h.workers.Function(attached.Settings{
			Name: fn.Name, Version: protocol.LatestVersion, Timeout: fn.Timeout, MemoryMB: fn.MemoryMB, Region: region,
			Account: account,
		})
		fn.StartTimeout = workerPatience
	case p.IsEndpoint():
		fn.Concurrency = 1
		if fn.Invoker, err = httpfunction.New(httpfunction.Config{URL: p.Path, Timeout: fn.Timeout}); err != nil {
			return &build.Error{Message: err.Error()}
		}
	default:
		code := &Code{Function: fn, Process: proc, Env: p.Environment(s)}
		invoker, err := h.Run(code)
		if err != nil {
			return err
		}
		fn, fn.Invoker = code.Function, invoker
	}
	if h.opts.Invoked != nil {
		fn.Invoker = observed{fn.Invoker, h.opts.Invoked}
	}
	if err := h.Engine.Functions().Register(fn); err != nil {
		return err
	}
	return PointAliases(ctx, h.Engine, p)
}

// observed is an invoker that tells somebody of each invocation.
type observed struct {
	engine.Invoker
	told func(*engine.Invocation)
}

// Invoke implements [engine.Invoker].
func (o observed) Invoke(ctx context.Context, inv *engine.Invocation) engine.Outcome {
	o.told(inv)
	return o.Invoker.Invoke(ctx, inv)
}

// Purpose is the purpose of processes.
type Purpose int

const (
	Serving   Purpose = iota // invocations
	Debugging                // invocations, of one process under a debugger, which have no time limits
	// Rehearsing is trying recorded executions. The processes' output is not shown: it was shown before.
	Rehearsing
)

// Code is a function's newest code, and how to run it.
type Code struct {
	// Function is the function. [Host.Run] completes its Runtime, Handler, Environment and Concurrency.
	Function engine.Function
	Process  *runtimes.Process
	Env      map[string]string // the function's own
	For      Purpose
}

// Running is code that has processes.
type Running interface {
	engine.Freezer
	// Warm starts a process. If that ends before it has asked for an invocation, Warm returns why.
	Warm(ctx context.Context) *protocol.ErrorObject
	// Close ends the processes after the invocations under way, or when ctx is done. It may be called again. The
	// host closes the rest at its own end.
	Close(ctx context.Context) error
}

// Run runs code until it is closed. For a rehearsal it refuses code that does not know rehearsals, with
// [ErrNoRehearsal].
func (h *Host) Run(c *Code) (Running, error) {
	fn := &c.Function
	fn.Runtime = cmp.Or(fn.Runtime, c.Process.Runtime, "provided.al2023")
	fn.Handler = cmp.Or(fn.Handler, c.Process.Handler, filepath.Base(c.Process.Command[0]))
	fn.Environment = slices.Sorted(maps.Keys(c.Env))
	fits := sandbox.DefaultProcesses * c.perProcess()
	fn.Concurrency = cmp.Or(fn.Concurrency, min(fits, protocol.DefaultConcurrency))
	cfg := c.config(h.doors.runtime)
	if c.For == Rehearsing {
		if !knowsRehearsals(c.Process) {
			return nil, ErrNoRehearsal
		}
		pool, err := sandbox.New(cfg)
		return &deployed{Pool: pool}, err
	}
	pool, err := h.newPool(cfg)
	return &deployed{pool, h, c}, err
}

const (
	// DefaultPerProcess is how many invocations a process of a function in Go with package durable runs at one time,
	// unless somebody says it.
	DefaultPerProcess = 32
	// memoryEach is the memory in MiB that a process must have for each of these: Lambda's Managed Instances have as
	// much with the default for Node.js, 64 for 2 GiB.
	memoryEach = 32
)

// perProcess is how many invocations a process of c may run at one time.
func (c *Code) perProcess() int {
	memory := c.Function.MemoryMB
	switch {
	case c.For != Serving:
		return 1
	case c.Function.PerProcess > 0:
		return c.Function.PerProcess
	case !c.Process.LinksDurable():
		return 1
	case memory == 0:
		return DefaultPerProcess
	}
	return min(DefaultPerProcess, max(memory/memoryEach, 1))
}

// config are the settings of processes that run c.
func (c *Code) config(runtime *runtimeapi.Server) sandbox.Config {
	fn, proc := &c.Function, c.Process
	cfg := sandbox.Config{
		Name: fn.Name, Version: fn.Version, MemoryMB: fn.MemoryMB, PerTenant: fn.PerTenant, Timeout: fn.Timeout,
		Command: proc.Command, Handler: proc.Handler, OwnPort: proc.OwnPort, Dir: proc.Dir, RuntimeEnv: proc.Env,
		Env: c.Env, Runtime: runtime, Concurrency: c.perProcess(),
	}
	if fn.Concurrency > 0 {
		cfg.MaxProcesses = (fn.Concurrency + cfg.Concurrency - 1) / cfg.Concurrency
	}
	if cfg.Concurrency > 1 && strings.HasPrefix(proc.Runtime, "nodejs") {
		// Its client has so many threads, each with a poll; else it has 8 for each processor.
		cfg.RuntimeEnv = maps.Clone(proc.Env)
		cfg.RuntimeEnv["AWS_LAMBDA_NODEJS_WORKER_COUNT"] = strconv.Itoa(cfg.Concurrency)
	}
	switch c.For {
	case Debugging:
		cfg.NoTimeout, cfg.MaxProcesses, cfg.IdleTimeout = true, 1, fn.Timeout
	case Rehearsing:
		cfg.MaxProcesses, cfg.StopGrace = 1, 100*time.Millisecond
	}
	return cfg
}

// newPool returns a pool whose functions find the engine; the engine keeps their output, which is shown, too.
func (h *Host) newPool(cfg sandbox.Config) (*sandbox.Pool, error) {
	show := func(engine.LogLine) {}
	if h.opts.Output != nil {
		show = Throttled(h.opts.Output(cfg.Name, cfg.Version))
	}
	cfg.LambdaEndpoint = h.doors.endpointOf(cfg.Name)
	cfg.Output = func(line engine.LogLine) {
		h.Engine.Log(line)
		show(line)
	}
	h.poolsMu.Lock()
	defer h.poolsMu.Unlock()
	if h.ended {
		return nil, errors.New("the engine is stopping")
	}
	pool, err := sandbox.New(cfg)
	if err == nil {
		h.pools = append(h.pools, pool)
	}
	return pool, err
}

// end ends a pool of newPool, and forgets it.
func (h *Host) end(ctx context.Context, pool *sandbox.Pool) error {
	err := pool.Close(ctx)
	h.poolsMu.Lock()
	defer h.poolsMu.Unlock()
	h.pools = slices.DeleteFunc(h.pools, func(p *sandbox.Pool) bool { return p == pool })
	return err
}

func (h *Host) allPools() []*sandbox.Pool {
	h.poolsMu.Lock()
	defer h.poolsMu.Unlock()
	return slices.Clone(h.pools)
}

// Bounds of a function's output that is shown within a second. It may go to a file, and a function that writes
// without end must not fill a disk.
const (
	maxShownLines = 1000
	maxShownBytes = 256 << 10
)

// Throttled wraps show: it leaves out lines when too many come, and says how many.
func Throttled(show func(engine.LogLine)) func(engine.LogLine) {
	var mu sync.Mutex
	var second int64
	var lines, bytes, hidden int
	return func(line engine.LogLine) {
		mu.Lock()
		defer mu.Unlock()
		if now := time.Now().Unix(); now != second {
			if hidden > 0 {
				notice := line
				notice.Stream, notice.Text = sandbox.Notice,
					fmt.Sprintf("%d lines are not shown: the function writes too fast", hidden)
				show(notice)
			}
			second, lines, bytes, hidden = now, 0, 0, 0
		}
		if lines >= maxShownLines || bytes > maxShownBytes {
			hidden++
			return
		}
		lines++
		bytes += len(line.Text)
		show(line)
	}
}

// PublishAliases publishes p as a deployment of the template would: if it has aliases and has changed, it publishes
// a version and moves the aliases to it.
func (h *Host) PublishAliases(ctx context.Context, p *project.Program) error {
	if p.Spec == nil || len(p.Spec.Aliases) == 0 {
		return nil
	}
	c, err := h.Engine.Functions().PublishVersion(ctx, &engine.PublishRequest{Function: p.Name})
	if err != nil {
		return fmt.Errorf("%s could not be published: %v", p.Name, err)
	}
	for _, name := range p.Spec.Aliases {
		if _, err := h.Engine.Functions().UpdateAlias(ctx,
			&engine.AliasChange{Function: p.Name, Name: name, Version: &c.Version}); err != nil {
			return fmt.Errorf("the alias %s of %s could not be moved: %v", name, p.Name, err)
		}
	}
	return nil
}

// PointAliases makes the template's aliases of p, unless they exist: here they point to $LATEST, the newest build.
func PointAliases(ctx context.Context, e *engine.Engine, p *project.Program) error {
	if p.Spec == nil {
		return nil
	}
	for _, name := range p.Spec.Aliases {
		latest := protocol.LatestVersion
		_, err := e.Functions().CreateAlias(ctx, &engine.AliasChange{Function: p.Name, Name: name, Version: &latest})
		if refused, ok := errors.AsType[*protocol.Error](err); err != nil &&
			!(ok && refused.Code == protocol.CodeConflict) {
			return fmt.Errorf("the alias %s of %s could not be made: %v", name, p.Name, err)
		}
	}
	return nil
}

// Unserved counts the open executions that wait because nothing runs their function, here or on another node; without
// any the list is empty, not nil.
func (h *Host) Unserved(ctx context.Context) ([]engine.OpenCount, error) {
	open, err := h.Engine.CountOpen(ctx)
	if err != nil {
		return nil, h.Fault(err)
	}
	nodes, err := h.Engine.Nodes(ctx)
	if err != nil {
		return nil, h.Fault(err)
	}
	return slices.DeleteFunc(append([]engine.OpenCount{}, open...), func(c engine.OpenCount) bool {
		f, _, err := h.Engine.Functions().Lookup(ctx, c.Function, c.Version)
		return err == nil && f.Invoker != nil || slices.ContainsFunc(nodes, func(n engine.Node) bool {
			return n.Alive && !n.Draining && !n.Self && runs(&n, &c)
		})
	}), nil
}

// runs reports whether a node can run a function version.
func runs(n *engine.Node, c *engine.OpenCount) bool {
	return slices.ContainsFunc(n.Functions, func(f engine.NodeFunction) bool {
		return f.Name == c.Function && f.Version == c.Version
	})
}
