package main

import (
	"context"
	"encoding/json"
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

type historyVerb struct{ executionFlags }

func (v *historyVerb) run(ctx context.Context, std *stdio, args []string) error {
	r, arn, err := v.locate(ctx, "history", args)
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
