package main

import (
	"context"
	"flag"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/adminapi"
)

var pauseCommand = &command{
	name:    "pause",
	args:    "EXECUTION | FILTER [--function NAME] [--reason TEXT] [--keep-timeout]",
	summary: "keep an execution from being invoked until it is resumed",
	help: bulkHelp + `

Its waits, retries, callbacks and invokes go on, and the function is told of them
when the execution is resumed. If the function is running, the execution is
PAUSING until its next checkpoint, and PAUSED from then on.`,
	verb: func() verb { return &pauseVerb{} },
}

type pauseVerb struct {
	bulkFlags
	reason      string
	keepTimeout bool
}

func (v *pauseVerb) define(fs *flag.FlagSet) {
	v.bulkFlags.define(fs)
	fs.StringVar(&v.reason, "reason", "", "`TEXT` for the execution's history")
	fs.BoolVar(&v.keepTimeout, "keep-timeout", false,
		"let the execution's timeout run on; else it is put off by the pause")
}

func (v *pauseVerb) run(ctx context.Context, std *stdio, args []string) error {
	if v.isMany(args) {
		return v.many(ctx, std, &adminapi.JobRequest{
			Action: engine.JobPause, Reason: v.reason, KeepTimeout: v.keepTimeout,
		})
	}
	r, arn, err := v.locate(ctx, "pause", args)
	if err != nil {
		return err
	}
	if err := r.Pause(ctx, arn, v.reason, v.keepTimeout); err != nil {
		return r.fault(ctx, err)
	}
	return v.tell(ctx, std, r, arn)
}
