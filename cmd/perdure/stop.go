package main

import (
	"context"
	"flag"

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
