package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/function/project"
	"github.com/perdure/perdure/internal/function/template"
	"github.com/perdure/perdure/internal/host"
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
with the same data directory and functions.

With --store executions are kept in a PostgreSQL, and any number of engines may
serve from it: a fleet of equal nodes. Any of them answers any request, each runs
what it has functions for, and the others go on with what a node leaves that stops
or dies. A node has a data directory of its own, for builds and fetched code. The
address is a URL as PostgreSQL's own clients take it; what is missing there comes
from PGHOST, PGPASSWORD, PGSERVICE and ~/.pgpass as with them. ?schema=NAME keeps
fleets apart that share a database. Without --store the variable PERDURE_STORE
counts.`,
	verb: func() verb { return &serveVerb{} },
}

type serveVerb struct {
	functionFlags
	engineFlags
	teller teller
	templateFlags
	programs   []project.Program
	runtimes   assignments // of single functions
	handlers   assignments
	plain      map[string]bool          // functions that are not durable
	timeouts   map[string]time.Duration // of the executions of single functions
	perProcess map[string]int
	crashes    map[string]engine.CrashLimit
	fleet      fleetFlags
	drain      time.Duration // time for invocations to end when we are told to stop
}

func (v *serveVerb) define(fs *flag.FlagSet) {
	v.functionFlags.define(fs)
	v.engineFlags.define(fs, route.DefaultAddress)
	v.fleet.define(fs)
	v.telemetry.define(fs)
	v.security.define(fs)
	v.teller.define(fs)
	fs.BoolVar(&v.SAM, "sam", false, "stand in for the emulator of durable functions that SAM starts in a container")
	v.templateFlags.define(fs)
	fs.Func("function", "`NAME=PATH` of a function; may be given several times", v.addFunction)
	fs.Func("attach", "`NAME` of a function that runs where perdure attach does; may be repeated",
		func(name string) error {
			return v.add(project.Program{Name: name, Attached: true})
		})
	v.handlers.mistake, v.handlers.full = "NAME=VALUE is wanted, with the name of a function", true
	v.runtimes.mistake, v.runtimes.full = v.handlers.mistake, true
	fs.Var(&v.handlers, "handler", "`NAME=HANDLER` of a function that is not in Go, such as orders=app.handler; "+
		"may be repeated")
	fs.Var(&v.runtimes, "runtime", "`NAME=RUNTIME` of its language as on Lambda, such as orders=python3.13; "+
		"may be repeated")
	v.plain, v.timeouts, v.perProcess = map[string]bool{}, map[string]time.Duration{}, map[string]int{}
	fs.Func("plain", "`NAME` of a function that is not durable: it is called, not started; may be repeated",
		func(name string) error {
			v.plain[name] = true
			return nil
		})
	v.crashes = map[string]engine.CrashLimit{}
	fs.DurationVar(&v.drain, "drain", 10*time.Second, "the `TIME` that invocations have to end when the engine stops")
	fs.Func("execution-timeout-of", "`NAME=TIME` for one function in place of --execution-timeout; may be repeated",
		v.addTimeout)
	fs.Func("per-process-of", "`NAME=NUMBER` for one function in place of --per-process; may be repeated",
		v.addPerProcess)
	v.defineCrashes(fs, "0")
	fs.Func("max-crashes-of", "`NAME=NUMBER` for one function in place of --max-crashes; may be repeated", v.addCrashes)
}

func (v *serveVerb) addFunction(s string) error {
	name, path, ok := strings.Cut(s, "=")
	if !ok {
		name, path = project.NameOf(s), s
	}
	return v.add(project.Program{Name: name, Path: path})
}

func (v *serveVerb) add(p project.Program) error {
	if slices.ContainsFunc(v.programs, func(q project.Program) bool { return q.Name == p.Name }) {
		return fmt.Errorf("there are two functions called %s", p.Name)
	}
	v.programs = append(v.programs, p)
	return nil
}

func (v *serveVerb) addTimeout(s string) error {
	name, text, _ := strings.Cut(s, "=")
	d, err := time.ParseDuration(text)
	if err != nil || !validExecutionTimeout(d) {
		return fmt.Errorf("NAME=TIME is wanted, with a time %s", executionTimeouts)
	}
	v.timeouts[name] = d
	return nil
}

func (v *serveVerb) addPerProcess(s string) error {
	name, text, _ := strings.Cut(s, "=")
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxPerProcess {
		return fmt.Errorf("NAME=NUMBER is wanted, with a number between 1 and %d", maxPerProcess)
	}
	v.perProcess[name] = n
	return nil
}

func (v *serveVerb) addCrashes(s string) error {
	name, text, _ := strings.Cut(s, "=")
	var limit engine.CrashLimit
	if err := limit.UnmarshalText([]byte(text)); err != nil {
		return fmt.Errorf("NAME=NUMBER is wanted, and %w", err)
	}
	v.crashes[name] = limit
	return nil
}

func (v *serveVerb) run(ctx context.Context, std *stdio, args []string) error {
	if err := v.check(std, args); err != nil {
		return err
	}
	v.Output = v.teller.output
	h, err := v.open(ctx, std, v.teller.log)
	if err != nil {
		return interruptedOr(ctx, err)
	}
	defer h.Close()
	waiting, err := v.prepare(ctx, std, h)
	if err != nil {
		return interruptedOr(ctx, err)
	}
	h.Serve()
	v.ready(h, waiting)
	return v.wait(ctx, h)
}

// prepare registers all functions, and returns the open executions that wait for another one.
func (v *serveVerb) prepare(ctx context.Context, std *stdio, h *host.Host) (waiting []engine.OpenCount, err error) {
	leftOut := func(p *project.Program, err error) { tellNotServed(std, p, err) }
	if v.programs, err = h.Install(ctx, v.settings(), v.programs, leftOut); err != nil {
		return nil, err
	}
	if err := h.RunPublished(ctx); err != nil {
		return nil, err
	}
	for i := range v.programs {
		if err := h.PublishAliases(ctx, &v.programs[i]); err != nil {
			return nil, err
		}
	}
	if err := h.RecallEmulated(ctx); err != nil {
		return nil, err
	}
	return h.Unserved(ctx)
}

// tellNotServed tells why a function of a template is left out.
func tellNotServed(std *stdio, p *project.Program, err error) {
	told := cli.Problem{}
	if problem, ok := errors.AsType[*cli.Problem](worded(err)); ok {
		told.Output, told.Hints = problem.Output, problem.Hints
	}
	line := fmt.Sprintf("%s: %s is not served: %v [%s]", p.Spec.Position, p.Name, worded(err), template.KindFunction)
	told.Output = append(told.Output, line)
	cli.Report(std.err, &told)
}

// check checks flags and arguments before anything is started.
func (v *serveVerb) check(std *stdio, args []string) error {
	if err := cmp.Or(v.teller.open(std.err), v.functionFlags.check(), v.engineFlags.check()); err != nil {
		return err
	}
	if err := cmp.Or(v.fleet.check(std, &v.engineFlags), v.addTemplate(std, args)); err != nil {
		return err
	}
	for i := range v.programs {
		p := &v.programs[i]
		p.Runtime, p.Handler = cmp.Or(v.runtimes.values[p.Name], p.Runtime),
			cmp.Or(v.handlers.values[p.Name], p.Handler)
		p.Plain, p.ExecutionTimeout = p.Plain || v.plain[p.Name], v.timeouts[p.Name]
		p.PerProcess, p.Crashes = v.perProcess[p.Name], v.crashes[p.Name]
		if err := p.Check(); err != nil {
			return err
		}
	}
	return cmp.Or(
		checkNames(v, "execution-timeout-of", v.timeouts),
		checkNames(v, "per-process-of", v.perProcess),
		checkNames(v, "max-crashes-of", v.crashes),
		checkNames(v, "plain", v.plain),
		checkNames(v, "runtime", v.runtimes.values),
		checkNames(v, "handler", v.handlers.values),
	)
}

// addTemplate adds the functions of a template in args.
func (v *serveVerb) addTemplate(std *stdio, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if err := exactly(args, "serve", "a template"); err != nil {
		return err
	}
	path, err := v.find(args[0])
	if err != nil {
		return err
	}
	if path == "" {
		return cli.Usagef("%s is no template, and has none",
			args[0]).Hintf("to serve the function in a directory: --function NAME=%s", args[0])
	}
	read, err := v.read(std, path)
	if err != nil {
		return err
	}
	tellNotes(std, read)
	for _, p := range read.Programs {
		if slices.ContainsFunc(v.programs, func(q project.Program) bool { return p.Name == q.Name }) {
			return cli.Usagef("the template and --function both have a function called %s", p.Name)
		}
	}
	v.programs = append(read.Programs, v.programs...)
	return nil
}

// checkNames returns a problem unless all settings are for functions that we serve.
func checkNames[T any](v *serveVerb, flag string, settings map[string]T) error {
	for name := range settings {
		if !slices.ContainsFunc(v.programs, func(p project.Program) bool { return p.Name == name }) {
			return cli.Usagef("--%s is for %q, which is not among the functions", flag, name)
		}
	}
	return nil
}

// ready says what is served, and how to use it.
func (v *serveVerb) ready(h *host.Host, waiting []engine.OpenCount) {
	lines := []string{
		"perdure: ready: the Lambda API is on " + h.URL,
		"  page      " + h.URL + "/ui/",
	}
	lines = append(lines, v.fleet.lines(h, &v.engineFlags)...)
	if v.security.credentials != "" {
		lines = append(lines, "  access    by the keys in "+v.security.credentials)
	}
	names := []string{}
	for _, p := range v.programs {
		names = append(names, p.Name)
		lines = append(lines, fmt.Sprintf("  function  %s (%s)", p.Name, cmp.Or(p.Path, "on workers that attach")))
	}
	published := versionLines(h.Engine)
	for _, line := range published {
		lines = append(lines, "  versions  "+line)
	}
	for _, c := range waiting {
		lines = append(lines, fmt.Sprintf("  waiting   %d open executions of %s:%s, which cannot be run: %s", c.N,
			c.Function, c.Version, howToServe(&c)))
	}
	switch {
	case len(v.programs) > 0:
		event := filepath.Join(v.programs[0].Path, "events", "event.json")
		if !fileExists(event) {
			event = filepath.Base(event)
		}
		lines = append(lines, "  try       "+tryIt(h, v.programs[0].Name, "--event", event))
	case len(published) == 0:
		lines = append(lines, "  function  none; give some with --function NAME=DIR")
	}
	attrs := append([]any{"url", h.URL}, v.fleet.attrs(h, &v.engineFlags)...)
	v.teller.say("ready", append(attrs, "functions", names, "waiting", waiting), lines...)
}

// howToServe says what the open executions of a function version need.
func howToServe(c *engine.OpenCount) string {
	if c.Version != protocol.LatestVersion {
		return "its code is not here, see perdure functions"
	}
	return fmt.Sprintf("serve it with --function %s=DIR", c.Function)
}

// tryIt is a command line that starts an execution at an engine; event holds its flags for the event.
func tryIt(h *host.Host, function string, event ...string) string {
	words := append([]string{"invoke", function}, event...)
	if h.URL != defaultEndpoint {
		words = append(words, "--endpoint", h.URL)
	}
	return cli.CommandLine(words...)
}

// maxTold bounds the versions of one function that are told at the start.
const maxTold = 5

// versionLines name for each function its published versions, the newest last, and the versions of its aliases.
func versionLines(e *engine.Engine) (lines []string) {
	ctx := context.Background()
	all, err := e.Functions().Configurations(ctx, "")
	if err != nil {
		return nil
	}
	byName := map[string][]string{}
	for _, c := range all {
		if c.Version == protocol.LatestVersion {
			continue
		}
		word := c.Version
		if c.State != engine.StateActive {
			word += " (" + strings.ToLower(string(c.State)) + ")"
		}
		byName[c.Name] = append(byName[c.Name], word)
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		words := byName[name]
		if more := len(words) - maxTold; more > 0 {
			words = append([]string{fmt.Sprintf("%d more", more)}, words[more:]...)
		}
		line := name + ": " + strings.Join(words, ", ")
		aliases, _ := e.Functions().Aliases(ctx, name, "")
		for _, a := range aliases {
			line += "; " + a.Name + " → " + aliasLeads(a.Version, a.Weights)
		}
		lines = append(lines, line)
	}
	return lines
}

// wait serves until a signal asks us to stop, the usual end of serve.
func (v *serveVerb) wait(ctx context.Context, h *host.Host) error {
	if err := stopped(ctx, h); err != nil {
		return err
	}
	v.finishInvocations(h)
	return closed(h)
}

// stopped waits until a signal asks us to stop; the port may end before.
func stopped(ctx context.Context, h *host.Host) error {
	select {
	case err := <-h.Failed:
		return cli.Faultf("the Lambda API stopped: %v", err)
	case <-ctx.Done():
		return nil
	}
}

// closed closes an engine that was told to stop.
func closed(h *host.Host) error {
	if err := h.Close(); err != nil {
		return cli.Faultf("not everything ended in good order: %v",
			err).Hintf("nothing is lost: it is as after a crash")
	}
	return nil
}

// finishInvocations gives those under way time to end: an interrupted step would run again after the next start.
func (v *serveVerb) finishInvocations(h *host.Host) {
	running := ""
	if n := h.Engine.Running(); n > 0 && v.drain > 0 {
		running = fmt.Sprintf("; invocations under way may end for %s: %d", v.drain, n)
	}
	v.teller.say("stopping", []any{"drain", v.drain.String()},
		"perdure: stopping (Ctrl-C again stops at once)"+running+"; "+whoGoesOn(h))
	ctx, cancel := context.WithTimeout(context.Background(), v.drain)
	defer cancel()
	if left := h.Engine.Drain(ctx); left > 0 && v.drain > 0 {
		v.teller.say("broken off", []any{"invocations", left},
			fmt.Sprintf("perdure: invocations that did not end in time, and begin again: %d", left))
	}
}

// teller tells what happens while an engine serves: in lines for people, or in JSON for programs.
type teller struct {
	format string // text or json
	err    io.Writer
	log    *slog.Logger
}

func (t *teller) define(fs *flag.FlagSet) {
	fs.StringVar(&t.format, "log-format", "text", "`FORMAT` of what is said while serving: text or json")
}

// open begins to tell on err. A reader that goes away must not end the engine.
func (t *teller) open(err io.Writer) error {
	t.err = err
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // otherwise the runtime ends the process
	switch t.format {
	case "text":
		t.log = cli.NewLogger(t.line)
	case "json":
		t.log = slog.New(slog.NewJSONHandler(err, nil))
	default:
		return cli.Usagef("--log-format is text or json, not %q", t.format)
	}
	return nil
}

func (t *teller) line(s string) { fmt.Fprintln(t.err, cli.Printable(s)) }

// say tells people the lines, and programs message with attrs.
func (t *teller) say(message string, attrs []any, lines ...string) {
	if t.format == "json" {
		t.log.Info(message, attrs...)
		return
	}
	for _, s := range lines {
		t.line(s)
	}
}

// output tells a function's output; version is empty for the newest.
func (t *teller) output(function, version string) func(engine.LogLine) {
	name := function
	if version != "" {
		name += ":" + version
	}
	if t.format == "text" {
		return func(line engine.LogLine) { t.line(name + " | " + line.Text) }
	}
	log := t.log.With("function", name)
	return func(line engine.LogLine) {
		log.Info(line.Text, "stream", line.Stream, "requestId", line.RequestID, "executionArn", line.ExecutionARN)
	}
}
