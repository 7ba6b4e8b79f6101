package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/cli/progress"
	"github.com/perdure/perdure/internal/function/project"
	"github.com/perdure/perdure/internal/host"
	"github.com/perdure/perdure/internal/text"
	"github.com/perdure/perdure/protocol"
)

var runCommand = &command{
	name:    "run",
	args:    "DIR|TEMPLATE --event FILE [--name NAME]",
	summary: "build the function in DIR, run one execution to its end, print the result",
	help: `
With a SAM template in place of DIR, --function chooses one of its functions,
which runs with the settings that it has there.

The function runs as a process of its own and talks to an engine that lives as
long as this command, with its data in --data. What happens is shown on stderr;
the result goes to stdout, alone. With --json that is one object with the
execution's ARN, name, status, and result or error, however it ended.

With --name the start is idempotent: the same name with the same event goes on
with the execution that exists, or prints its stored result. A name without an
event goes on with what was started under it.

Ctrl-C stops cleanly and says how to go on; so does the same command after a
crash. Finished steps do not run again and waits do not start anew.

A function that fails to answer three times in a row, without an operation in
between, ends the command with status 1. The execution stays open: mend the
function and go on, or use --keep-going to never give up.`,
	verb: func() verb { return &runVerb{} },
}

type runVerb struct {
	functionFlags
	engineFlags
	templateFlags
	path      string // as given
	event     eventFlags
	name      string
	named     bool // by the user
	program   project.Program
	tags      map[string]string
	json      bool
	keepGoing bool
}

func (v *runVerb) define(fs *flag.FlagSet) {
	v.functionFlags.define(fs)
	v.engineFlags.define(fs, "127.0.0.1:0")
	v.templateFlags.define(fs)
	v.event.define(fs)
	fs.StringVar(&v.name, "name", "", "`NAME` of the execution, which makes the start idempotent")
	fs.Func("tag", "give the execution a tag, `KEY=VALUE`; may repeat", tagFlag(&v.tags))
	fs.StringVar(&v.program.Name, "function", "", "`NAME` of the function, if not that of its directory")
	fs.StringVar(&v.program.Handler, "handler", "",
		"`FILE.FUNCTION` of a function that is not in Go, if it cannot be guessed")
	fs.StringVar(&v.program.Runtime, "runtime", "", "`IDENTIFIER` of its language as on Lambda, such as python3.13")
	fs.BoolVar(&v.json, "json", false, "print how the execution ended as a JSON object")
	fs.BoolVar(&v.keepGoing, "keep-going", false, "never give up a function that keeps failing to answer")
}

func (v *runVerb) run(ctx context.Context, std *stdio, args []string) error {
	event, err := v.check(ctx, std, args)
	if err != nil {
		return err
	}
	view := progress.New(std.err, progress.For(std.err.File))
	defer view.Close()
	log := cli.NewLogger(func(line string) { view.Note("%s", line) })
	v.connect(view)
	h, err := v.open(ctx, std, log)
	if err != nil {
		return err
	}
	defer h.Close()
	if _, err := h.Install(ctx, v.settings(), []project.Program{v.program}, nil); err != nil {
		return interruptedOr(ctx, err)
	}
	h.Serve()
	x, err := v.start(ctx, h, event)
	if err != nil {
		return interruptedOr(ctx, err)
	}
	v.announce(view, x)
	return v.finish(ctx, std, h, view, x)
}

// connect shows on view the function's output for the execution. Other open executions of the function only get a
// mention.
func (v *runVerb) connect(view *progress.View) {
	rest := others{name: v.name, meet: func(name string) {
		view.Note("execution %s of %s is open as well and goes on meanwhile", name, v.program.Name)
	}}
	v.Invoked = rest.note
	v.Output = func(string, string) func(engine.LogLine) {
		return func(line engine.LogLine) {
			if !rest.wrote(line) {
				view.Log(line.Text)
			}
		}
	}
}

// check checks flags and arguments before anything is started or written.
func (v *runVerb) check(ctx context.Context, std *stdio, args []string) ([]byte, error) {
	if err := exactly(args, "run", "the directory of a function"); err != nil {
		return nil, err
	}
	v.path = args[0]
	if err := v.chooseProgram(std); err != nil {
		return nil, err
	}
	if err := cmp.Or(v.functionFlags.check(), v.engineFlags.check(), v.program.Check()); err != nil {
		return nil, err
	}
	if v.name == "" && !v.event.given() {
		return nil, missingEvent(args[0])
	}
	if v.named = v.name != ""; !v.named {
		v.name = uuid.NewString()
	}
	if err := checkName(v.name); err != nil {
		return nil, err
	}
	return v.event.read(ctx, std)
}

// chooseProgram finds the function that the path names.
func (v *runVerb) chooseProgram(std *stdio) error {
	if !project.IsTemplate(v.path) {
		v.program.Path = v.path
		v.program.Name = cmp.Or(v.program.Name, project.NameOf(v.path))
		return nil
	}
	p, err := v.read(std, v.path)
	if err != nil {
		return err
	}
	chosen, err := pick(p, v.program.Name)
	if err != nil {
		return err
	}
	if chosen.Plain {
		return cli.Usagef("%s is not durable: it has no DurableConfig in %s", chosen.Name, v.path).
			Hintf("only durable functions have executions to run; others are called, with perdure dev and " +
				"perdure invoke")
	}
	tellNotes(std, p)
	v.program = chosen
	return nil
}

// pick returns the function of p called name, by its name or its logical id; or the only one, if name is empty.
func pick(p *project.Project, name string) (project.Program, error) {
	var names []string
	for _, f := range p.Programs {
		if f.Name == name || f.Spec.LogicalID == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	if name == "" && len(p.Programs) == 1 {
		return p.Programs[0], nil
	}
	if name == "" {
		return project.Program{}, cli.Usagef("%s has %d functions", p.Path, len(names)).
			Hintf("choose one with --function: %s", strings.Join(names, ", "))
	}
	for _, w := range p.Warnings {
		if w.LeavesOut() && w.Subject == name {
			return project.Program{}, cli.Usagef("%s", w)
		}
	}
	problem := cli.Usagef("%s has no function %q", p.Path, name)
	if near := text.Nearest(name, names); near != "" {
		return project.Program{}, problem.Hintf("did you mean %s?", near)
	}
	return project.Program{}, problem.Hintf("it has %s", strings.Join(names, ", "))
}

// execution is the command's execution.
type execution struct {
	arn, name string
	before    *engine.Description // before this command; nil if it is new
	recorded  int64               // events from before
}

// lookBack finds the state of an execution before this command.
func (x *execution) lookBack(ctx context.Context, e *engine.Engine) (err error) {
	if x.before, err = e.Describe(ctx, x.arn); err != nil {
		return err
	}
	events, _, err := e.History(ctx, &engine.HistoryRequest{ARN: x.arn, MaxItems: 1, NewestFirst: true})
	if err == nil && len(events) > 0 {
		x.recorded = events[0].ID
	}
	return err
}

// start starts the execution, or finds the one that has the name.
func (v *runVerb) start(ctx context.Context, h *host.Host, event []byte) (*execution, error) {
	if !v.event.given() {
		var err error
		if event, err = v.storedEvent(ctx, h); err != nil {
			return nil, err
		}
	}
	started, err := h.Engine.Start(ctx, &engine.InvokeRequest{Function: v.program.Name,
		Qualifier: protocol.LatestVersion, Name: v.name, Tags: v.tags, Payload: event})
	if e, ok := errors.AsType[*protocol.Error](err); ok && e.Code == protocol.CodeAlreadyStarted {
		return nil, nameTaken(v.name)
	}
	if err != nil {
		return nil, h.Fault(err)
	}
	x := &execution{arn: started.ARN, name: v.name}
	if started.Existing {
		err = x.lookBack(ctx, h.Engine)
	}
	return x, err
}

// storedEvent returns the event with which the execution was started.
func (v *runVerb) storedEvent(ctx context.Context, h *host.Host) ([]byte, error) {
	found, err := h.Engine.Named(ctx, v.program.Name, v.name)
	if refusal, ok := errors.AsType[*protocol.Error](err); ok && refusal.Code == protocol.CodeNotFound {
		return nil, cli.Usagef("no execution of %s is called %q yet, so it needs an event", v.program.Name, v.name).
			Hintf("give one with --event FILE")
	}
	if err != nil {
		return nil, h.Fault(err)
	}
	d, err := h.Engine.Describe(ctx, found.ARN)
	if err != nil {
		return nil, h.Fault(err)
	}
	if d.Input == nil {
		return nil, nil
	}
	return []byte(*d.Input), nil
}

func (v *runVerb) announce(view *progress.View, x *execution) {
	switch {
	case x.before != nil && x.before.Status.Closed():
		view.Note("%s: execution %s ended before (%s, %s); nothing runs again", v.program.Name, x.name,
			x.before.Status, x.before.Closed.Time().Local().Format(time.DateTime))
	case x.before != nil:
		view.Resume(x.recorded)
		view.Note("%s: execution %s goes on, started %s", v.program.Name, x.name,
			x.before.Started.Time().Local().Format(time.DateTime))
	default:
		view.Note("%s: execution %s started", v.program.Name, x.name)
	}
	if !v.named {
		view.Note("if it is interrupted, go on with: %s", v.commandLine())
	}
}

// finish follows the execution and tells its end.
func (v *runVerb) finish(ctx context.Context, std *stdio, h *host.Host, view *progress.View, x *execution) error {
	if x.before == nil || !x.before.Status.Closed() {
		if err := v.follow(ctx, h, view, x); err != nil {
			return err
		}
	}
	result, err := h.Engine.Wait(ctx, x.arn)
	if err != nil {
		return h.Fault(err)
	}
	return newOutcome(x.arn, result.Status, result.Payload, result.Error).tell(std, v.json)
}

// follow shows the execution until it ends, or until there is a reason to leave it: then the engine stops first, so
// that our words are true.
func (v *runVerb) follow(ctx context.Context, h *host.Host, view *progress.View, x *execution) error {
	p := patience{ignored: x.recorded, endless: v.keepGoing}
	err := follow(ctx, view, h.Engine.Watch(ctx, x.arn), p.judge)
	switch {
	case interrupted(ctx):
		view.Note("stopping (Ctrl-C again stops at once)")
		h.Close()
		return v.toBeContinued(cli.StatusInterrupted, "stopped; nothing is lost")
	case errors.Is(err, errNoAnswer):
		h.Close()
		return v.toBeContinued(cli.StatusFailed,
			p.verdict(v.program.Name)).Hintf("mend the function first, or pass --keep-going")
	case err != nil:
		return h.Fault(err)
	}
	return nil
}

func (v *runVerb) toBeContinued(status int, message string) *cli.Problem {
	p := &cli.Problem{Status: status, Message: message}
	return p.Hintf("go on with: %s", v.commandLine())
}

// commandLine is the command to go on with: with the execution's name, and without an event from stdin.
func (v *runVerb) commandLine() string {
	words := []string{"run", v.path}
	v.functionFlags.flags.Visit(func(f *flag.Flag) {
		switch value := f.Value.String(); {
		case f.Name == "name", f.Name == "listen", f.Name == "event" && value == "-":
		case f.Name == "env":
			for _, word := range v.env.words {
				words = append(words, "--env", word)
			}
		case f.Name == "parameter":
			for _, word := range v.parameters.words {
				words = append(words, "--parameter", word)
			}
		case value == "true":
			words = append(words, "--"+f.Name)
		default:
			words = append(words, "--"+f.Name, value)
		}
	})
	return cli.CommandLine(append(words, "--name", v.name)...)
}

// interruptedOr returns err, unless a signal to stop caused it.
func interruptedOr(ctx context.Context, err error) error {
	if interrupted(ctx) {
		return &cli.Problem{Status: cli.StatusInterrupted, Message: "interrupted before anything was started"}
	}
	return err
}

// maxNoAnswer is how many invocations in a row may fail without progress.
const maxNoAnswer = 3

var errNoAnswer = errors.New("the function keeps failing to answer")

// patience counts invocations that failed with no operation in between.
type patience struct {
	ignored  int64 // events up to this one do not count
	endless  bool
	failures int
	last     *protocol.ErrorObject
}

// judge judges an event, and returns errNoAnswer when patience is at its end.
func (p *patience) judge(e *protocol.Event) error {
	switch {
	case e.ID <= p.ignored || p.endless:
		return nil
	case e.Type != protocol.EventInvocationCompleted || e.Error == nil:
		p.failures = 0
		return nil
	}
	p.failures++
	p.last = e.Error
	if p.failures >= maxNoAnswer {
		return errNoAnswer
	}
	return nil
}

func (p *patience) verdict(function string) string {
	return fmt.Sprintf("function %s failed %d times in a row without progress; the last time: %s", function, p.failures,
		progress.ErrorLine(p.last))
}

// maxMentions bounds how many other executions are mentioned.
const maxMentions = 3

// others tells the command's execution from the function's other open executions, which go on while the function
// can be invoked.
type others struct {
	name string            // of the command's execution
	meet func(name string) // hears the names of some others, each once

	mu    sync.Mutex
	names []string // told to meet
}

// wrote reports whether another execution wrote the line.
func (o *others) wrote(line engine.LogLine) bool {
	return line.ExecutionARN != "" && nameInARN(line.ExecutionARN) != o.name
}

// note notes that an invocation begins.
func (o *others) note(inv *engine.Invocation) {
	name := nameInARN(inv.ExecutionARN)
	o.mu.Lock()
	defer o.mu.Unlock()
	if name != o.name && len(o.names) < maxMentions && !slices.Contains(o.names, name) {
		o.names = append(o.names, name)
		o.meet(name)
	}
}
