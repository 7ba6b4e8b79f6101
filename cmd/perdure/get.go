package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/cli/progress"
	"github.com/perdure/perdure/internal/client"
)

var getCommand = &command{
	name:    "get",
	args:    "EXECUTION [--function NAME]",
	summary: "show one execution: status, why it is not moving, input and result",
	help:    executionHelp,
	verb:    func() verb { return &getVerb{} },
}

type getVerb struct{ executionFlags }

func (v *getVerb) run(ctx context.Context, std *stdio, args []string) error {
	r, arn, err := v.locate(ctx, "get", args)
	if err != nil {
		return err
	}
	e, err := r.Execution(ctx, arn)
	if err != nil {
		return r.fault(ctx, err)
	}
	if v.json {
		return printJSON(std.out, e.JSON)
	}
	describe(std.out, e, explained(ctx, r, arn))
	return nil
}

// explained is our own API's explanation of an execution. After an error it is left out: the rest is worth showing.
func explained(ctx context.Context, r *remote, arn string) *adminapi.Explanation {
	x, err := r.Explain(ctx, arn)
	if err != nil {
		return &adminapi.Explanation{}
	}
	return x
}

// describe shows an execution to a person.
func describe(w io.Writer, e *client.Execution, x *adminapi.Explanation) {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, value string) { fmt.Fprintf(tab, "%s\t%s\n", name, cli.Printable(value)) }
	row("execution", e.Name)
	row("status", string(e.Status))
	if e.Closed == 0 && x.Text != "" {
		row("why", x.Text)
	}
	row("function", e.FunctionARN)
	row("arn", e.ARN)
	if x.ParentArn != "" {
		row("parent", x.ParentArn)
	}
	if x.OriginArn != "" {
		row("origin", x.OriginArn)
	}
	for _, f := range x.Forks {
		row(forkWords(&f))
	}
	for _, key := range slices.Sorted(maps.Keys(x.Tags)) {
		row("tag", key+"="+x.Tags[key])
	}
	row("started", localTime(e.Started))
	if e.Closed != 0 {
		row("ended", localTime(e.Closed))
	}
	if e.StoppedBy != "" {
		row("stopped by", e.StoppedBy)
	}
	if p := e.Pause; p != nil {
		row("pause", describePause(p))
	}
	row("took", duration(e))
	if e.Input != nil {
		row("input", cli.Payload(*e.Input))
	}
	if e.Result != nil {
		row("result", cli.Payload(*e.Result))
	}
	if line := progress.ErrorLine(e.Error); line != "" { // a stop may have no reason
		row("error", line)
	}
	tab.Flush()
}

// forkWords say what was made of an execution: by a redrive, or by another fork.
func forkWords(f *adminapi.MadeFork) (name, value string) {
	name, value = "fork", f.DurableExecutionArn
	if f.Redrive {
		name = "redriven as"
	}
	if f.Status == "" {
		return name, value + " (deleted)"
	}
	return name, value + " (" + string(f.Status) + ")"
}

// describePause says since when an execution is to pause, and why.
func describePause(p *client.Pause) string {
	text := "asked for " + localTime(p.Requested)
	if p.By != "" {
		text += " by " + p.By
	}
	if !p.TimeoutPaused {
		text += "; the execution timeout runs on"
	}
	if p.Reason != "" {
		text += ": " + p.Reason
	}
	return text
}

func printJSON(w io.Writer, raw json.RawMessage) error {
	var line bytes.Buffer
	if err := json.Compact(&line, raw); err != nil {
		return err
	}
	line.WriteByte('\n')
	_, err := line.WriteTo(w)
	return err
}
