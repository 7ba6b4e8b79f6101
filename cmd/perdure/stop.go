package main

import (
	"context"
	"flag"

	"github.com/perdure/perdure/protocol"
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
	var reason *protocol.ErrorObject
	if v.reason != "" {
		reason = &protocol.ErrorObject{ErrorMessage: v.reason}
	}
	if err := r.Stop(ctx, arn, reason); err != nil {
		return r.fault(ctx, err)
	}
	return v.tell(ctx, std, r, arn)
}
