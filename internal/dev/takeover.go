package dev

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/cli/progress"
	"github.com/perdure/perdure/internal/function/build"
	"github.com/perdure/perdure/internal/host"
	"github.com/perdure/perdure/protocol"
)

// takeOver runs a build in the place of the one before.
func (f *function) takeOver(ctx context.Context, b *build.Build, began time.Time) error {
	l := f.loop
	proc, err := l.host.Process(ctx, &f.Program, b, func(line string) {
		if l.isNews(f.Name + ": " + line) {
			f.say(Plain, "%s", line)
		}
	})
	if err != nil {
		return err
	}
	code := &host.Code{Function: f.Function(l.Settings), Process: proc, Env: f.Environment(l.Settings)}
	verdicts := f.rehearseAll(ctx, *code)
	if f.isDebugged() {
		f.release()
		f.underDebugger(code)
	}
	next, err := l.host.Run(code)
	if err != nil {
		return err
	}
	if f.build != nil {
		if err := warm(ctx, next); err != nil {
			_ = next.Close(context.Background())
			return err
		}
	}
	f.use(next, b)
	code.Function.Invoker = &f.invoker
	if err := l.engine.Functions().Register(code.Function); err != nil {
		return err
	}
	if err := f.moveAliases(ctx); err != nil {
		return err
	}
	took, first := shortTime(time.Since(began)), f.build == nil
	f.build, f.since = b, time.Now()
	if first {
		f.say(good, "%s in %s (%s)", verbOf(b.Method), took, here(f.Path))
	} else {
		f.say(good, "reloaded in %s", took)
	}
	f.tell(verdicts)
	if !first {
		f.resumeCrashed(ctx)
	}
	f.prune()
	if f.isDebugged() {
		l.work.Go(func() { f.invite(ctx, next) })
	}
	return nil
}

// maxResumed bounds the executions that a build lets go on.
const maxResumed = 100

// resumeCrashed lets executions go on that are paused because the builds before crashed: this one may be mended.
func (f *function) resumeCrashed(ctx context.Context) {
	e := f.loop.engine
	paused, _, err := e.List(ctx, &engine.ListRequest{MaxItems: maxResumed, Filter: engine.Filter{
		Function: f.Name, Qualifier: protocol.LatestVersion,
		Statuses: []protocol.ExecutionStatus{protocol.ExecutionPaused},
	}})
	var resumed []string
	for _, x := range paused {
		d, err := e.Describe(ctx, x.ARN)
		if err != nil || d.Pause == nil || d.Pause.By != engine.ByCrashLimit {
			continue
		}
		if e.Resume(ctx, &engine.ResumeRequest{ARN: x.ARN, By: "perdure dev, with a new build"}) == nil {
			resumed = append(resumed, f.loop.followers.label(x.ARN))
		}
	}
	switch {
	case err != nil:
		f.say(Warn, "executions that crashed may still be paused: %v", err)
	case len(resumed) > 0:
		f.say(good, "goes on with what crashes had paused: %s", strings.Join(resumed, ", "))
	}
}

// warm starts a process of a new build: a build whose process ends before it has asked for an invocation does not
// take over.
func warm(ctx context.Context, next host.Running) error {
	e := next.Warm(ctx)
	if e == nil {
		return nil
	}
	return &build.Error{Message: "does not start: " + cut(progress.ErrorLine(e))}
}

// verbOf words a builder's work.
func verbOf(method string) string {
	if method == "none" {
		return "loaded"
	}
	return "built with " + method
}

// moveAliases moves the template's aliases of the function to the newest build, wherever they led: people invoke
// them for the code that they develop.
func (f *function) moveAliases(ctx context.Context) error {
	e, latest := f.loop.engine, protocol.LatestVersion
	if err := host.PointAliases(ctx, e, &f.Program); err != nil || f.Spec == nil {
		return err
	}
	for _, name := range f.Spec.Aliases {
		a, err := e.Functions().Alias(ctx, f.Name, name)
		if err != nil {
			return err
		}
		if a.Version == latest && len(a.Weights) == 0 {
			continue
		}
		change := &engine.AliasChange{Function: f.Name, Name: name, Version: &latest, Weights: &map[string]float64{}}
		if _, err := e.Functions().UpdateAlias(ctx, change); err != nil {
			return err
		}
		f.say(Plain, "the alias %s led to version %s; here it leads to the newest build", name, a.Version)
	}
	return nil
}

// use gives later invocations to a build.
func (f *function) use(next host.Running, b *build.Build) {
	f.mu.Lock()
	if f.running == nil {
		f.running = map[host.Running]string{}
	}
	f.running[next] = b.ID
	f.mu.Unlock()
	f.invoker.replace(next, f.retired)
}

// retired ends a replaced build, once nobody uses it.
func (f *function) retired(old host.Running) {
	_ = old.Close(context.Background()) // nothing else ends it, until the engine closes
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.running, old)
}

// prune removes the builds that nobody runs. Do not call it while the function is built.
func (f *function) prune() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.loop.host.Prune(f.Name, slices.Collect(maps.Values(f.running))...); err != nil {
		f.say(Warn, "old builds could not be removed: %v", err)
	}
}

// remove removes the function, which is no longer in the template.
func (f *function) remove() {
	f.loop.engine.Functions().Unregister(f.Name, protocol.LatestVersion)
	f.invoker.end(f.retired)
	if f.stopLint != nil {
		f.stopLint()
	}
	f.say(Plain, "is not in the template any more; its open executions wait until it is")
}

const (
	// debugged bounds the time under a debugger: nobody needs longer.
	debugged = 24 * time.Hour
	// debugEnd bounds the end of a process that may be stopped in the debugger.
	debugEnd = time.Second
)

func (f *function) isDebugged() bool { return f.loop.Debug == f.Name }

// underDebugger runs code under dlv: one process, which begins at once, with or without an editor, and has no
// limits.
func (f *function) underDebugger(c *host.Code) {
	fn := &c.Function
	fn.Timeout, fn.StartTimeout, fn.Concurrency, fn.MemoryMB = debugged, debugged, 1, 0
	under := *c.Process
	under.Command = append([]string{
		"dlv", "exec", "--headless", "--listen=" + f.loop.DebugListen, "--api-version=2", "--accept-multiclient",
		"--continue",
		c.Process.Command[0], "--",
	}, c.Process.Command[1:]...)
	c.Process, c.For = &under, host.Debugging
}

// release ends the process that has the debugger's address, even during an invocation: that is repeated with the
// new build.
func (f *function) release() {
	f.mu.Lock()
	old := slices.Collect(maps.Keys(f.running))
	f.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), debugEnd)
	defer cancel()
	for _, r := range old {
		_ = r.Close(ctx)
	}
}

// invite starts the process, unless it runs, and says where its debugger is.
func (f *function) invite(ctx context.Context, r host.Running) {
	if e := r.Warm(ctx); e == nil {
		f.say(Plain, "waits for a debugger: dlv connect %s", f.loop.DebugListen)
	} else if ctx.Err() == nil {
		f.say(bad, "does not start: %s", cut(progress.ErrorLine(e)))
	}
}
