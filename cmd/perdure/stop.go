package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

var stopCommand = &command{
	name:    "stop",
	args:    "EXECUTION [--function NAME] [--reason TEXT]",
	summary: "stop one execution for good",
	help: executionHelp + `

A stopped execution does not go on, and its name stays taken. To stop an engine
and go on later, interrupt it with Ctrl-C instead.`,
	verb: func() verb { return &stopVerb{} },
}

type stopVerb struct {
	executionFlags
	reason string
}

func (v *stopVerb) define(fs *flag.FlagSet) {
	v.executionFlags.define(fs)
	fs.StringVar(&v.reason, "reason", "", "`TEXT` to store as the execution's error message")
}

func (v *stopVerb) run(ctx context.Context, std *stdio, args []string) error {
	r, arn, err := v.locate(ctx, "stop", args)
	if err != nil {
		return err
	}
	var reason *types.ErrorObject
	if v.reason != "" {
		reason = &types.ErrorObject{ErrorMessage: &v.reason}
	}
	if err := r.stop(ctx, arn, reason); err != nil {
		return err
	}
	return v.tell(ctx, std, r, arn)
}

// tell says how the execution stands now: one that had ended before keeps its
// status.
func (v *stopVerb) tell(ctx context.Context, std *stdio, r *remote, arn string) error {
	e, raw, err := r.execution(ctx, arn)
	if err != nil {
		return err
	}
	if v.json {
		return printJSON(std.out, raw)
	}
	fmt.Fprintf(std.out, "%s\t%s\n", e.Name, e.Status)
	return nil
}
