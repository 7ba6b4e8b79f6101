package main

import (
	"context"
	"flag"
)

var redriveCommand = &command{
	name:    "redrive",
	args:    "EXECUTION [--from OPERATION] [--version VERSION] [--event FILE]",
	summary: "start a copy of an execution that did not succeed, and try again what failed",
	help: executionHelp + `

The copy has what EXECUTION did, but for what it failed with: the last operation
that failed, and what its context did after it; in a batch, all items that
failed. One that was stopped, timed out, or failed without a failed operation is
copied whole. --from names the first operation that is to run again, by its id or
name. With --version the copy runs on other code, which must fit the history.

--event and --event-json give the copy another event; what was recorded before
counts all the same, so code that now takes another way there fails.

EXECUTION stays as it is. Steps that succeeded are not run again.`,
	verb: func() verb { return &redriveVerb{} },
}

type redriveVerb struct {
	copyFlags
	from string
}

func (v *redriveVerb) define(fs *flag.FlagSet) {
	v.copyFlags.define(fs)
	fs.StringVar(&v.from, "from", "", "first `OPERATION` that is to run again")
}

func (v *redriveVerb) run(ctx context.Context, std *stdio, args []string) error {
	fork, err := v.copy(ctx, std)
	if err != nil {
		return err
	}
	fork.Before = v.from
	r, arn, err := v.locate(ctx, "redrive", args)
	if err != nil {
		return err
	}
	forked, err := r.Redrive(ctx, arn, fork)
	if err != nil {
		return r.fault(ctx, err)
	}
	return v.tell(std, forked)
}
