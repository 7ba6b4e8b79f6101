package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/cli/progress"
	"github.com/perdure/perdure/internal/wire"
)

var listCommand = &command{
	name:    "list",
	args:    "FUNCTION… [--status STATUS] [--limit N]",
	summary: "list the executions of functions, newest first",
	help: `
A table goes to stdout; with --json one JSON object per line, as the Lambda API
describes executions.`,
	verb: func() verb { return &listVerb{} },
}

type listVerb struct {
	remoteFlags
	status string
	limit  int
	oldest bool
}

func (v *listVerb) define(fs *flag.FlagSet) {
	v.remoteFlags.define(fs)
	fs.StringVar(&v.status, "status", "", "only executions with this `STATUS`, such as RUNNING or FAILED")
	fs.IntVar(&v.limit, "limit", 50, "show at most `N` executions of a function; 0 is all")
	fs.BoolVar(&v.oldest, "oldest-first", false, "oldest first")
}

func (v *listVerb) run(ctx context.Context, std *stdio, args []string) error {
	status, err := v.checkedStatus()
	if err != nil {
		return err
	}
	r, err := v.dial()
	if err != nil {
		return err
	}
	functions := args
	if len(functions) == 0 {
		if functions, err = r.functions(ctx); err != nil {
			return err
		}
	}
	if len(functions) == 0 {
		return exactly(args, "list", "a function")
	}
	return v.list(ctx, std, r, functions, status)
}

func (v *listVerb) checkedStatus() (types.ExecutionStatus, error) {
	status := wire.ExecutionStatus(strings.ToUpper(v.status))
	if v.status == "" || slices.Contains(wire.ExecutionStatuses, status) {
		return types.ExecutionStatus(status), nil
	}
	var words []string
	for _, s := range wire.ExecutionStatuses {
		words = append(words, string(s))
	}
	return "", cli.Usagef("there is no status %q", v.status).Hintf("the statuses are %s", strings.Join(words, ", "))
}

func (v *listVerb) list(ctx context.Context, std *stdio, r *remote, functions []string, status types.ExecutionStatus) error {
	table := tabwriter.NewWriter(std.out, 0, 0, 3, ' ', 0)
	if !v.json {
		fmt.Fprintln(table, "FUNCTION\tEXECUTION\tSTATUS\tSTARTED\tTOOK")
	}
	for _, f := range functions {
		q := lambda.ListDurableExecutionsByFunctionInput{FunctionName: &f, ReverseOrder: &v.oldest}
		if status != "" {
			q.Statuses = []types.ExecutionStatus{status}
		}
		if err := v.rows(std.out, table, f, r.executions(ctx, q)); err != nil {
			return err
		}
	}
	return table.Flush()
}

func (v *listVerb) rows(out, table io.Writer, function string, executions iter.Seq2[json.RawMessage, error]) error {
	n := 0
	for raw, err := range executions {
		if err == nil {
			err = v.row(out, table, function, raw)
		}
		if err != nil {
			return err
		}
		if n++; n == v.limit {
			return nil
		}
	}
	return nil
}

// row shows one execution.
func (v *listVerb) row(out, table io.Writer, function string, raw json.RawMessage) error {
	if v.json {
		return printJSON(out, raw)
	}
	var e cli.Execution
	if err := json.Unmarshal(raw, &e); err != nil {
		return err
	}
	fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", function, e.Name, e.Status, localTime(e.Started), duration(&e))
	return nil
}

func localTime(s cli.Seconds) string {
	return s.Timestamp().Time().Local().Format(time.DateTime)
}

// duration is how long an execution took, or has been open.
func duration(e *cli.Execution) string {
	if e.Closed == 0 {
		return progress.Whole(time.Since(e.Started.Timestamp().Time())) + " so far"
	}
	return progress.Span(e.Closed.Timestamp().Sub(e.Started.Timestamp()))
}
