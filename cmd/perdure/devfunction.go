package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/cli/progress"
	"github.com/perdure/perdure/internal/function/build"
	"github.com/perdure/perdure/internal/function/runtimes"
	"github.com/perdure/perdure/internal/function/sandbox"
	"github.com/perdure/perdure/protocol"
)

// devFunction is one function under development.
type devFunction struct {
	program
	dev     *dev
	invoker switching
	inputs  *build.Inputs  // of the last build; nil before the first
	seen    build.Snapshot // of the inputs, before the last build
	build   *build.Build   // what runs; nil if nothing was built yet
	since   time.Time      // when it was built
	failing bool           // the last build failed
	stale   bool           // the template says something else of it

	mu      sync.Mutex           // guards running
	running map[*deployed]string // ids of the builds that have processes
}

// refresh builds the function anew if it has changed, and reports whether it
// tried.
func (f *devFunction) refresh(ctx context.Context, paths []string) bool {
	if f.stale {
		f.renew(ctx, nil)
		return true
	}
	now := build.Take(f.inputs.Files, f.seen)
	changed := now.Changed(f.seen)
	if len(changed) == 0 && f.concerns(paths) {
		// Something that no build has read: is it an input now?
		inputs, err := build.Find(ctx, f.source(f.dev.local.data))
		if err != nil {
			return false
		}
		now = build.Take(inputs.Files, f.seen)
		changed = now.Changed(f.seen)
		f.inputs = inputs
	}
	if len(changed) == 0 {
		return false
	}
	f.renew(ctx, changed)
	return true
}

// concerns reports whether something happened where inputs may appear.
func (f *devFunction) concerns(paths []string) bool {
	return slices.ContainsFunc(paths, func(path string) bool {
		if path == "" { // anywhere
			return true
		}
		_, isDir := slices.BinarySearch(f.inputs.Dirs, path)
		_, within := slices.BinarySearch(f.inputs.Dirs, filepath.Dir(path))
		return isDir || within
	})
}

// renew builds the function and, if that succeeds, lets the build take over.
// changed are the files because of which it does; none for other reasons.
func (f *devFunction) renew(ctx context.Context, changed []string) {
	began := time.Now()
	if len(changed) > 0 {
		f.say(tonePlain, "%s changed", nameFiles(changed))
	}
	f.stale = false
	first := f.inputs == nil
	before := f.snapshot(ctx)
	b, err := f.make(ctx, before)
	defer f.remember(ctx, before, first)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		f.tellFailure(err)
		return
	}
	if f.build != nil && b.ID == f.build.ID && len(changed) > 0 {
		f.say(toneGood, "built in %s; the result is the same", shortTime(time.Since(began)))
		f.failing = false
		return
	}
	if err := f.takeOver(ctx, b, began); err != nil && ctx.Err() == nil {
		f.tellFailure(err)
	}
}

// make builds the function, or finds what it is if there is nothing to build.
func (f *devFunction) make(ctx context.Context, inputs build.Snapshot) (*build.Build, error) {
	if f.isExecutable() {
		return &build.Build{Dir: directoryOf(f.path), Method: "none", ID: fmt.Sprint(inputs)}, nil
	}
	slow := time.AfterFunc(buildPatience, func() { f.say(tonePlain, "building …") })
	defer slow.Stop()
	return build.Do(ctx, f.source(f.dev.local.data), &build.Options{
		Root: buildsDir(f.dev.local.data), Holds: &f.dev.local.builds, Debug: f.isDebugged(),
		Tell: func(line string) { f.say(tonePlain, "%s", line) },
	})
}

// snapshot says how the inputs that are known are now.
func (f *devFunction) snapshot(ctx context.Context) build.Snapshot {
	if f.inputs == nil {
		f.findInputs(ctx)
	}
	return build.Take(f.inputs.Files, f.seen)
}

// remember finds out what the function is built of now, and keeps how that was
// before the build, so that a change during it is seen. fresh says that the
// inputs were found just before.
func (f *devFunction) remember(ctx context.Context, before build.Snapshot, fresh bool) {
	if !fresh {
		f.findInputs(ctx)
	}
	f.seen = build.Take(f.inputs.Files, before)
	for _, path := range f.inputs.Files {
		if was, ok := before[path]; ok {
			f.seen[path] = was
		}
	}
}

func (f *devFunction) findInputs(ctx context.Context) {
	switch inputs, err := build.Find(ctx, f.source(f.dev.local.data)); {
	case f.isExecutable():
		f.inputs = &build.Inputs{Files: []string{f.path}, Dirs: []string{directoryOf(f.path)}}
	case err == nil:
		f.inputs = inputs
	case f.inputs == nil: // its directory does not exist, say
		f.inputs = &build.Inputs{Dirs: []string{directoryOf(f.path)}}
	}
}

// takeOver runs a build in the place of the one before.
func (f *devFunction) takeOver(ctx context.Context, b *build.Build, began time.Time) error {
	proc, err := f.process(ctx, b)
	if err != nil {
		return err
	}
	d := f.dev
	fn := d.function(f.program)
	fn.Runtime, fn.Handler = cmp.Or(fn.Runtime, proc.Runtime, "provided.al2023"), cmp.Or(fn.Handler, proc.Handler)
	verdicts := f.rehearseAll(ctx, fn, proc)
	tune := func(*sandbox.Config) {}
	if f.isDebugged() {
		f.release()
		proc, tune = f.underDebugger(&fn, proc)
	}
	next, err := d.local.deploy(fn, proc, d.environment(f.program), d.followers.output(f.name), tune)
	if err != nil {
		return err
	}
	if f.build != nil {
		if err := f.warm(ctx, next); err != nil {
			d.local.retire(next)
			return err
		}
	}
	f.invoker.replace(next, f.retired)
	f.use(next, b)
	fn.Invoker = d.followers.watch(&f.invoker)
	if err := d.local.engine.Functions().Register(fn); err != nil {
		return err
	}
	if err := f.moveAliases(ctx); err != nil {
		return err
	}
	took, first := shortTime(time.Since(began)), f.build == nil
	f.build, f.since, f.failing = b, time.Now(), false
	if first {
		f.say(toneGood, "%s in %s (%s)", verbOf(b.Method), took, here(f.path))
	} else {
		f.say(toneGood, "reloaded in %s", took)
	}
	f.tell(verdicts)
	f.prune()
	if f.isDebugged() {
		d.work.Go(func() { f.invite(ctx, next) })
	}
	return nil
}

// moveAliases lets the aliases that the template gives the function lead to the
// newest build, wherever they led: what is invoked by them is what is developed.
func (f *devFunction) moveAliases(ctx context.Context) error {
	if err := f.dev.local.pointAliases(ctx, f.program); err != nil || f.spec == nil {
		return err
	}
	e, latest := f.dev.local.engine, protocol.LatestVersion
	for _, name := range f.spec.Aliases {
		a, err := e.Functions().Alias(ctx, f.name, name)
		if err != nil {
			return err
		}
		if a.Version == latest && len(a.Weights) == 0 {
			continue
		}
		change := &engine.AliasChange{Function: f.name, Name: name, Version: &latest, Weights: &map[string]float64{}}
		if _, err := e.Functions().UpdateAlias(ctx, change); err != nil {
			return err
		}
		f.say(tonePlain, "the alias %s led to version %s; here it leads to the newest build", name, a.Version)
	}
	return nil
}

// verbOf says what a builder has done.
func verbOf(method string) string {
	if method == "none" {
		return "loaded"
	}
	return "built with " + method
}

// process returns how to run a build.
func (f *devFunction) process(ctx context.Context, b *build.Build) (*runtimes.Process, error) {
	if f.isExecutable() {
		path, err := filepath.Abs(f.path)
		return runtimes.Executable(path, filepath.Base(path)), err
	}
	return resolve(ctx, b, f.dev.local.data, func(line string) {
		if f.dev.isNews(f.name + ": " + line) {
			f.say(tonePlain, "%s", line)
		}
	})
}

// warm starts a process of a new build: one that ends before it has asked for
// an invocation does not take over.
func (f *devFunction) warm(ctx context.Context, next *deployed) error {
	e := next.Warm(ctx)
	if e == nil {
		return nil
	}
	return &build.Error{Message: "does not start: " + cut(progress.ErrorLine(e))}
}

// use notes that a build has processes.
func (f *devFunction) use(d *deployed, b *build.Build) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.running == nil {
		f.running = map[*deployed]string{}
	}
	f.running[d] = b.ID
}

// retired ends a build that was replaced, once nobody uses it.
func (f *devFunction) retired(old *deployed) {
	f.dev.local.retire(old)
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.running, old)
}

// prune removes the builds that nobody runs. It is not called while the
// function is built.
func (f *devFunction) prune() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := build.Prune(buildsDir(f.dev.local.data), f.name, &f.dev.local.builds, slices.Collect(maps.Values(f.running))...); err != nil {
		f.say(toneWarn, "old builds could not be removed: %v", err)
	}
}

// remove takes the function away: the template has it no more.
func (f *devFunction) remove() {
	f.dev.local.engine.Functions().Unregister(f.name, protocol.LatestVersion)
	f.invoker.end(f.retired)
	f.say(tonePlain, "is not in the template any more; its open executions wait until it is")
}

// tellFailure tells why there is no new build.
func (f *devFunction) tellFailure(err error) {
	goesOn := "it is tried again when you save"
	if f.build != nil {
		goesOn = "the build of " + f.since.Format(time.TimeOnly) + " goes on"
	}
	message, hint, output := err.Error(), "", []string(nil)
	if e, ok := errors.AsType[*build.Error](err); ok {
		message, hint, output = e.Message, e.Hint, e.Output
	} else if e, ok := errors.AsType[*runtimes.Error](err); ok {
		message, hint = e.Message, e.Hint
	} else if e, ok := errors.AsType[*cli.Problem](err); ok {
		hint = strings.Join(e.Hints, "; ")
	}
	for _, line := range output {
		f.say(toneBad, "%s", line)
	}
	f.say(toneBad, "%s; %s", strings.TrimPrefix(message, f.name+" "), goesOn)
	if hint != "" {
		f.say(tonePlain, "hint: %s", hint)
	}
	f.failing = true
}

func (f *devFunction) say(tone, format string, args ...any) {
	f.dev.screen.say(f.name, tone, format, args...)
}

// nameFiles says which files changed, the first few.
func nameFiles(paths []string) string {
	const shown = 3
	var names []string
	for _, path := range paths[:min(len(paths), shown)] {
		names = append(names, here(path))
	}
	text := strings.Join(names, ", ")
	if more := len(paths) - shown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// shortTime words how long something took.
func shortTime(d time.Duration) string { return fmt.Sprintf("%.1fs", d.Seconds()) }
