package main

import (
	"context"
	"flag"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/adminapi"
)

var resumeCommand = &command{
	name:    "resume",
	args:    "EXECUTION | FILTER [--function NAME] [--reason TEXT]",
	summary: "let one paused execution go on",
	help: bulkHelp + `

The function is invoked if the pause interrupted it, or if something that it
waits for was completed meanwhile. A pause that has not begun is called off.`,
	verb: func() verb { return &resumeVerb{} },
}

type resumeVerb struct {
	bulkFlags
	reason string
}

func (v *resumeVerb) define(fs *flag.FlagSet) {
	v.bulkFlags.define(fs)
	fs.StringVar(&v.reason, "reason", "", "`TEXT` for the execution's history")
}

func (v *resumeVerb) run(ctx context.Context, std *stdio, args []string) error {
	if v.isMany(args) {
		return v.many(ctx, std, &adminapi.JobRequest{Action: engine.JobResume, Reason: v.reason})
	}
	r, arn, err := v.locate(ctx, "resume", args)
	if err != nil {
		return err
	}
	if err := r.Resume(ctx, arn, v.reason); err != nil {
		return r.fault(ctx, err)
	}
	return v.tell(ctx, std, r, arn)
}
