package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
	"time"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/core/rehearsal"
	"github.com/perdure/perdure/internal/function/project"
	"github.com/perdure/perdure/internal/host"
	"github.com/perdure/perdure/protocol"
)

var replayCommand = &command{
	name:    "replay",
	args:    "DIR|TEMPLATE (EXECUTION… | --open | FILE…)",
	summary: "try whether executions can go on with today's code, before a deploy",
	help: `
The function is built as for "perdure run", and gets what is recorded of each
execution. No body of a step runs, and nothing is recorded. An open execution
replays up to where it stands, a closed one to its end, which must be the
recorded one. Where code and records part, both are shown side by side, with the
line of the code's call.

EXECUTION is an ARN, a name, or a piece of a name or id. --open is all executions
of the function that are open, or of one version of it. They come from the engine at --endpoint; with --aws
from AWS, where EXECUTION is an ARN, or the name of one of the function's:
credentials and region are those of the AWS CLI, from its environment variables
and files (AWS_PROFILE, AWS_REGION, …).

FILE is a file of perdure export, or JSON of the Lambda API: what
get-durable-execution-history answers with --include-execution-data, or
get-durable-execution-state. A name that is a file is taken for one.

The exit status is 0 if all replay and 1 if one does not, 2 for wrong usage, code that
does not build or a file that cannot be read, 3 for trouble with the engine or AWS. --json prints an
object for each execution.

Only functions in Go with package durable can be replayed: others would run the
bodies of their steps.`,
	verb: func() verb { return &replayVerb{} },
}

type replayVerb struct {
	remoteFlags
	templateFlags
	program   project.Program
	path      string
	function  string // at the engine, perhaps with a version
	env       assignments
	data      string
	timeout   time.Duration
	open, aws bool
	lost      bool
}

func (v *replayVerb) define(fs *flag.FlagSet) {
	v.remoteFlags.define(fs)
	v.templateFlags.define(fs)
	fs.BoolVar(&v.open, "open", false, "replay all open executions of the function")
	fs.BoolVar(&v.aws, "aws", false, "executions come from AWS, not from an engine of ours")
	fs.StringVar(&v.function, "function", "", "`NAME` of the function, if not that of its directory, or NAME:VERSION")
	fs.DurationVar(&v.timeout, "timeout", 10*time.Second, "the `TIME` that the code may take for one execution")
	fs.BoolVar(&v.lost, "allow-lost-fields", false,
		"accept that today's types have no place for fields of recorded results")
	defineEnv(fs, &v.env)
	fs.StringVar(&v.data, "data", ".perdure", "`DIR` for builds")
}

func (v *replayVerb) run(ctx context.Context, std *stdio, args []string) error {
	if err := v.check(std, args); err != nil {
		return err
	}
	shop := &host.Workshop{Data: v.data, Building: building(std)}
	defer shop.Close()
	code, closeCode, err := v.code(ctx, std, shop)
	if err != nil {
		return err
	}
	defer closeCode()
	tried, failed := 0, 0
	for found, err := range v.recordings(ctx, args[1:]) {
		if err != nil {
			return err
		}
		verdict := found.recording.Rehearse(ctx, code)
		if ctx.Err() != nil {
			return interruptedOr(ctx, context.Cause(ctx))
		}
		tried++
		good := verdict.Kind == rehearsal.Replays && (v.lost || len(verdict.Lost) == 0)
		if !good {
			failed++
		}
		if err := v.tell(std.out, found, verdict, good); err != nil {
			return err
		}
	}
	switch {
	case failed > 0:
		return &cli.Problem{Status: cli.StatusFailed,
			Message: fmt.Sprintf("%d of %s not replay with this code", failed, counted(tried))}
	case tried == 0:
		fmt.Fprintf(std.err, "perdure: %s has no open executions\n", v.function)
	}
	return nil
}

// counted is a number of executions with a verb for them.
func counted(n int) string {
	if n == 1 {
		return "1 execution does"
	}
	return fmt.Sprintf("%d executions do", n)
}

func (v *replayVerb) check(std *stdio, args []string) error {
	switch {
	case len(args) == 0:
		return exactly(args, "replay", "the directory of a function")
	case len(args) == 1 && !v.open:
		return cli.Usagef("perdure replay needs an execution, a file with one, or --open").Hintf("perdure help replay")
	case len(args) > 1 && v.open:
		return cli.Usagef("perdure replay takes --open, or executions and files, not both")
	case v.timeout < time.Millisecond:
		return cli.Usagef("--timeout must be positive, such as 10s")
	}
	v.path = args[0]
	name, _, _ := strings.Cut(v.function, ":")
	if !project.IsTemplate(v.path) {
		v.program = project.Program{Path: v.path, Name: cmp.Or(name, project.NameOf(v.path))}
	} else {
		p, err := v.read(std, v.path)
		if err != nil {
			return err
		}
		if v.program, err = pick(p, name); err != nil {
			return err
		}
	}
	v.function = cmp.Or(v.function, v.program.Name)
	if v.program.IsElsewhere() {
		return cli.Usagef("%s is not code that can be run here", v.path)
	}
	if err := v.program.Check(); err != nil {
		return err
	}
	if v.program.Spec == nil && !v.program.IsExecutable() && !v.program.IsGo() {
		return v.foreign()
	}
	return nil
}

// foreign refuses code that knows no rehearsals.
func (v *replayVerb) foreign() error {
	return cli.Usagef("%s is not in Go with package durable of this version: it would run the bodies of its steps",
		v.path).Hintf("only such functions can be replayed; a program that is built already may be older")
}

// code builds the function, and runs it for rehearsals.
func (v *replayVerb) code(ctx context.Context, std *stdio, shop *host.Workshop) (rehearsal.Code, func(), error) {
	proc, err := shop.Prepare(ctx, &v.program)
	if err != nil {
		return nil, nil, interruptedOr(ctx, err)
	}
	stage, err := host.OpenStage(cli.NewLogger(func(line string) {
		fmt.Fprintf(std.err, "perdure: %s\n", cli.Printable(line))
	}))
	if err != nil {
		return nil, nil, err
	}
	s := &project.Settings{Env: v.env.values}
	built := &host.Code{Function: v.program.Function(s), Process: proc, Env: v.program.Environment(s)}
	code, err := stage.Rehearse(built, v.timeout)
	if errors.Is(err, host.ErrNoRehearsal) {
		err = v.foreign()
	}
	if err != nil {
		stage.Close()
		return nil, nil, err
	}
	return code, stage.Close, nil
}

// found is a recorded execution, and what the user knows it by.
type found struct {
	source    string // an ARN, or the name of a file
	recording *rehearsal.Recording
}

// recordings yields the executions that args name, or all open ones.
func (v *replayVerb) recordings(ctx context.Context, args []string) iter.Seq2[found, error] {
	return func(yield func(found, error) bool) {
		var from service
		for _, arg := range args {
			if isFile(arg) {
				rec, err := readRecording(arg)
				if !yield(found{arg, rec}, err) || err != nil {
					return
				}
				continue
			}
			var err error
			if from == nil {
				from, err = v.service()
			}
			var arn string
			if err == nil {
				arn, err = from.resolve(ctx, arg, v.function)
			}
			if !v.fetch(ctx, from, arn, err, yield) {
				return
			}
		}
		if !v.open {
			return
		}
		from, err := v.service()
		if err != nil {
			yield(found{}, err)
			return
		}
		for arn, err := range from.open(ctx, v.function) {
			if !v.fetch(ctx, from, arn, err, yield) {
				return
			}
		}
	}
}

// fetch yields an execution of a service. It reports whether more are wanted.
func (v *replayVerb) fetch(ctx context.Context, from service, arn string, err error,
	yield func(found, error) bool) bool {
	var rec *rehearsal.Recording
	if err == nil {
		rec, err = from.recording(ctx, arn)
	}
	return yield(found{arn, rec}, err) && err == nil
}

// isFile reports whether a word means a file: it is one, or no execution is called so.
func isFile(word string) bool {
	if info, err := os.Stat(word); err == nil && !info.IsDir() {
		return true
	}
	_, notARN := protocol.ParseARN(word)
	return notARN != nil && !protocol.ValidID(strings.ReplaceAll(word, "/", "-"), protocol.MaxARN) // NAME/ID is a piece
}

func readRecording(path string) (*rehearsal.Recording, error) {
	rec, err := rehearsal.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, cli.Usagef("there is no file %s", path)
	case err != nil:
		return nil, cli.Usagef("%s cannot be replayed: %v", path, err)
	}
	return rec, nil
}

// service is where executions are.
type service interface {
	// resolve finds the execution that word means.
	resolve(ctx context.Context, word, function string) (arn string, err error)
	// open yields the ARNs of a function's open executions.
	open(ctx context.Context, function string) iter.Seq2[string, error]
	recording(ctx context.Context, arn string) (*rehearsal.Recording, error)
}

func (v *replayVerb) service() (service, error) {
	if v.aws {
		return v.dialAWS()
	}
	return v.dial()
}

// recording reads an execution as the engine exports it, which has more than the Lambda API tells.
func (r *remote) recording(ctx context.Context, arn string) (*rehearsal.Recording, error) {
	var file bytes.Buffer
	if err := r.Export(ctx, arn, &file); err != nil {
		return nil, r.fault(ctx, err)
	}
	rec, err := rehearsal.Read(file.Bytes())
	if err != nil {
		return nil, cli.Faultf("execution %s cannot be replayed: %v", nameInARN(arn), err)
	}
	return rec, nil
}

// openStatuses are those of open executions.
var openStatuses = []protocol.ExecutionStatus{
	protocol.ExecutionRunning, protocol.ExecutionPausing, protocol.ExecutionPaused,
}

func (r *remote) open(ctx context.Context, function string) iter.Seq2[string, error] {
	return openOf(ctx, r, function, r.fault)
}

// openOf yields a function's open executions. fault words an error.
func openOf(ctx context.Context, r *remote, function string,
	fault func(context.Context, error) error) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, status := range openStatuses { // the Lambda API takes one at a time
			for arn, err := range r.Executions(ctx, function, "", status) {
				if !yield(arn, fault(ctx, err)) || err != nil {
					return
				}
			}
		}
	}
}

// replayed is what --json prints of an execution.
type replayed struct {
	Execution  string // its name
	Source     string // its ARN, or a file
	Status     protocol.ExecutionStatus
	Replays    bool
	Kind       rehearsal.Kind
	Text       string                `json:",omitempty"`
	Divergence *rehearsal.Divergence `json:",omitempty"`
	Lost       []rehearsal.Loss      `json:",omitempty"`
	SideBySide string                `json:",omitempty"`
}

// tell says what came of one execution.
func (v *replayVerb) tell(out io.Writer, f found, verdict *rehearsal.Verdict, good bool) error {
	if v.json {
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		return enc.Encode(replayed{
			Execution: f.recording.Name(), Source: f.source, Status: f.recording.Status, Replays: good,
			Kind: verdict.Kind, Text: verdict.Text, Divergence: verdict.Divergence, Lost: verdict.Lost,
			SideBySide: verdict.Sides(),
		})
	}
	word := "does not replay: "
	switch {
	case good && len(verdict.Lost) == 0:
		word = "replays\n"
	case verdict.Kind == rehearsal.Replays:
		word = "replays, but loses what is recorded: "
	}
	name := f.recording.Name()
	if !strings.HasPrefix(f.source, "arn:") {
		name = f.source
	}
	printLines(out, fmt.Sprintf("%s (%s): %s%v", name, f.recording.Ending(), word, verdict))
	return nil
}

// printLines prints lines that others may have written parts of.
func printLines(out io.Writer, text string) {
	for line := range strings.Lines(text) {
		fmt.Fprintln(out, cli.Printable(strings.TrimSuffix(line, "\n")))
	}
}
