package main

import (
	"context"
	"flag"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/protocol"
)

var stopCommand = &command{
	name:    "stop",
	args:    "EXECUTION | FILTER [--function NAME] [--reason TEXT]",
	summary: "stop an execution for good",
	help: bulkHelp + `

A stopped execution does not go on, and its name stays taken. To stop an engine
and go on later, interrupt it with Ctrl-C instead.`,
	verb: func() verb { return &stopVerb{} },
}

type stopVerb struct {
	bulkFlags
	reason string
}

func (v *stopVerb) define(fs *flag.FlagSet) {
	v.bulkFlags.define(fs)
	fs.StringVar(&v.reason, "reason", "", "`TEXT` to store as the execution's error message")
}

func (v *stopVerb) run(ctx context.Context, std *stdio, args []string) error {
	if v.isMany(args) {
		return v.many(ctx, std, &adminapi.JobRequest{Action: engine.JobStop, Reason: v.reason})
	}
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
