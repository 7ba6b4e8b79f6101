package main

import (
	"cmp"
	"context"
	"flag"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/cli/progress"
	"github.com/perdure/perdure/internal/dev"
	"github.com/perdure/perdure/internal/function/project"
	"github.com/perdure/perdure/internal/function/watch"
	"github.com/perdure/perdure/internal/host"
	"github.com/perdure/perdure/internal/vetting"
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

An execution whose invocations crash nine times in a row, about three minutes, is
paused and says why; the next build of its function lets it go on.

While a debugger is attached to a function's process, its invocations do not
time out, on Linux. With --debug a function runs under dlv from the start.

Ctrl-C stops. Nothing is lost: executions go on at the next start.`,
	verb: func() verb { return &devVerb{} },
}

type devVerb struct {
	functionFlags
	engineFlags
	templateFlags
	debug       string // the function that runs under dlv
	debugListen string
	name        string // of a function without a template
}

func (v *devVerb) define(fs *flag.FlagSet) {
	v.functionFlags.define(fs)
	v.defineCrashes(fs, "9:pause")
	v.engineFlags.define(fs, route.DefaultAddress)
	v.engineFlags.Crashes = engine.CrashLimit{Max: 9, Pause: true}
	v.telemetry.define(fs)
	v.templateFlags.define(fs)
	fs.StringVar(&v.debug, "debug", "", "`NAME` of a function in Go that runs under dlv, without time limits")
	fs.StringVar(&v.debugListen, "debug-listen", "127.0.0.1:2345",
		"`ADDRESS` at which dlv waits for an editor, or for dlv connect")
	fs.StringVar(&v.name, "function", "", "`NAME` of the function, if DIR is one, and it is not to be called after DIR")
}

func (v *devVerb) run(ctx context.Context, std *stdio, args []string) error {
	loop, err := v.prepare(std, args)
	if err != nil {
		return err
	}
	log := cli.NewLogger(func(line string) { loop.Screen.Say("", dev.Warn, "%s", line) })
	v.Output = loop.Output
	h, err := v.open(ctx, std, log)
	if err != nil {
		return err
	}
	defer func() {
		h.Close()
		loop.Close()
	}()
	watcher, err := watch.New(dev.Quiet)
	if err != nil {
		return cli.Faultf("files cannot be watched: %v", err)
	}
	loop.Open(ctx, h, h.Engine, watcher)
	if loop.Build(ctx); ctx.Err() != nil {
		return interruptedOr(ctx, context.Cause(ctx))
	}
	if err := h.RunPublished(ctx); err != nil {
		return err
	}
	h.Serve()
	v.ready(h, loop)
	return v.wait(ctx, h, loop)
}

// prepare finds the functions to serve, before anything is started.
func (v *devVerb) prepare(std *stdio, args []string) (*dev.Loop, error) {
	if len(args) == 0 {
		args = []string{"."}
	}
	if err := exactly(args, "dev", "a directory or a template"); err != nil {
		return nil, err
	}
	if err := cmp.Or(v.functionFlags.check(), v.engineFlags.check()); err != nil {
		return nil, err
	}
	opts := dev.Options{
		Screen:   dev.NewScreen(std.err, progress.For(std.err.File).Color),
		Settings: v.settings(), Lint: vetting.Program, Debug: v.debug, DebugListen: v.debugListen,
	}
	path, err := v.find(args[0])
	if err != nil {
		return nil, err
	}
	if path != "" {
		if opts.Project, err = v.read(std, path); err != nil {
			return nil, err
		}
		opts.Reread = func() (*project.Project, error) { return project.Read(path, &v.templateFlags.Options) }
	} else {
		p := project.Program{Name: cmp.Or(v.name, project.NameOf(args[0])), Path: args[0]}
		if err := worded(p.Check()); err != nil {
			if problem, ok := err.(*cli.Problem); ok {
				problem.Hintf("or a directory that has a template: %s", strings.Join(project.TemplateNames, ", "))
			}
			return nil, err
		}
		opts.Project = &project.Project{Programs: []project.Program{p}}
	}
	return dev.New(opts), v.checkDebug(opts.Project.Programs)
}

// checkDebug returns a problem if there is no debugger, or no such function.
func (v *devVerb) checkDebug(programs []project.Program) error {
	if v.debug == "" {
		return nil
	}
	if _, _, err := net.SplitHostPort(v.debugListen); err != nil {
		return cli.Usagef("%q is not an address for --debug-listen",
			v.debugListen).Hintf("an address looks like 127.0.0.1:2345")
	}
	if _, err := exec.LookPath("dlv"); err != nil {
		return cli.Usagef("--debug needs dlv, which is not on the PATH").
			Hintf("go install github.com/go-delve/delve/cmd/dlv@latest")
	}
	if slices.ContainsFunc(programs, func(p project.Program) bool { return p.Name == v.debug }) {
		return nil
	}
	return cli.Usagef("--debug is for %q, which is not among the functions", v.debug)
}

// wait serves until a signal asks us to stop.
func (v *devVerb) wait(ctx context.Context, h *host.Host, loop *dev.Loop) error {
	work, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { loop.Run(work) })
	defer func() { stop(); running.Wait() }()
	if err := stopped(ctx, h); err != nil {
		return err
	}
	loop.Screen.Say("", dev.Plain, "perdure: stopping (Ctrl-C again stops at once); open executions go on at "+
		"the next start")
	stop()
	running.Wait()
	return closed(h)
}

// ready says what is served, and how to use it.
func (v *devVerb) ready(h *host.Host, loop *dev.Loop) {
	say := func(format string, args ...any) { loop.Screen.Say("", dev.Plain, format, args...) }
	say("perdure: ready on %s", h.URL)
	say("  page      %s/ui/", h.URL)
	if p := loop.First(); p != nil {
		event := []string{"--event-json", "{}"}
		if sample := sampleEvent(filepath.Dir(cmp.Or(loop.Project.Path, p.Path)), p.Path); sample != "" {
			event = []string{"--event", sample}
		}
		say("  try       %s", tryIt(h, p.Name, event...))
	}
	say("  stop      Ctrl-C")
}

// sampleEvent returns an event in one of the directories, where SAM puts them; empty if there is none.
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
