package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/function/sandbox"
)

var devCommand = &command{
	name:    "dev",
	args:    "[DIR|TEMPLATE]",
	summary: "run the functions of a project, and build them anew when they change",
	help: `
TEMPLATE is a SAM template; DIR has one, or is a function itself: a main package
of Go, or a function in JavaScript or Python. The default is the directory that
you are in.

All functions are built and served on one port, with the page. When a file that
a function is built of is saved, it is built anew; invocations under way end
with the old build, later ones use the new one, and executions go on. While the
code does not compile, the old build goes on.

Before a new build takes over, each open execution is replayed with it, without
running anything, to see whether it can go on: "replays", or what does not match.
That needs package durable in the function.

While a debugger is attached to a function's process, its invocations do not
time out, on Linux. With --debug a function runs under dlv from the start.

Ctrl-C stops. Nothing is lost: executions go on at the next start.`,
	verb: func() verb { return &devVerb{} },
}

type devVerb struct {
	functionFlags
	localFlags
	templateFlags
	debug debugFlags
	name  string // of a function without a template
}

func (v *devVerb) define(fs *flag.FlagSet) {
	v.functionFlags.define(fs)
	v.localFlags.define(fs, "127.0.0.1:3001")
	v.telemetry.define(fs)
	v.templateFlags.define(fs)
	v.debug.define(fs)
	fs.StringVar(&v.name, "function", "", "`NAME` of the function, if DIR is one, and it is not to be called after DIR")
}

func (v *devVerb) run(ctx context.Context, std *stdio, args []string) error {
	d, err := v.prepare(std, args)
	if err != nil {
		return err
	}
	l, err := openLocal(ctx, v.localFlags, newLogger(func(line string) { d.screen.say("", toneWarn, "%s", line) }))
	if err != nil {
		return err
	}
	defer func() {
		l.close()
		d.close()
	}()
	if err := d.open(ctx, l); err != nil {
		return err
	}
	if d.buildAll(ctx); ctx.Err() != nil {
		return interruptedOr(ctx, context.Cause(ctx))
	}
	published := func(function, version string) func(sandbox.Line) {
		return d.followers.output(function + ":" + version)
	}
	if err := l.runPublished(ctx, published); err != nil {
		return err
	}
	l.serve()
	d.ready()
	return v.wait(ctx, std, l, d)
}

// prepare finds out what is to be served, before anything is started.
func (v *devVerb) prepare(std *stdio, args []string) (*dev, error) {
	if len(args) == 0 {
		args = []string{"."}
	}
	if err := exactly(args, "dev", "a directory or a template"); err != nil {
		return nil, err
	}
	if err := cmp.Or(v.functionFlags.check(), v.localFlags.check()); err != nil {
		return nil, err
	}
	d := newDev(v, newScreen(std.err, progressOptions(std.err.File).Color))
	var err error
	if d.template, err = v.findTemplate(args[0]); err != nil {
		return nil, err
	}
	if d.template != "" {
		project, err := readProject(std, d.template, &v.templateFlags)
		if err != nil {
			return nil, err
		}
		d.tellWarnings(project)
		d.setPrograms(project.programs)
		d.files = project.files
		return d, v.debug.check(project.programs)
	}
	p := program{name: cmp.Or(v.name, functionNameOf(args[0])), path: args[0]}
	if err := p.check(); err != nil {
		if problem, ok := err.(*cli.Problem); ok {
			problem.Hintf("or a directory that has a template: %s", strings.Join(templateNames, ", "))
		}
		return nil, err
	}
	d.setPrograms([]program{p})
	return d, v.debug.check([]program{p})
}

// wait serves until a signal asks us to stop.
func (v *devVerb) wait(ctx context.Context, std *stdio, l *local, d *dev) error {
	work, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.loop(work)
	}()
	defer func() { stop(); <-done }()
	select {
	case err := <-l.failed:
		return cli.Faultf("the Lambda API stopped: %v", err)
	case <-ctx.Done():
	}
	d.screen.say("", tonePlain, "perdure: stopping (Ctrl-C again stops at once); open executions go on at the next start")
	stop()
	<-done
	if err := l.close(); err != nil {
		return cli.Faultf("not everything ended in good order: %v", err).Hintf("nothing is lost: it is as after a crash")
	}
	return nil
}

// ready says what is served, and how to use it.
func (d *dev) ready() {
	say := func(format string, args ...any) { d.screen.say("", tonePlain, format, args...) }
	say("perdure: ready on %s", d.local.url)
	say("  page      %s/ui/", d.local.url)
	if f := d.first(); f != nil {
		words := []string{"invoke", f.name}
		if event := sampleEvent(filepath.Dir(cmp.Or(d.template, f.path)), f.path); event != "" {
			words = append(words, "--event", event)
		} else {
			words = append(words, "--event-json", "{}")
		}
		if d.local.url != defaultEndpoint {
			words = append(words, "--endpoint", d.local.url)
		}
		say("  try       %s", commandLine(words...))
	}
	say("  stop      Ctrl-C")
}

// first returns a function to begin with: the first one that was built, a
// durable one if there is any.
func (d *dev) first() (first *devFunction) {
	for _, f := range d.inOrder() {
		if f.build != nil && (first == nil || first.plain && !f.plain) {
			first = f
		}
	}
	return first
}

// sampleEvent returns an event that lies in one of the directories, where SAM
// puts them; empty if there is none.
func sampleEvent(dirs ...string) string {
	for _, dir := range dirs {
		found, _ := filepath.Glob(filepath.Join(dir, "events", "*.json"))
		if sample := filepath.Join(dir, "events", "event.json"); fileExists(sample) {
			return sample
		}
		if len(found) > 0 {
			return found[0]
		}
	}
	return ""
}

// directoryOf is the directory of a file, absolute.
func directoryOf(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return filepath.Dir(path)
}

// here is path as people write it: relative to where they are, if that is short.
func here(path string) string {
	dir, err := os.Getwd()
	if err != nil || !filepath.IsAbs(path) {
		return path
	}
	rel, err := filepath.Rel(dir, path)
	if err != nil || strings.HasPrefix(rel, fmt.Sprintf("..%[1]c..%[1]c..", filepath.Separator)) {
		return path
	}
	return rel
}
