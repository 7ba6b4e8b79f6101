package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/perdure/perdure/internal/cli"
)

var explainCommand = &command{
	name:    "explain",
	args:    "EXECUTION [--function NAME]",
	summary: "say why one execution is not moving",
	help: executionHelp + `

The first line is the whole of it; below are the reasons one by one, with the
ids of callbacks that are waited for. Of an execution that failed because its
code did not do what was recorded, both are shown side by side.`,
	verb: func() verb { return &explainVerb{} },
}

type explainVerb struct{ executionFlags }

func (v *explainVerb) run(ctx context.Context, std *stdio, args []string) error {
	r, arn, err := v.locate(ctx, "explain", args)
	if err != nil {
		return err
	}
	x, err := r.Explain(ctx, arn)
	if err != nil {
		return r.fault(ctx, err)
	}
	if v.json {
		return json.NewEncoder(std.out).Encode(x)
	}
	fmt.Fprintln(std.out, cli.Printable(x.Text))
	printLines(std.out, x.SideBySide)
	for i := range x.Reasons {
		reason := &x.Reasons[i]
		fmt.Fprintf(std.out, "  %s", cli.Printable(reason.Text))
		if reason.OperationId != "" {
			fmt.Fprintf(std.out, " (operation %s)", reason.OperationId)
		}
		fmt.Fprintln(std.out)
		if reason.CallbackId != "" {
			fmt.Fprintf(std.out, "    callback id %s\n", reason.CallbackId)
		}
		if reason.DurableExecutionArn != "" {
			fmt.Fprintf(std.out, "    %s\n", reason.DurableExecutionArn)
		}
	}
	if n := x.Total - len(x.Reasons); n > 0 {
		fmt.Fprintf(std.out, "  and %d more\n", n)
	}
	return nil
}
