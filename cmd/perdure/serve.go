package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/protocol"
)

var serveCommand = &command{
	name:    "serve",
	args:    "[TEMPLATE] [--function NAME=PATH]…",
	summary: "run an engine that serves the Lambda API",
	help: `
PATH is the directory of a main package, which is built, that of a function in
JavaScript, Python or Java, which is run with what its language needs for that,
or an executable, which is run as it is. Without NAME= the function is called
after PATH. Language and handler are guessed from the files, such as index.js
or app.py; --runtime and --handler say them. Or PATH is the URL of an endpoint
with Lambda's Invoke route, such as a container that has AWS's runtime interface
emulator in it: http://127.0.0.1:9000/2015-03-31/functions/function/invocations.

With a SAM template its functions are served, too, with the settings that they
have there. Flags for all functions take precedence.

Ctrl-C stops the engine. Nothing is lost: executions go on when it starts again
with the same data directory and functions.`,
	verb: func() verb { return &serveVerb{} },
}

type serveVerb struct {
	functionFlags
	localFlags
	teller teller
	templateFlags
	programs []program
	runtimes perFunction
	handlers perFunction
	plain    map[string]bool          // functions that are not durable
	timeouts map[string]time.Duration // of the executions of single functions
	drain    time.Duration            // for invocations to end when we are told to stop
}

func (v *serveVerb) define(fs *flag.FlagSet) {
	v.functionFlags.define(fs)
	v.localFlags.define(fs, "127.0.0.1:3001")
	v.telemetry.define(fs)
	v.security.define(fs)
	v.teller.define(fs)
	fs.BoolVar(&v.sam, "sam", false, "stand in for the emulator of durable functions that SAM starts in a container")
	v.templateFlags.define(fs)
	fs.Func("function", "`NAME=PATH` of a function; may be given several times", v.addFunction)
	fs.Func("attach", "`NAME` of a function that runs where perdure attach does; may be repeated", v.addAttached)
	fs.Var(&v.handlers, "handler", "`NAME=HANDLER` of a function that is not in Go, such as orders=app.handler; may be repeated")
	fs.Var(&v.runtimes, "runtime", "`NAME=RUNTIME` of its language as on Lambda, such as orders=python3.13; may be repeated")
	fs.Func("plain", "`NAME` of a function that is not durable: it is called, not started; may be repeated", v.addPlain)
	fs.DurationVar(&v.drain, "drain", 10*time.Second, "the `TIME` that invocations have to end when the engine stops")
	fs.Func("execution-timeout-of", "`NAME=TIME` for one function in place of --execution-timeout; may be repeated", v.addTimeout)
}

func (v *serveVerb) addFunction(s string) error {
	name, path, ok := strings.Cut(s, "=")
	if !ok {
		name, path = functionNameOf(s), s
	}
	return v.add(program{name: name, path: path})
}

func (v *serveVerb) addAttached(name string) error { return v.add(program{name: name, attached: true}) }

func (v *serveVerb) add(p program) error {
	if slices.ContainsFunc(v.programs, func(q program) bool { return q.name == p.name }) {
		return fmt.Errorf("there are two functions called %s", p.name)
	}
	v.programs = append(v.programs, p)
	return nil
}

func (v *serveVerb) addPlain(name string) error {
	if v.plain == nil {
		v.plain = map[string]bool{}
	}
	v.plain[name] = true
	return nil
}

func (v *serveVerb) addTimeout(s string) error {
	name, text, _ := strings.Cut(s, "=")
	d, err := time.ParseDuration(text)
	if err != nil || !validExecutionTimeout(d) {
		return fmt.Errorf("NAME=TIME is wanted, with a time %s", executionTimeouts)
	}
	if v.timeouts == nil {
		v.timeouts = map[string]time.Duration{}
	}
	v.timeouts[name] = d
	return nil
}

func (v *serveVerb) run(ctx context.Context, std *stdio, args []string) error {
	if err := v.check(std, args); err != nil {
		return err
	}
	l, err := openLocal(ctx, v.localFlags, v.teller.log)
	if err != nil {
		return interruptedOr(ctx, err)
	}
	defer l.close()
	waiting, err := v.prepare(ctx, std, l)
	if err != nil {
		return interruptedOr(ctx, err)
	}
	l.serve()
	v.ready(l, waiting)
	return v.wait(ctx, l)
}

// prepare makes all functions known, and says which open executions wait for one
// that is not.
func (v *serveVerb) prepare(ctx context.Context, std *stdio, l *local) (waiting []engine.OpenCount, err error) {
	for i := range v.programs {
		p := &v.programs[i]
		p.executionTimeout = v.timeouts[p.name]
		p.output = v.teller.output(p.name, "")
	}
	if v.programs, err = v.install(ctx, std, l, v.programs...); err != nil {
		return nil, err
	}
	if err := l.runPublished(ctx, v.teller.output); err != nil {
		return nil, err
	}
	for _, p := range v.programs {
		if err := l.publishAliases(ctx, p); err != nil {
			return nil, err
		}
	}
	if err := l.openEmulator(ctx); err != nil {
		return nil, err
	}
	return l.unserved(ctx)
}

// check finds what is wrong before anything is started.
func (v *serveVerb) check(std *stdio, args []string) error {
	if err := cmp.Or(v.teller.open(std.err), v.functionFlags.check(), v.localFlags.check()); err != nil {
		return err
	}
	if err := v.addTemplate(std, args); err != nil {
		return err
	}
	for i := range v.programs {
		p := &v.programs[i]
		p.runtime, p.handler = cmp.Or(v.runtimes[p.name], p.runtime), cmp.Or(v.handlers[p.name], p.handler)
		p.plain = p.plain || v.plain[p.name]
		if err := p.check(); err != nil {
			return err
		}
	}
	return cmp.Or(
		checkNames(v, "execution-timeout-of", v.timeouts),
		checkNames(v, "plain", v.plain),
		checkNames(v, "runtime", v.runtimes),
		checkNames(v, "handler", v.handlers),
	)
}

// addTemplate adds the functions of the template that args name, if they do.
func (v *serveVerb) addTemplate(std *stdio, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if err := exactly(args, "serve", "a template"); err != nil {
		return err
	}
	path, err := v.findTemplate(args[0])
	if err != nil {
		return err
	}
	if path == "" {
		return cli.Usagef("%s is no template, and has none", args[0]).Hintf("to serve the function in a directory: --function NAME=%s", args[0])
	}
	project, err := readProject(std, path, &v.templateFlags)
	if err != nil {
		return err
	}
	project.tell(func(line string) { fmt.Fprintln(std.err, cli.Printable(line)) })
	for _, p := range project.programs {
		if slices.ContainsFunc(v.programs, func(q program) bool { return p.name == q.name }) {
			return cli.Usagef("the template and --function both have a function called %s", p.name)
		}
	}
	v.programs = append(project.programs, v.programs...)
	return nil
}

// checkNames returns a problem unless all settings are for functions that we serve.
func checkNames[T any](v *serveVerb, flag string, settings map[string]T) error {
	for name := range settings {
		if !slices.ContainsFunc(v.programs, func(p program) bool { return p.name == name }) {
			return cli.Usagef("--%s is for %q, which is not among the functions", flag, name)
		}
	}
	return nil
}

// ready says what is served, and how to use it.
func (v *serveVerb) ready(l *local, waiting []engine.OpenCount) {
	lines := []string{
		"perdure: ready: the Lambda API is on " + l.url,
		"  page      " + l.url + "/ui/",
		fmt.Sprintf("  data      %s, durability %s", v.data, v.durability),
	}
	if v.security.credentials != "" {
		lines = append(lines, "  access    by the keys in "+v.security.credentials)
	}
	names := []string{}
	for _, p := range v.programs {
		names = append(names, p.name)
		lines = append(lines, fmt.Sprintf("  function  %s (%s)", p.name, cmp.Or(p.path, "on workers that attach")))
	}
	published := l.published()
	for _, line := range published {
		lines = append(lines, "  versions  "+line)
	}
	for _, c := range waiting {
		lines = append(lines, fmt.Sprintf("  waiting   %d open executions of %s:%s, which cannot be run: %s", c.N, c.Function, c.Version, howToServe(&c)))
	}
	switch {
	case len(v.programs) > 0:
		lines = append(lines, "  try       "+v.example(l))
	case len(published) == 0:
		lines = append(lines, "  function  none; give some with --function NAME=DIR")
	}
	v.teller.say("ready", []any{"url", l.url, "data", v.data, "durability", v.durability.String(), "functions", names, "waiting", waiting}, lines...)
}

// howToServe says what the open executions of a function version need.
func howToServe(c *engine.OpenCount) string {
	if c.Version != protocol.LatestVersion {
		return "its code is not here, see perdure functions"
	}
	return fmt.Sprintf("serve it with --function %s=DIR", c.Function)
}

// example is a command line that starts an execution.
func (v *serveVerb) example(l *local) string {
	event := "event.json"
	if sample := filepath.Join(v.programs[0].path, "events", event); fileExists(sample) {
		event = sample
	}
	words := []string{"invoke", v.programs[0].name, "--event", event}
	if l.url != defaultEndpoint {
		words = append(words, "--endpoint", l.url)
	}
	return commandLine(words...)
}

// wait serves until a signal asks us to stop, which is how serve should end.
func (v *serveVerb) wait(ctx context.Context, l *local) error {
	select {
	case err := <-l.failed:
		return cli.Faultf("the Lambda API stopped: %v", err)
	case <-ctx.Done():
	}
	v.finishInvocations(l)
	if err := l.close(); err != nil {
		return cli.Faultf("not everything ended in good order: %v", err).Hintf("nothing is lost: it is as after a crash")
	}
	return nil
}

// finishInvocations gives those under way their time to end: a step that is
// broken off runs again after the next start.
func (v *serveVerb) finishInvocations(l *local) {
	running := ""
	if n := l.engine.Running(); n > 0 && v.drain > 0 {
		running = fmt.Sprintf("; invocations under way may end for %s: %d", v.drain, n)
	}
	v.teller.say("stopping", []any{"drain", v.drain.String()},
		"perdure: stopping (Ctrl-C again stops at once)"+running+"; open executions go on at the next start")
	ctx, cancel := context.WithTimeout(context.Background(), v.drain)
	defer cancel()
	if left := l.engine.Drain(ctx); left > 0 && v.drain > 0 {
		v.teller.say("broken off", []any{"invocations", left},
			fmt.Sprintf("perdure: invocations that did not end in time, and begin again: %d", left))
	}
}
