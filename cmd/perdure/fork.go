package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/protocol"
)

var forkCommand = &command{
	name:    "fork",
	args:    "EXECUTION [--before OPERATION | --after OPERATION [--result TEXT]] [--event FILE]",
	summary: "start a copy of one execution, as far as an operation",
	help: executionHelp + `

OPERATION is an id, as "perdure history" shows them, or a name that only one
operation has. The copy has all that happened to operations until then, so that
the function replays it and goes on from there; --result and --error-message say
that OPERATION ended otherwise than it did. Without OPERATION everything is
copied. EXECUTION stays as it is.

--event and --event-json give the copy another event. Without OPERATION nothing is
copied then: it begins anew. With OPERATION the records count that were made for
the old event, and code that now takes another way before it fails.

What ran beside OPERATION in other items of a batch is kept; what its own
context did after it is not. Open callbacks have new ids in the copy, and what
was invoked and has not answered is invoked anew. A wait ends when it would have.`,
	verb: func() verb { return &forkVerb{} },
}

type forkVerb struct {
	executionFlags
	copyFlags
	before, after string
	result        cli.Text
	kind          string
	message       cli.Text
}

// copyFlags are the flags of the verbs that copy an execution.
type copyFlags struct {
	storedEventFlags
	name, version string
}

func (f *copyFlags) define(fs *flag.FlagSet) {
	f.storedEventFlags.define(fs)
	fs.StringVar(&f.name, "as", "", "`NAME` of the copy; the default is that of EXECUTION with a number behind it")
	fs.StringVar(&f.version, "to-version", "",
		"`VERSION` or alias of the function that runs the copy; the default is that of EXECUTION")
}

// copy is what the flags say of the copy.
func (f *copyFlags) copy(ctx context.Context, std *stdio) (*adminapi.Fork, error) {
	c := &adminapi.Fork{DurableExecutionName: f.name, Qualifier: f.version}
	event, err := f.read(ctx, std)
	if err == nil && event != nil {
		c.Input = new(string(event))
	}
	return c, err
}

// addStored gives the copy of an execution the event that the engine keeps, if the flags name one.
func (f *copyFlags) addStored(ctx context.Context, r *remote, arn string, c *adminapi.Fork) error {
	if f.saved == "" {
		return nil
	}
	of, err := protocol.ParseARN(arn)
	if err != nil {
		return err
	}
	event, err := f.stored(ctx, r, of.Function, nil)
	c.Input = new(string(event))
	return err
}

// tellForked names the new execution.
func tellForked(std *stdio, forked *adminapi.Forked, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(std.out).Encode(forked)
	}
	_, err := fmt.Fprintf(std.out, "%s\t%s\n", forked.DurableExecutionName, forked.DurableExecutionArn)
	return err
}

func (v *forkVerb) define(fs *flag.FlagSet) {
	v.executionFlags.define(fs)
	v.copyFlags.define(fs)
	fs.StringVar(&v.before, "before", "", "copy until before this `OPERATION`")
	fs.StringVar(&v.after, "after", "", "copy until this `OPERATION` has ended")
	fs.Var(&v.result, "result", "`TEXT`, mostly JSON, with which the operation of --after ended")
	fs.StringVar(&v.kind, "error-type", "", "`TYPE` of the error with which it ended")
	fs.Var(&v.message, "error-message", "`TEXT` of that error")
}

func (v *forkVerb) run(ctx context.Context, std *stdio, args []string) error {
	outcome, err := v.outcome()
	if err != nil {
		return err
	}
	fork, err := v.copy(ctx, std)
	if err != nil {
		return err
	}
	fork.Before, fork.After, fork.Outcome = v.before, v.after, outcome
	r, arn, err := v.locate(ctx, "fork", args)
	if err != nil {
		return err
	}
	if err := v.addStored(ctx, r, arn, fork); err != nil {
		return err
	}
	forked, err := r.Fork(ctx, arn, fork)
	if err != nil {
		return r.fault(ctx, err)
	}
	return tellForked(std, forked, v.json)
}

// outcome replaces that of the operation of --after; nil keeps it.
func (v *forkVerb) outcome() (*engine.ForkOutcome, error) {
	failed := v.kind != "" || v.message.Value != nil
	switch {
	case v.before != "" && v.after != "":
		return nil, cli.Usagef("--before and --after are two ends of one copy")
	case v.result.Value == nil && !failed:
		return nil, nil
	case v.after == "":
		return nil, cli.Usagef("--result and --error-message say how the operation of --after ended, and there is none")
	case v.result.Value != nil && failed:
		return nil, cli.Usagef("--result and --error-message are two outcomes of one operation")
	case failed:
		return &engine.ForkOutcome{Error: &protocol.ErrorObject{ErrorType: v.kind,
			ErrorMessage: v.message.String()}}, nil
	}
	return &engine.ForkOutcome{Result: v.result.Value}, nil
}
