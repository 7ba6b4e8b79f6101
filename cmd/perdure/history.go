package main

import (
	"context"
	"flag"
	"fmt"
	"iter"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/cli/progress"
	"github.com/perdure/perdure/internal/client"
)

var historyCommand = &command{
	name:    "history",
	args:    "EXECUTION [--function NAME] [--follow]",
	summary: "show what happened in one execution, event by event",
	help: executionHelp + `

OPERATION is the id by which other commands name an operation. With --json one
event per line, as the Lambda API writes events, with payloads. --follow goes on
until the execution has ended.`,
	verb: func() verb { return &historyVerb{} },
}

type historyVerb struct {
	executionFlags
	follow, newest bool
}

func (v *historyVerb) define(fs *flag.FlagSet) {
	v.executionFlags.define(fs)
	fs.BoolVar(&v.follow, "follow", false, "wait for more events, until the execution has ended")
	fs.BoolVar(&v.newest, "newest-first", false, "the latest event first")
}

func (v *historyVerb) run(ctx context.Context, std *stdio, args []string) error {
	if v.follow && v.newest {
		return cli.Usagef("--follow and --newest-first do not go together")
	}
	r, arn, err := v.locate(ctx, "history", args)
	if err != nil {
		return err
	}
	if !v.json {
		fmt.Fprintln(std.out, progress.HistoryHead())
	}
	for e, err := range v.events(ctx, r, arn) {
		if err != nil {
			return stopFollowing(ctx, r.fault(ctx, err))
		}
		if err := v.show(std, e); err != nil {
			return err
		}
	}
	return nil
}

// stopFollowing ends an interrupted command silently: the execution goes on, and all news was shown.
func stopFollowing(ctx context.Context, err error) error {
	if interrupted(ctx) {
		return &cli.Problem{Status: cli.StatusInterrupted}
	}
	return err
}

func (v *historyVerb) events(ctx context.Context, r *remote, arn string) iter.Seq2[client.Event, error] {
	if v.follow {
		return r.Watch(ctx, arn)
	}
	return r.Events(ctx, arn, v.newest)
}

func (v *historyVerb) show(std *stdio, e client.Event) error {
	if v.json {
		return printJSON(std.out, e.JSON)
	}
	_, err := fmt.Fprintln(std.out, progress.HistoryLine(e.Event))
	return err
}
