package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/cli/progress"
	"github.com/perdure/perdure/internal/function/sandbox"
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
	localFlags
	templateFlags
	path      string // as given
	event     eventFlags
	name      string
	named     bool // by the user
	program   program
	json      bool
	keepGoing bool
}

func (v *runVerb) define(fs *flag.FlagSet) {
	v.functionFlags.define(fs)
	v.localFlags.define(fs, "127.0.0.1:0")
	v.templateFlags.define(fs)
	v.event.define(fs)
	fs.StringVar(&v.name, "name", "", "`NAME` of the execution, which makes the start idempotent")
	fs.StringVar(&v.program.name, "function", "", "`NAME` of the function, if not that of its directory")
	fs.StringVar(&v.program.handler, "handler", "", "`FILE.FUNCTION` of a function that is not in Go, if it cannot be guessed")
	fs.StringVar(&v.program.runtime, "runtime", "", "`IDENTIFIER` of its language as on Lambda, such as python3.13")
	fs.BoolVar(&v.json, "json", false, "print how the execution ended as a JSON object")
	fs.BoolVar(&v.keepGoing, "keep-going", false, "never give up a function that keeps failing to answer")
}

func (v *runVerb) run(ctx context.Context, std *stdio, args []string) error {
	event, err := v.check(ctx, std, args)
	if err != nil {
		return err
	}
	view := progress.New(std.err, progressOptions(std.err.File))
	defer view.Close()
	l, err := openLocal(ctx, v.localFlags, newLogger(func(line string) { view.Note("%s", line) }))
	if err != nil {
		return err
	}
	defer l.close()
	v.connect(view)
	if _, err := v.install(ctx, std, l, v.program); err != nil {
		return interruptedOr(ctx, err)
	}
	l.serve()
	x, err := v.start(ctx, l.engine, event)
	if err != nil {
		return interruptedOr(ctx, err)
	}
	v.announce(view, x)
	return v.finish(ctx, std, l, view, x)
}

// connect shows on view what the function writes for the execution. Other open
// executions of the function only get a mention.
func (v *runVerb) connect(view *progress.View) {
	rest := others{name: v.name, meet: func(name string) {
		view.Note("execution %s of %s is open as well and goes on meanwhile", name, v.program.name)
	}}
	v.program.watch = rest.watch
	v.program.output = func(line sandbox.Line) {
		if !rest.wrote(line) {
			view.Log(line.Text)
		}
	}
}

// check finds what is wrong before anything is started or written.
func (v *runVerb) check(ctx context.Context, std *stdio, args []string) ([]byte, error) {
	if err := exactly(args, "run", "the directory of a function"); err != nil {
		return nil, err
	}
	v.path = args[0]
	if err := v.chooseProgram(std); err != nil {
		return nil, err
	}
	if err := cmp.Or(v.functionFlags.check(), v.localFlags.check(), v.program.check()); err != nil {
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
	if !isTemplate(v.path) {
		v.program.path = v.path
		v.program.name = cmp.Or(v.program.name, functionNameOf(v.path))
		return nil
	}
	project, err := readProject(std, v.path, &v.templateFlags)
	if err != nil {
		return err
	}
	chosen, err := project.pick(v.program.name)
	if err != nil {
		return err
	}
	if chosen.plain {
		return cli.Usagef("%s is not durable: it has no DurableConfig in %s", chosen.name, v.path).
			Hintf("only durable functions have executions to run; others are called, with perdure dev and perdure invoke")
	}
	project.tell(func(line string) { fmt.Fprintln(std.err, cli.Printable(line)) })
	v.program = chosen
	return nil
}

// execution is the one that this command is about.
type execution struct {
	arn, name string
	before    *engine.Description // how it was before this command; nil if it is new
	recorded  int64               // events that were there before
}

// lookBack finds out how an execution was before this command.
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
func (v *runVerb) start(ctx context.Context, e *engine.Engine, event []byte) (*execution, error) {
	if !v.event.given() {
		var err error
		if event, err = v.storedEvent(ctx, e); err != nil {
			return nil, err
		}
	}
	started, err := e.Start(ctx, &engine.InvokeRequest{Function: v.program.name, Qualifier: protocol.LatestVersion, Name: v.name, Payload: event})
	if _, taken := refusal(err, protocol.CodeAlreadyStarted); taken {
		return nil, nameTaken(v.name)
	}
	if err != nil {
		return nil, engineFault(v.data, err)
	}
	x := &execution{arn: started.ARN, name: v.name}
	if started.Existing {
		err = x.lookBack(ctx, e)
	}
	return x, err
}

// storedEvent returns the event with which the execution was started.
func (v *runVerb) storedEvent(ctx context.Context, e *engine.Engine) ([]byte, error) {
	found, _, err := e.List(ctx, &engine.ListRequest{Function: v.program.name, Name: v.name, MaxItems: 1})
	if err != nil {
		return nil, engineFault(v.data, err)
	}
	if len(found) == 0 {
		return nil, cli.Usagef("no execution of %s is called %q yet, so it needs an event", v.program.name, v.name).
			Hintf("give one with --event FILE")
	}
	d, err := e.Describe(ctx, found[0].ARN)
	if err != nil {
		return nil, engineFault(v.data, err)
	}
	if d.Input == nil {
		return nil, nil
	}
	return []byte(*d.Input), nil
}

func (v *runVerb) announce(view *progress.View, x *execution) {
	switch {
	case x.before != nil && x.before.Status.Closed():
		view.Note("%s: execution %s ended before (%s, %s); nothing runs again", v.program.name, x.name,
			x.before.Status, x.before.Closed.Time().Local().Format(time.DateTime))
	case x.before != nil:
		view.Resume(x.recorded)
		view.Note("%s: execution %s goes on, started %s", v.program.name, x.name, x.before.Started.Time().Local().Format(time.DateTime))
	default:
		view.Note("%s: execution %s started", v.program.name, x.name)
	}
	if !v.named {
		view.Note("if it is interrupted, go on with: %s", v.commandLine())
	}
}

// finish follows the execution and tells how it ended.
func (v *runVerb) finish(ctx context.Context, std *stdio, l *local, view *progress.View, x *execution) error {
	if x.before == nil || !x.before.Status.Closed() {
		if err := v.follow(ctx, l, view, x); err != nil {
			return err
		}
	}
	result, err := l.engine.Wait(ctx, x.arn)
	if err != nil {
		return engineFault(v.data, err)
	}
	return newOutcome(x.arn, result.Status, result.Payload, result.Error).tell(std, v.json)
}

// follow shows the execution until it ends, or until there is a reason to let
// it be: then the engine stops first, so that what is said is true.
func (v *runVerb) follow(ctx context.Context, l *local, view *progress.View, x *execution) error {
	p := patience{ignored: x.recorded, endless: v.keepGoing}
	err := follow(ctx, view, l.engine.Watch(ctx, x.arn), p.judge)
	switch {
	case interrupted(ctx):
		view.Note("stopping (Ctrl-C again stops at once)")
		l.close()
		return v.toBeContinued(cli.StatusInterrupted, "stopped; nothing is lost")
	case errors.Is(err, errNoAnswer):
		l.close()
		return v.toBeContinued(cli.StatusFailed, p.verdict(v.program.name)).Hintf("mend the function first, or pass --keep-going")
	case err != nil:
		return engineFault(v.data, err)
	}
	return nil
}

func (v *runVerb) toBeContinued(status int, message string) *cli.Problem {
	p := &cli.Problem{Status: status, Message: message}
	return p.Hintf("go on with: %s", v.commandLine())
}

// commandLine is this command as it should be typed to go on: with the
// execution's name, and without an event that came from stdin.
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
	return commandLine(append(words, "--name", v.name)...)
}

// interruptedOr returns err, unless it is what a signal to stop caused.
func interruptedOr(ctx context.Context, err error) error {
	if interrupted(ctx) {
		return &cli.Problem{Status: cli.StatusInterrupted, Message: "interrupted before anything was started"}
	}
	return err
}
