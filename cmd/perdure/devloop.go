package main

import (
	"context"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/function/build"
	"github.com/perdure/perdure/internal/function/template"
	"github.com/perdure/perdure/internal/function/watch"
)

const (
	// quiet is how long nothing must change before something is built: an
	// editor writes a file in several steps, a tool writes several files.
	quiet = 60 * time.Millisecond
	// lookAgain is how often files are looked at though nothing is heard of
	// them: some file systems tell nobody.
	lookAgain = 3 * time.Second
	// maxBuilds is how many functions are built at a time; the tools use
	// several processors each.
	maxBuilds = 2
)

// dev is a project under development. One goroutine at a time uses it: first
// that of the verb, then that of loop.
type dev struct {
	*devVerb
	screen    *screen
	local     *local
	followers *followers
	watcher   *watch.Watcher

	template  string                  // path; empty if there is none
	files     []string                // that say what the functions are: the template, and what it names
	read      build.Snapshot          // of them, when they were read last
	functions map[string]*devFunction // by name
	order     []string                // of names

	work sync.WaitGroup // what goes on beside

	mu   sync.Mutex // guards told
	told map[string]bool
}

func newDev(v *devVerb, s *screen) *dev {
	return &dev{devVerb: v, screen: s, told: map[string]bool{}, functions: map[string]*devFunction{}}
}

// open gets everything ready to build and to watch.
func (d *dev) open(ctx context.Context, l *local) (err error) {
	if d.watcher, err = watch.New(quiet); err != nil {
		return cli.Faultf("files cannot be watched: %v", err)
	}
	d.local = l
	d.followers = newFollowers(ctx, d.screen, l.engine)
	d.followers.alone = len(d.functions) == 1
	d.screen.reserve(d.order, d.followers.alone)
	d.read = build.Take(d.files, nil)
	return nil
}

// close ends the watching, and waits for what goes on beside. The engine, which
// is closed before, ends the rest.
func (d *dev) close() {
	if d.watcher != nil {
		_ = d.watcher.Close()
	}
	d.work.Wait()
}

func (d *dev) inOrder() []*devFunction {
	var all []*devFunction
	for _, name := range d.order {
		all = append(all, d.functions[name])
	}
	return all
}

// setPrograms makes programs the functions of the project. It marks those that
// are new or have other settings, and returns those that are gone.
func (d *dev) setPrograms(programs []program) (gone []*devFunction) {
	before := maps.Clone(d.functions)
	d.order = nil
	for _, p := range programs {
		f := d.functions[p.name]
		if f == nil {
			f = &devFunction{dev: d, stale: true}
			d.functions[p.name] = f
		} else if !sameSettings(f.program, p) {
			f.stale = true
		}
		f.program = p
		d.order = append(d.order, p.name)
		delete(before, p.name)
	}
	for name, f := range before {
		delete(d.functions, name)
		gone = append(gone, f)
	}
	return gone
}

// sameSettings reports whether a template says the same of a function, wherever
// it says it.
func sameSettings(a, b program) bool {
	specA, specB := template.Function{}, template.Function{}
	if a.spec != nil {
		specA = *a.spec
	}
	if b.spec != nil {
		specB = *b.spec
	}
	specA.Position, specB.Position = template.Position{}, template.Position{}
	return a.path == b.path && reflect.DeepEqual(specA, specB)
}

// tellWarnings tells what was not told before.
func (d *dev) tellWarnings(p *project) {
	p.tell(func(line string) {
		if d.isNews(line) {
			d.screen.say("", toneWarn, "%s", line)
		}
	})
}

// isNews reports whether a line is asked for for the first time.
func (d *dev) isNews(line string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	news := !d.told[line]
	d.told[line] = true
	return news
}

// buildAll builds what is new, a few at a time.
func (d *dev) buildAll(ctx context.Context) {
	d.each(func(f *devFunction) {
		if f.stale {
			f.renew(ctx, nil)
		}
	})
	d.watchInputs()
}

// each calls work for all functions, a few at a time.
func (d *dev) each(work func(*devFunction)) {
	places := make(chan struct{}, maxBuilds)
	var all sync.WaitGroup
	for _, f := range d.inOrder() {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			work(f)
		})
	}
	all.Wait()
}

// watchInputs watches all that the functions are built of, and the template.
func (d *dev) watchInputs() {
	var dirs []string
	for _, f := range d.functions {
		if f.inputs != nil {
			dirs = append(dirs, f.inputs.Dirs...)
		}
	}
	for _, file := range d.files {
		dirs = append(dirs, directoryOf(file))
		if target, err := filepath.EvalSymlinks(file); err == nil {
			dirs = append(dirs, directoryOf(target))
		}
	}
	slices.Sort(dirs)
	if err := d.watcher.Set(slices.Compact(dirs)); err != nil && d.isNews("not everything can be watched") {
		d.screen.say("", toneWarn, "perdure: not everything can be watched, so it is looked at every %v: %v", lookAgain, err)
	}
}

// loop follows the files until ctx is done.
func (d *dev) loop(ctx context.Context) {
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for {
		var paths []string
		select {
		case <-ctx.Done():
			return
		case paths = <-d.watcher.Changes():
		case <-again.C:
		}
		d.refresh(ctx, paths)
	}
}

// refresh builds anew what has changed. paths are where something happened;
// none is for a look at what is known.
func (d *dev) refresh(ctx context.Context, paths []string) {
	d.rereadTemplate()
	var built atomic.Bool
	d.each(func(f *devFunction) {
		if f.refresh(ctx, paths) {
			built.Store(true)
		}
	})
	if built.Load() || len(paths) > 0 {
		d.watchInputs()
	}
}

// rereadTemplate takes in what has changed in the template.
func (d *dev) rereadTemplate() {
	if d.template == "" {
		return
	}
	now := build.Take(d.files, d.read)
	changed := now.Changed(d.read)
	if len(changed) == 0 {
		return
	}
	d.read = now
	project, err := parseProject(d.template, &d.templateFlags)
	if err != nil {
		d.tellMistakes(err)
		return
	}
	d.files, d.read = project.files, build.Take(project.files, now)
	for _, file := range d.files {
		if was, ok := now[file]; ok {
			d.read[file] = was // so that a change since then is seen
		}
	}
	d.screen.say("", tonePlain, "%s was read again", nameFiles(changed))
	d.tellWarnings(project)
	for _, f := range d.setPrograms(append(project.programs, d.mistaken(project)...)) {
		f.remove()
	}
}

// mistaken are the functions that the template has, with a mistake: as it was
// read before, they go on.
func (d *dev) mistaken(p *project) (programs []program) {
	for _, f := range d.inOrder() {
		if p.leavesOut(f.spec) && !slices.ContainsFunc(p.programs, func(q program) bool { return q.name == f.name }) {
			f.say(toneWarn, "cannot be used as the template is now; what was read before goes on")
			programs = append(programs, f.program)
		}
	}
	return programs
}

// tellMistakes tells why the template cannot be used as it is now.
func (d *dev) tellMistakes(err error) {
	d.screen.say("", toneBad, "%s cannot be used as it is; what was read before goes on", d.template)
	all, ok := err.(template.Errors)
	if !ok {
		d.screen.say("", toneBad, "  %v", err)
	}
	for _, e := range all {
		d.screen.say("", toneBad, "  %v", e)
	}
}
