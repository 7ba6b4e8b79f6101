package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/cli/progress"
)

var historyCommand = &command{
	name:    "history",
	args:    "EXECUTION [--function NAME]",
	summary: "show what happened in one execution, event by event",
	help: executionHelp + `

With --json one event per line, as the Lambda API writes events, with payloads.`,
	verb: func() verb { return &historyVerb{} },
}

type historyVerb struct {
	remoteFlags
	function string
}

func (v *historyVerb) define(fs *flag.FlagSet) {
	v.remoteFlags.define(fs)
	fs.StringVar(&v.function, "function", "", functionUsage)
}

func (v *historyVerb) run(ctx context.Context, std *stdio, args []string) error {
	if err := exactly(args, "history", "an execution"); err != nil {
		return err
	}
	r, err := v.dial()
	if err != nil {
		return err
	}
	arn, err := r.resolve(ctx, args[0], v.function)
	if err != nil {
		return err
	}
	for raw, err := range r.events(ctx, arn, false) {
		if err == nil {
			err = v.event(std.out, raw)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *historyVerb) event(w io.Writer, raw json.RawMessage) error {
	if v.json {
		return printJSON(w, raw)
	}
	e, err := cli.DecodeEvent(raw)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, progress.HistoryLine(e))
	return err
}
