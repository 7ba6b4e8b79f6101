package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/cli/progress"
)

var getCommand = &command{
	name:    "get",
	args:    "EXECUTION [--function NAME]",
	summary: "show one execution: status, input and result",
	help:    executionHelp,
	verb:    func() verb { return &getVerb{} },
}

const executionHelp = `
EXECUTION is an ARN, a name, or a piece of a name or id that only one execution
has.`

type getVerb struct {
	remoteFlags
	function string
}

func (v *getVerb) define(fs *flag.FlagSet) {
	v.remoteFlags.define(fs)
	fs.StringVar(&v.function, "function", "", functionUsage)
}

func (v *getVerb) run(ctx context.Context, std *stdio, args []string) error {
	if err := exactly(args, "get", "an execution"); err != nil {
		return err
	}
	r, err := v.dial()
	if err != nil {
		return err
	}
	arn, err := r.resolve(ctx, args[0], v.function)
	if err != nil {
		return err
	}
	e, raw, err := r.execution(ctx, arn)
	if err != nil {
		return err
	}
	if v.json {
		return printJSON(std.out, raw)
	}
	describe(std.out, e)
	return nil
}

// describe shows an execution to a person.
func describe(w io.Writer, e *cli.Execution) {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, value string) { fmt.Fprintf(tab, "%s\t%s\n", name, cli.Printable(value)) }
	row("execution", e.Name)
	row("status", string(e.Status))
	row("function", e.FunctionARN)
	row("arn", e.ARN)
	row("started", localTime(e.Started))
	if e.Closed != 0 {
		row("ended", localTime(e.Closed))
	}
	row("took", duration(e))
	if e.Input != nil {
		row("input", cli.Payload(*e.Input))
	}
	if e.Result != nil {
		row("result", cli.Payload(*e.Result))
	}
	if e.Error != nil {
		row("error", progress.ErrorLine(e.Error))
	}
	tab.Flush()
}

// printJSON writes raw on one line.
func printJSON(w io.Writer, raw json.RawMessage) error {
	var line bytes.Buffer
	if err := json.Compact(&line, raw); err != nil {
		return err
	}
	line.WriteByte('\n')
	_, err := line.WriteTo(w)
	return err
}
