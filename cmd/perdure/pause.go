package main

import (
	"context"
	"flag"
)

var pauseCommand = &command{
	name:    "pause",
	args:    "EXECUTION [--function NAME] [--reason TEXT] [--keep-timeout]",
	summary: "keep one execution from being invoked until it is resumed",
	help: executionHelp + `

Its waits, retries, callbacks and invokes go on, and the function is told of them
when the execution is resumed. If the function is running, the execution is
PAUSING until its next checkpoint, and PAUSED from then on.`,
	verb: func() verb { return &pauseVerb{} },
}

type pauseVerb struct {
	executionFlags
	reason      string
	keepTimeout bool
}

func (v *pauseVerb) define(fs *flag.FlagSet) {
	v.executionFlags.define(fs)
	fs.StringVar(&v.reason, "reason", "", "`TEXT` for the execution's history")
	fs.BoolVar(&v.keepTimeout, "keep-timeout", false,
		"let the execution's timeout run on; else it is put off by the pause")
}

func (v *pauseVerb) run(ctx context.Context, std *stdio, args []string) error {
	r, arn, err := v.locate(ctx, "pause", args)
	if err != nil {
		return err
	}
	if err := r.Pause(ctx, arn, v.reason, v.keepTimeout); err != nil {
		return r.fault(ctx, err)
	}
	return v.tell(ctx, std, r, arn)
}
