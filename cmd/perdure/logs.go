package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/cli"
)

var logsCommand = &command{
	name:    "logs",
	args:    "EXECUTION [--follow] [--operation ID]",
	summary: "show what the function wrote for one execution",
	help: executionHelp + `

A line belongs to an operation if it is JSON with a member operationId, as the
SDKs' loggers write it; its time, level, message and whatever is not known
otherwise are shown. Of an execution the last 2 MiB are kept; lines that a
function writes too fast are dropped, and a line says so. With --json one object
per line, as it was written.`,
	verb: func() verb { return &logsVerb{} },
}

type logsVerb struct {
	executionFlags
	follow    bool
	operation string
}

func (v *logsVerb) define(fs *flag.FlagSet) {
	v.executionFlags.define(fs)
	fs.BoolVar(&v.follow, "follow", false, "go on until the execution ends")
	fs.StringVar(&v.operation, "operation", "", "show only the lines of the operation with this `ID` or name")
}

func (v *logsVerb) run(ctx context.Context, std *stdio, args []string) error {
	r, arn, err := v.locate(ctx, "logs", args)
	if err != nil {
		return err
	}
	after, ended := int64(0), !v.follow
	for pause := minPoll; ; pause = min(2*pause, maxPoll) {
		lines, err := r.Log(ctx, arn, after)
		if err != nil {
			return r.fault(ctx, err)
		}
		for i := range lines {
			if err := v.show(std, &lines[i], after); err != nil {
				return err
			}
			after = lines[i].Seq
			pause = minPoll
		}
		if len(lines) > 0 {
			continue
		}
		if ended {
			return nil
		}
		// Lines from before the end may have come after the last look: look once more.
		e, err := r.Execution(ctx, arn)
		if err != nil {
			return r.fault(ctx, err)
		}
		if ended = e.Status.Closed(); ended {
			continue
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil // Ctrl-C ends following
		}
	}
}

// show prints a line; before is the number of the one before it.
func (v *logsVerb) show(std *stdio, line *adminapi.LogLine, before int64) error {
	said := readLogLine(line.Text)
	if v.operation != "" && line.Operation != v.operation && said.operation != v.operation {
		return nil
	}
	if v.json {
		data, err := json.Marshal(line)
		if err != nil {
			return err
		}
		return printJSON(std.out, data)
	}
	if dropped := line.Seq - before - 1; dropped > 0 {
		fmt.Fprintf(std.err, "perdure: %d older lines are gone\n", dropped)
	}
	when := time.UnixMilli(int64(line.Time)).Local().Format("15:04:05.000")
	subject := cmp.Or(said.operation, line.Operation)
	_, err := fmt.Fprintf(std.out, "%s  %-20s  %s\n", when, cli.Printable(subject), cli.Printable(said.text))
	return err
}

// saidLine is a line of a log for people.
type saidLine struct {
	operation string // its name, if the line has it
	text      string
}

// ownMembers of a line of an SDK's logger have their own places, or are known from the line's place.
var ownMembers = []string{"timestamp", "time", "level", "message", "msg", "executionArn", "requestId", "operationId",
	"operationName", "tenantId"}

// readLogLine splits a line of JSON into level, message and other members, and leaves any other line as it is.
func readLogLine(text string) saidLine {
	var members map[string]any
	if !strings.HasPrefix(text, "{") || json.Unmarshal([]byte(text), &members) != nil {
		return saidLine{text: text}
	}
	word := func(names ...string) string {
		for _, name := range names {
			if s, ok := members[name].(string); ok {
				return s
			}
		}
		return ""
	}
	message := word("message", "msg")
	if message == "" {
		return saidLine{word("operationName"), text}
	}
	words := []string{strings.TrimSpace(word("level") + " " + message)}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !slices.Contains(ownMembers, name) {
			value, _ := json.Marshal(members[name])
			words = append(words, name+"="+string(value))
		}
	}
	return saidLine{word("operationName"), strings.Join(words, " ")}
}
