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
	args:    "EXECUTION | FILTER [--reason TEXT] [--kill] [--cascade]",
	summary: "stop an execution for good",
	help: bulkHelp + `

A stopped execution does not go on, and its name stays taken. To stop an engine
and go on later, interrupt it with Ctrl-C instead.

What runs for it at the moment runs to its end, but records nothing more. --kill
ends that, too: the function's process, unless that also runs invocations of
other executions, or the request to its endpoint or its worker. --cascade also
stops the executions that it invoked and waits for, down to the last. Both can be
said later, of an execution that is over. The history says who asked.`,
	verb: func() verb { return &stopVerb{} },
}

type stopVerb struct {
	bulkFlags
	reason        string
	kill, cascade bool
}

func (v *stopVerb) define(fs *flag.FlagSet) {
	v.bulkFlags.define(fs)
	fs.StringVar(&v.reason, "reason", "", "`TEXT` to store as the execution's error message")
	fs.BoolVar(&v.kill, "kill", false, "end what runs for it")
	fs.BoolVar(&v.cascade, "cascade", false, "stop the executions that it invoked, too")
}

func (v *stopVerb) run(ctx context.Context, std *stdio, args []string) error {
	if v.isMany(args) {
		return v.many(ctx, std, &adminapi.JobRequest{Action: engine.JobStop, Reason: v.reason, Kill: v.kill, Cascade: v.cascade})
	}
	r, arn, err := v.locate(ctx, "stop", args)
	if err != nil {
		return err
	}
	stop := adminapi.Stop{Kill: v.kill, Cascade: v.cascade}
	if v.reason != "" {
		stop.Error = &protocol.ErrorObject{ErrorMessage: v.reason}
	}
	if err := r.StopAll(ctx, arn, &stop); err != nil {
		return r.fault(ctx, err)
	}
	return v.tell(ctx, std, r, arn)
}
