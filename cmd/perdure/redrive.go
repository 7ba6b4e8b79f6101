package main

import (
	"context"
	"flag"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/cli"
)

var redriveCommand = &command{
	name:    "redrive",
	args:    "EXECUTION | FILTER [--from OPERATION] [--to-version VERSION] [--event FILE]",
	summary: "start a copy of an execution that did not succeed, and try again what failed",
	help: bulkHelp + `

The copy has what EXECUTION did, but for what it failed with: the last operation
that failed, and what its context did after it; in a batch, all items that
failed. One that was stopped, timed out, or failed without a failed operation is
copied whole. --from names the first operation that is to run again, by its id or
name. With --to-version the copy runs on other code, which must fit the history.

--event and --event-json give the copy another event; what was recorded before
counts all the same, so code that now takes another way there fails.

EXECUTION stays as it is, but for knowing its copy. Steps that succeeded are not
run again. A filter leaves out what was redriven before; --redriven yes is for
redriving just that again.`,
	verb: func() verb { return &redriveVerb{} },
}

type redriveVerb struct {
	bulkFlags
	copyFlags
	from string
}

func (v *redriveVerb) define(fs *flag.FlagSet) {
	v.bulkFlags.define(fs)
	v.copyFlags.define(fs)
	fs.StringVar(&v.from, "from", "", "first `OPERATION` that is to run again")
}

func (v *redriveVerb) run(ctx context.Context, std *stdio, args []string) error {
	if v.isMany(args) {
		if v.from != "" || v.name != "" || v.given() || v.saved != "" {
			return cli.Usagef("--from, --as and --event are for one execution")
		}
		return v.many(ctx, std, &adminapi.JobRequest{Action: engine.JobRedrive, Qualifier: v.version})
	}
	fork, err := v.copy(ctx, std)
	if err != nil {
		return err
	}
	fork.Before = v.from
	r, arn, err := v.locate(ctx, "redrive", args)
	if err != nil {
		return err
	}
	if err := v.addStored(ctx, r, arn, fork); err != nil {
		return err
	}
	forked, err := r.Redrive(ctx, arn, fork)
	if err != nil {
		return r.fault(ctx, err)
	}
	return tellForked(std, forked, v.json)
}
