package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/client"
	"github.com/perdure/perdure/internal/text"
	"github.com/perdure/perdure/protocol"
)

var listCommand = &command{
	name:    "list",
	args:    "[FUNCTION]… [--status STATUS] [--doing WHAT] [--tag KEY=VALUE] [--count] …",
	summary: "list executions, newest first",
	help: `
Without FUNCTION the executions of all functions are listed. WHAT is one thing,
or several with commas between, that open executions do:

  running        an invocation is in flight
  queued         an invocation is wanted: it waits for a place
  unregistered   the same, but its function is not registered
  retrying       a step or an invocation failed, and is tried again
  waiting        for a moment
  callback       for a callback
  invoke         for another function
  paused         until somebody resumes it

NAME may have * in it, for any text: --name '*pay*'. With --attention the list
begins with what is stuck, the longest first: what has been retrying, queued or
running for a minute, and then what is paused, waits for a callback, or has been
retrying for less. The failures of the last day follow, and then the rest. --count
says how many there are by status, by what they do, and of failures by error;
--limit does not count.
What was redriven stays FAILED, and is not among the failures of --attention and
--count, unless --redriven asks for it.

TIME is a duration such as 90s or 2h. A moment is such a duration too, counted
back from now, or a date with or without a time: 2026-11-23, 2026-11-23T08:00:00.

A table goes to stdout; with --json one JSON object per line. "perdure get" says
of a single execution why it is not moving.`,
	verb: func() verb { return &listVerb{} },
}

type listVerb struct {
	remoteFlags
	filterFlags
	limit       int
	oldestFirst bool
	attention   bool
	tags, count bool
}

func (v *listVerb) define(fs *flag.FlagSet) {
	v.remoteFlags.define(fs)
	v.filterFlags.define(fs)
	fs.IntVar(&v.limit, "limit", 50, "show at most `N` executions; 0 is all")
	fs.BoolVar(&v.oldestFirst, "oldest-first", false, "oldest first")
	fs.BoolVar(&v.attention, "attention", false, "what needs attention first")
	fs.BoolVar(&v.tags, "tags", false, "show tags, too")
	fs.BoolVar(&v.count, "count", false, "count the executions, and the failures by error, and list none")
}

func (v *listVerb) run(ctx context.Context, std *stdio, args []string) error {
	filter, err := v.filter()
	if err != nil {
		return err
	}
	if v.attention && v.oldestFirst {
		return cli.Usagef("a list has one order: --attention or --oldest-first")
	}
	req := engine.ListRequest{Filter: filter, OldestFirst: v.oldestFirst, AttentionFirst: v.attention}
	if v.limit > 0 {
		req.MaxItems = min(v.limit+1, protocol.MaxPage)
	}
	r, err := v.dial()
	if err != nil {
		return err
	}
	if v.count {
		return v.counts(ctx, std, r, filter, args)
	}
	table := tabwriter.NewWriter(std.out, 0, 0, 3, ' ', 0)
	if !v.json {
		fmt.Fprintln(table, "FUNCTION\tEXECUTION\tSTATUS\tDOING\tSINCE\tSTARTED\tTOOK"+v.more("TAGS", "ERROR"))
	}
	if len(args) == 0 {
		args = []string{""}
	}
	more := false
	for _, function := range args {
		req.Function = function
		cut, err := v.list(ctx, std.out, table, r, req)
		if err != nil {
			return err
		}
		more = more || cut
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if more && !v.json {
		fmt.Fprintf(std.err, "perdure: there are more; --limit 0 shows all\n")
	}
	return nil
}

func join[T ~string](all []T) string {
	var words []string
	for _, one := range all {
		words = append(words, string(one))
	}
	return strings.Join(words, ", ")
}

// list shows the executions of req, up to the limit, and reports whether there are more.
func (v *listVerb) list(
	ctx context.Context, out, table io.Writer, r *remote, req engine.ListRequest,
) (more bool, err error) {
	n := 0
	for e, err := range r.Find(ctx, req) {
		if err != nil {
			return false, r.fault(ctx, err)
		}
		if n++; v.limit > 0 && n > v.limit {
			return true, nil
		}
		if v.json {
			if err := json.NewEncoder(out).Encode(e); err != nil {
				return false, err
			}
			continue
		}
		v.row(table, e)
	}
	return false, nil
}

// row shows one execution.
func (v *listVerb) row(table io.Writer, e *adminapi.Execution) {
	function := e.FunctionArn
	if arn, err := protocol.ParseARN(e.DurableExecutionArn); err == nil {
		function = arn.Function
	}
	doing, since := "", ""
	if len(e.Doing) > 0 {
		doing, since = join(e.Doing), text.Duration(age(e.Since))
	}
	fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s%s\n", function, e.DurableExecutionName, statusOf(e), doing, since,
		localTime(e.StartTimestamp), took(e.StartTimestamp, e.EndTimestamp),
		v.more(cli.Printable(tagList(e.Tags)), cli.Printable(e.Error)))
}

// statusOf is an execution's status, and whether it was redriven.
func statusOf(e *adminapi.Execution) string {
	if e.Redriven {
		return string(e.Status) + ", redriven"
	}
	return string(e.Status)
}

// more are the columns that only some lists have.
func (v *listVerb) more(tags, failure string) string {
	columns := ""
	if v.tags {
		columns += "\t" + tags
	}
	if len(v.values["Error"]) > 0 || v.attention {
		columns += "\t" + failure
	}
	return columns
}

// tagList writes tags for people.
func tagList(tags map[string]string) string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		all = append(all, key+"="+tags[key])
	}
	return strings.Join(all, ", ")
}

// counts shows how many executions the filter selects, of each function that is named, or of all.
func (v *listVerb) counts(
	ctx context.Context, std *stdio, r *remote, filter engine.Filter, functions []string,
) error {
	if len(functions) == 0 {
		functions = []string{""}
	}
	for _, function := range functions {
		filter.Function = function
		c, err := r.Count(ctx, filter)
		if err != nil {
			return r.fault(ctx, err)
		}
		if v.json {
			if err := json.NewEncoder(std.out).Encode(c); err != nil {
				return err
			}
			continue
		}
		if function != "" {
			fmt.Fprintf(std.out, "%s\n", cli.Printable(function))
		}
		writeCounts(std.out, c)
	}
	return nil
}

// writeCounts shows counts to a person.
func writeCounts(out io.Writer, c *adminapi.Counts) {
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	row := func(n int, what, detail string) {
		fmt.Fprintf(table, "%d\t%s\t%s\n", n, cli.Printable(what), cli.Printable(detail))
	}
	row(c.Total, "executions", "")
	for _, status := range protocol.ExecutionStatuses {
		if n := c.Statuses[status]; n > 0 {
			row(n, string(status), "")
		}
	}
	for _, a := range engine.Activities {
		if n := c.Doing[a]; n > 0 {
			row(n, string(a), "")
		}
	}
	for _, f := range c.Failures {
		row(f.Count, "failed with "+cmp.Or(f.Error, "an error without a type"), f.Function)
	}
	table.Flush()
}

// age is how long ago t was.
func age(t protocol.Seconds) time.Duration { return time.Since(t.Time()) }

func localTime(s protocol.Seconds) string {
	return s.Time().Local().Format(time.DateTime)
}

// duration is how long an execution took, or has been open.
func duration(e *client.Execution) string { return took(e.Started, e.Closed) }

func took(started, closed protocol.Seconds) string {
	if closed == 0 {
		return text.Duration(time.Since(started.Time())) + " so far"
	}
	return text.Elapsed(closed.Time().Sub(started.Time()))
}
