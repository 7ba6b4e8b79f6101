package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"iter"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/cli/progress"
	"github.com/perdure/perdure/internal/client"
	"github.com/perdure/perdure/protocol"
)

var invokeCommand = &command{
	name:    "invoke",
	args:    "FUNCTION [--event FILE] [--name NAME] [--no-wait]",
	summary: "start an execution on a serving engine and follow it to its end",
	help: `
FUNCTION is a name, name:version or an ARN; without a version it is $LATEST.

The result goes to stdout. With --json that is one object with the execution's
ARN, name, status, and result or error, however it ended. With --no-wait it is
the ARN of the execution, which goes on by itself. A function that is not durable
is called, and what it answers is the result.

With --name the start is idempotent: the same name with the same event attaches
to the execution that exists, or prints its stored result.

Ctrl-C stops following; the execution goes on.`,
	verb: func() verb { return &invokeVerb{} },
}

type invokeVerb struct {
	remoteFlags
	event        storedEventFlags
	name         string
	tags         map[string]string
	wait, noWait bool
}

func (v *invokeVerb) define(fs *flag.FlagSet) {
	v.remoteFlags.define(fs)
	v.event.define(fs)
	fs.StringVar(&v.name, "name", "", "`NAME` of the execution, which makes the start idempotent")
	fs.Func("tag", "give the execution a tag, `KEY=VALUE`; may repeat", tagFlag(&v.tags))
	fs.BoolVar(&v.wait, "wait", true, "follow the execution to its end")
	fs.BoolVar(&v.noWait, "no-wait", false, "print the execution's ARN and do not wait")
}

func (v *invokeVerb) run(ctx context.Context, std *stdio, args []string) error {
	if err := exactly(args, "invoke", "a function"); err != nil {
		return err
	}
	if v.name != "" {
		if err := checkName(v.name); err != nil {
			return err
		}
	}
	if n := len(engine.FormatTags(v.tags)); n > engine.MaxTagText {
		return cli.Usagef("these tags take %d bytes in a request, of which at most %d are for tags", n,
			engine.MaxTagText).
			Hintf("other characters than ASCII's take three bytes for each of theirs")
	}
	event, err := v.event.read(ctx, std)
	if err != nil {
		return err
	}
	r, err := v.dial()
	if err != nil {
		return err
	}
	if event, err = v.event.stored(ctx, r, args[0], event); err != nil {
		return err
	}
	if r.isPlain(ctx, args[0]) {
		return v.callPlain(ctx, std, r, args[0], event)
	}
	started, err := r.Invoke(ctx, &client.Invocation{Function: args[0], Name: v.name, Tags: v.tags, Event: event})
	switch {
	case protocol.HasCode(err, protocol.CodeAlreadyStarted):
		return nameTaken(v.name)
	case err != nil:
		return r.fault(ctx, err)
	case started.ARN == "":
		return cli.Faultf("function %s is not durable: it was called, and there is no execution to follow", args[0])
	case v.noWait || !v.wait:
		return v.printARN(std, started.ARN)
	}
	return v.follow(ctx, std, r, started.ARN)
}

func (v *invokeVerb) printARN(std *stdio, arn string) error {
	if v.json {
		return printJSON(std.out, fmt.Appendf(nil, `{"DurableExecutionArn":%q,"DurableExecutionName":%q}`, arn,
			nameInARN(arn)))
	}
	fmt.Fprintln(std.out, arn)
	return nil
}

func (v *invokeVerb) follow(ctx context.Context, std *stdio, r *remote, arn string) error {
	view := progress.New(std.err, progress.For(std.err.File))
	view.Note("execution %s", nameInARN(arn))
	err := follow(ctx, view, watched(r.Watch(ctx, arn)), nil)
	if interrupted(ctx) {
		return (&cli.Problem{Status: cli.StatusInterrupted,
			Message: "not following any longer; the execution goes on"}).
			Hintf("look at it with: %s", cli.CommandLine("get", arn, "--endpoint", r.Endpoint))
	}
	if err != nil {
		return r.fault(ctx, err)
	}
	o, err := r.outcomeOf(ctx, arn)
	if err != nil {
		return err
	}
	return o.tell(std, v.json)
}

// checkName returns a problem unless name can name an execution.
func checkName(name string) error {
	if protocol.ValidID(name, protocol.MaxExecutionName) {
		return nil
	}
	return cli.Usagef("%q cannot be an execution's name", name).
		Hintf("a name has 1 to %d letters, digits, - and _", protocol.MaxExecutionName)
}

// watched are events without the engine's JSON.
func watched(events iter.Seq2[client.Event, error]) iter.Seq2[*protocol.Event, error] {
	return func(yield func(*protocol.Event, error) bool) {
		for e, err := range events {
			if !yield(e.Event, err) {
				return
			}
		}
	}
}

// isPlain reports whether a function is known not to be durable: it is called, and has no executions.
func (r *remote) isPlain(ctx context.Context, function string) bool {
	f, err := r.Function(ctx, function)
	return err == nil && f.DurableConfig == nil // the invocation will show any error
}

// callPlain calls a plain function and prints its answer, unless it does not wait for that.
func (v *invokeVerb) callPlain(ctx context.Context, std *stdio, r *remote, function string, event []byte) error {
	switch {
	case v.name != "":
		return cli.Usagef("function %s is not durable, so there is no execution to name", function)
	case len(v.tags) > 0:
		return cli.Usagef("function %s is not durable, so there is no execution that has tags", function)
	}
	in := &client.Invocation{Function: function, Event: event, Wait: v.wait && !v.noWait}
	out, err := r.Invoke(ctx, in)
	switch {
	case err != nil:
		return r.fault(ctx, err)
	case !in.Wait:
		return nil
	case out.Failed:
		return failedCall(std, function, out.Answer)
	}
	if _, err := std.out.Write(append(out.Answer, '\n')); err != nil {
		return cli.Faultf("cannot write the result: %v", err)
	}
	return nil
}

// failedCall is the problem of a plain function that failed.
func failedCall(std *stdio, function string, document []byte) error {
	var d struct {
		Type    string          `json:"errorType"`
		Message string          `json:"errorMessage"`
		Trace   json.RawMessage `json:"stackTrace"`
	}
	if json.Unmarshal(document, &d) != nil {
		d.Message = string(document)
	}
	e := &protocol.ErrorObject{ErrorType: d.Type, ErrorMessage: d.Message, StackTrace: protocol.DecodeTrace(d.Trace)}
	writeStack(std.err, e)
	return &cli.Problem{Status: cli.StatusFailed, Message: "function " + function + " failed: " + progress.ErrorLine(e)}
}
