// Package dev is the loop of `perdure dev`: it builds the functions of a project and watches their inputs. After a
// change it builds anew, tries the new build with the open executions, and lets it take over from the old one,
// while the engine goes on. A [Screen] tells what happens.
//
// The loop builds, runs and watches by way of [Host] and [Watcher], which package host and package watch implement.
// When to build is decided in [Loop.Run] and function.go; whether a new build takes over, in takeover.go and
// rehearsal.go; what is shown of executions, in followers.go.
package dev

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/function/build"
	"github.com/perdure/perdure/internal/function/project"
	"github.com/perdure/perdure/internal/function/runtimes"
	"github.com/perdure/perdure/internal/function/template"
	"github.com/perdure/perdure/internal/host"
	"github.com/perdure/perdure/internal/vetting"
)

const (
	// Quiet is how long nothing should change before a [Watcher] tells of it: an editor writes a file in several
	// steps, a tool writes several files.
	Quiet = 60 * time.Millisecond
	// lookAgain is the interval of looking at files without news: some file systems tell nobody.
	lookAgain = 3 * time.Second
	// maxBuilds is the number of functions that are built at a time; the tools use several processors each.
	maxBuilds = 2
)

// Host builds and runs code; [host.Host] does. Its methods may be called concurrently, for different functions.
type Host interface {
	// Inputs returns the present inputs of a program's build.
	Inputs(ctx context.Context, p *project.Program) (*build.Inputs, error)
	// Build builds it, for a debugger if debug says so. tell gets lines for people.
	Build(ctx context.Context, p *project.Program, debug bool, tell func(string)) (*build.Build, error)
	// Process returns how to run a build, after installing what it needs.
	Process(ctx context.Context, p *project.Program, b *build.Build, tell func(string)) (*runtimes.Process, error)
	// Prune removes the builds of a function but those with the ids to keep.
	Prune(function string, keep ...string) error
	// Run runs code until it is closed.
	Run(c *host.Code) (host.Running, error)
}

// Watcher tells when files change, as that of package watch does.
type Watcher interface {
	// Set watches dirs, without those below them.
	Set(dirs []string) error
	// Changes yields paths that changed together; an empty path is anywhere.
	Changes() <-chan []string
	Close() error
}

// Options are those of a loop. Screen, Settings and Project are required.
type Options struct {
	Screen   *Screen
	Settings *project.Settings
	Project  *project.Project // its path is empty if there is no template
	// Reread reads the template once more. Its error may be [template.Errors].
	Reread func() (*project.Project, error)

	// Lint looks at the packages of the Go program in a directory. It is nil if nobody wants to know.
	Lint func(ctx context.Context, dir string) ([]vetting.Finding, error)

	Debug       string // the name of a function that runs under dlv; empty for none
	DebugListen string // where dlv waits for an editor
}

// Loop is a project under development. One goroutine at a time uses it: first the one that calls Open and Build,
// then that of Run.
type Loop struct {
	Options
	host      Host
	engine    *engine.Engine
	followers *followers
	watcher   Watcher

	files     []string             // that define the functions: the template, and the files that it names
	read      build.Snapshot       // of them, as last read
	functions map[string]*function // by name
	order     []string             // of names

	work sync.WaitGroup // concurrent work

	mu   sync.Mutex // guards told
	told map[string]bool
}

// New returns a loop, and tells the project's differences from AWS.
func New(opts Options) *Loop {
	l := &Loop{Options: opts, files: opts.Project.Files, told: map[string]bool{}, functions: map[string]*function{}}
	l.tellNotes(opts.Project)
	l.setPrograms(opts.Project.Programs)
	return l
}

// Open prepares to build and to watch. Executions are shown until ctx is done.
func (l *Loop) Open(ctx context.Context, h Host, e *engine.Engine, w Watcher) {
	l.host, l.engine, l.watcher = h, e, w
	l.followers = newFollowers(ctx, l.Screen, e)
	l.followers.alone = len(l.functions) == 1
	l.Screen.reserve(l.order, l.followers.alone)
	l.read = build.Take(l.files, nil)
}

// Close ends the watching, and waits for concurrent work. The engine, which is closed before, ends the rest.
func (l *Loop) Close() {
	if l.watcher != nil {
		_ = l.watcher.Close()
	}
	l.work.Wait()
}

// Output shows a function's output; version is empty for the newest.
func (l *Loop) Output(function, version string) func(engine.LogLine) {
	if version != "" {
		function += ":" + version
	}
	return l.followers.output(function)
}

// First returns a function to begin with: the first that was built, a durable one if there is any; nil if none was
// built.
func (l *Loop) First() (first *project.Program) {
	for _, f := range l.inOrder() {
		if f.build != nil && (first == nil || first.Plain && !f.Plain) {
			first = &f.Program
		}
	}
	return first
}

func (l *Loop) inOrder() []*function {
	var all []*function
	for _, name := range l.order {
		all = append(all, l.functions[name])
	}
	return all
}

// setPrograms makes programs the functions of the project. It marks new ones and those with other settings, and
// returns removed ones.
func (l *Loop) setPrograms(programs []project.Program) (gone []*function) {
	before := maps.Clone(l.functions)
	l.order = nil
	for _, p := range programs {
		f := l.functions[p.Name]
		if f == nil {
			f = &function{loop: l, stale: true}
			f.invoker.invoked = func(inv *engine.Invocation) { l.followers.meet(inv) }
			l.functions[p.Name] = f
		} else if !p.SameSettings(&f.Program) {
			f.stale = true
		}
		f.Program = p
		l.order = append(l.order, p.Name)
		delete(before, p.Name)
	}
	for name, f := range before {
		delete(l.functions, name)
		gone = append(gone, f)
	}
	return gone
}

// tellNotes tells new notes.
func (l *Loop) tellNotes(p *project.Project) {
	for _, line := range p.Notes() {
		if l.isNews(line) {
			l.Screen.Say("", Warn, "%s", line)
		}
	}
}

// isNews reports whether a line is new.
func (l *Loop) isNews(line string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	news := !l.told[line]
	l.told[line] = true
	return news
}

// Build builds new functions, a few at a time.
func (l *Loop) Build(ctx context.Context) {
	l.each(func(f *function) {
		if f.stale {
			f.renew(ctx, nil)
		}
	})
	l.watchInputs()
}

// each calls work for all functions, a few at a time.
func (l *Loop) each(work func(*function)) {
	places := make(chan struct{}, maxBuilds)
	var all sync.WaitGroup
	for _, f := range l.inOrder() {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			work(f)
		})
	}
	all.Wait()
}

// watchInputs watches the inputs of all functions, and the template.
func (l *Loop) watchInputs() {
	var dirs []string
	for _, f := range l.functions {
		if f.inputs != nil {
			dirs = append(dirs, f.inputs.Dirs...)
		}
	}
	for _, file := range l.files {
		dirs = append(dirs, directoryOf(file))
		if target, err := filepath.EvalSymlinks(file); err == nil {
			dirs = append(dirs, directoryOf(target))
		}
	}
	slices.Sort(dirs)
	if err := l.watcher.Set(slices.Compact(dirs)); err != nil && l.isNews("not everything can be watched") {
		l.Screen.Say("", Warn, "perdure: not everything can be watched, so it is looked at every %v: %v",
			lookAgain, err)
	}
}

// Run follows the files until ctx is done.
func (l *Loop) Run(ctx context.Context) {
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for {
		var paths []string
		select {
		case <-ctx.Done():
			return
		case paths = <-l.watcher.Changes():
		case <-again.C:
		}
		l.refresh(ctx, paths)
	}
}

// refresh builds changed functions. paths are where something happened; none calls for a look at all known files.
func (l *Loop) refresh(ctx context.Context, paths []string) {
	l.reread()
	var built atomic.Bool
	l.each(func(f *function) {
		if f.refresh(ctx, paths) {
			built.Store(true)
		}
	})
	if built.Load() || len(paths) > 0 {
		l.watchInputs()
	}
}

// reread reads the template again.
func (l *Loop) reread() {
	now := build.Take(l.files, l.read)
	changed := now.Changed(l.read)
	if len(changed) == 0 {
		return
	}
	l.read = now
	p, err := l.Reread()
	if err != nil {
		l.tellMistakes(err)
		return
	}
	l.files, l.read = p.Files, build.Take(p.Files, now)
	for _, file := range l.files {
		if was, ok := now[file]; ok {
			l.read[file] = was // so that a change since then is noticed
		}
	}
	l.Screen.Say("", Plain, "%s was read again", nameFiles(changed))
	l.tellNotes(p)
	for _, f := range l.setPrograms(append(p.Programs, l.mistaken(p)...)) {
		f.remove()
	}
}

// mistaken are the functions with a mistake in the template: they go on as they were read before.
func (l *Loop) mistaken(p *project.Project) (programs []project.Program) {
	for _, f := range l.inOrder() {
		if p.LeavesOut(&f.Program) && !slices.ContainsFunc(p.Programs,
			func(q project.Program) bool { return q.Name == f.Name }) {
			f.say(Warn, "cannot be used as the template is now; what was read before goes on")
			programs = append(programs, f.Program)
		}
	}
	return programs
}

// tellMistakes tells why the template cannot be used now.
func (l *Loop) tellMistakes(err error) {
	l.Screen.Say("", bad, "%s cannot be used as it is; what was read before goes on", l.Project.Path)
	all, ok := err.(template.Errors)
	if !ok {
		l.Screen.Say("", bad, "  %v", err)
	}
	for _, e := range all {
		l.Screen.Say("", bad, "  %v", e)
	}
}
