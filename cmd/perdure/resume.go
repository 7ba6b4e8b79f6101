package main

import (
	"context"
	"flag"
)

var resumeCommand = &command{
	name:    "resume",
	args:    "EXECUTION [--function NAME] [--reason TEXT]",
	summary: "let one paused execution go on",
	help: executionHelp + `

The function is invoked if the pause interrupted it, or if something that it
waits for was completed meanwhile. A pause that has not begun is called off.`,
	verb: func() verb { return &resumeVerb{} },
}

type resumeVerb struct {
	executionFlags
	reason string
}

func (v *resumeVerb) define(fs *flag.FlagSet) {
	v.executionFlags.define(fs)
	fs.StringVar(&v.reason, "reason", "", "`TEXT` for the execution's history")
}

func (v *resumeVerb) run(ctx context.Context, std *stdio, args []string) error {
	r, arn, err := v.locate(ctx, "resume", args)
	if err != nil {
		return err
	}
	if err := r.Resume(ctx, arn, v.reason); err != nil {
		return r.fault(ctx, err)
	}
	return v.tell(ctx, std, r, arn)
}
