package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/protocol"
)

var skipCommand = &command{
	name:    "skip",
	args:    "EXECUTION | FILTER [--operation OPERATION | --all]",
	summary: "let a moment come now that an execution waits for",
	help: bulkHelp + `

Without more, the earliest of the moments with which the execution goes on comes
at once: the end of a wait, the next attempt of a step, the next try after an
invocation that crashed. --all lets all of them come, --operation that of one
operation, by its id or name; of a callback that is its timeout. The history
says when they did come.`,
	verb: func() verb { return &skipVerb{} },
}

type skipVerb struct {
	bulkFlags
	operation string
	all       bool
}

func (v *skipVerb) define(fs *flag.FlagSet) {
	v.bulkFlags.define(fs)
	fs.StringVar(&v.operation, "operation", "", "let the moment come that this `OPERATION` waits for")
	fs.BoolVar(&v.all, "all", false, "let all moments come")
}

func (v *skipVerb) run(ctx context.Context, std *stdio, args []string) error {
	if v.all && v.operation != "" {
		return cli.Usagef("--all is more than --operation: give one of them")
	}
	if v.isMany(args) {
		return v.many(ctx, std, &adminapi.JobRequest{Action: engine.JobSkip, Operation: v.operation, All: v.all})
	}
	r, arn, err := v.locate(ctx, "skip", args)
	if err != nil {
		return err
	}
	skipped, err := r.Skip(ctx, arn, &adminapi.Skip{Operation: v.operation, All: v.all})
	if err != nil {
		return r.fault(ctx, err)
	}
	for _, s := range skipped {
		if v.json {
			if err := json.NewEncoder(std.out).Encode(s); err != nil {
				return err
			}
			continue
		}
		what := cmp.Or(s.Name, s.OperationId, "the next invocation")
		fmt.Fprintf(std.out, "%s\twas due %s\n", cli.Printable(what),
			protocol.Timestamp(s.DueTimestamp).Time().Local().Format(time.DateTime))
	}
	return nil
}
