package top

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/text"
	"github.com/perdure/perdure/protocol"
)

// The bounds of one overview in a pipe.
const (
	linesOfExecutions = 10
	linesOfFailures   = 5
	linesOfJobs       = 5
)

// Lines writes an overview to out once per interval, or only once, until ctx is done. What keeps it from looking is
// told to problems, once for each time that the engine goes away, unless asking again cannot help: then it is returned.
func Lines(ctx context.Context, out, problems io.Writer, opt *Options, once, asJSON bool) error {
	w := watcher{client: opt.Client}
	away := false
	for {
		o, err := w.look(ctx, want{filter: opt.Filter, rows: linesOfExecutions, to: linesOfExecutions})
		_, refused := errors.AsType[*protocol.Error](err)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && (once || refused):
			return opt.Word(err)
		case err != nil && !away:
			fmt.Fprintf(problems, "perdure: %s; trying again\n", cli.Printable(opt.Word(err).Error()))
		case err == nil && asJSON:
			err = json.NewEncoder(out).Encode(o)
		case err == nil:
			err = writeLines(out, o)
		}
		if o != nil && (err != nil || once) {
			return err
		}
		away = o == nil
		select {
		case <-time.After(opt.Interval):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func writeLines(out io.Writer, o *Overview) error {
	now := o.Timestamp.Time()
	fmt.Fprintf(out, "%s  %s\n", now.Local().Format(time.DateTime), strings.Join(countWords(o.Counts), ", "))
	fmt.Fprintf(out, "  %s\n", strings.Join(rateWords(o), ", "))
	for i := range o.Jobs[:min(len(o.Jobs), linesOfJobs)] {
		fmt.Fprintf(out, "  %s\n", jobWords(&o.Jobs[i]))
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for i := range o.Executions {
		e := &o.Executions[i]
		if e.Status == protocol.ExecutionSucceeded || e.Status == protocol.ExecutionStopped {
			continue // nobody needs to do anything
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\t%s\n", e.function(), e.name(), e.state(), e.age(now), e.why())
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, f := range o.Counts.Failures[:min(len(o.Counts.Failures), linesOfFailures)] {
		fmt.Fprintf(table, "  %s\n", failureWords(&f))
	}
	return table.Flush()
}

// countWords say how many executions there are: all, by status, and by what open ones do.
func countWords(c *adminapi.Counts) []string {
	words := []string{fmt.Sprintf("%d executions", c.Total)}
	if c.Total == 1 {
		words[0] = "1 execution"
	}
	for _, status := range protocol.ExecutionStatuses {
		if n := c.Statuses[status]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, status))
		}
	}
	for _, a := range engine.Activities {
		if n := c.Doing[a]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, a))
		}
	}
	return words
}

func rateWords(o *Overview) []string {
	words := []string{
		"started " + rate(o.Rates.Started), "ended " + rate(o.Rates.Ended), "failed " + rate(o.Rates.Failed),
		fmt.Sprintf("%d invocations run", o.status.Invocations.Running),
		fmt.Sprintf("%d wait for a place", o.status.Invocations.Waiting),
	}
	if len(o.Nodes) > 1 {
		words = append(words, nodeWords(o.Nodes))
	}
	return words
}

// rate words a rate with two digits that count.
func rate(perSecond float64) string {
	if perSecond == 0 || perSecond >= 10 {
		return fmt.Sprintf("%.0f/s", perSecond)
	}
	return fmt.Sprintf("%.2g/s", perSecond)
}

// nodeWords counts the nodes of a fleet, and names those that are not alive.
func nodeWords(nodes []adminapi.Node) string {
	words, others := "", 0
	for i := range nodes {
		n := &nodes[i]
		if n.State != engine.NodeAlive && others < 3 {
			words += fmt.Sprintf(", %s is %s", cli.Printable(cmp.Or(n.Name, n.URL, n.ID)), n.State)
			others++
		}
	}
	return fmt.Sprintf("%d nodes%s", len(nodes), words)
}

// jobWords say how far a job has come.
func jobWords(j *adminapi.Job) string {
	of := "executions that were named"
	if v, err := url.ParseQuery(j.Filter); j.Filter != "" && err == nil {
		of = filterText(v)
	}
	words := fmt.Sprintf("job %s: %d of %d done", j.Action, j.Done, max(j.Total, j.Done+j.Refused+j.Failed))
	if n := j.Refused + j.Failed; n > 0 {
		words += fmt.Sprintf(", %d not", n)
	}
	if j.Canceling {
		words += ", being canceled"
	}
	return words + ": " + of
}

func failureWords(f *adminapi.FailureCount) string {
	return fmt.Sprintf("%d of %s failed with %s", f.Count, cli.Printable(f.Function),
		cli.Printable(cmp.Or(f.Error, "an error without a type")))
}

func (e *Execution) function() string {
	if arn, err := protocol.ParseARN(e.DurableExecutionArn); err == nil {
		return cli.Printable(arn.Function)
	}
	return cli.Printable(e.FunctionArn)
}

func (e *Execution) name() string { return cli.Printable(e.DurableExecutionName) }

// state is what an open execution does, or how another one ended.
func (e *Execution) state() string {
	if e.Redriven {
		return "redriven"
	}
	if len(e.Doing) == 0 || e.EndTimestamp != 0 {
		return cli.Printable(string(e.Status))
	}
	var words []string
	for _, a := range e.Doing {
		words = append(words, string(a))
	}
	return cli.Printable(strings.Join(words, ","))
}

// age is for how long it has been so.
func (e *Execution) age(now time.Time) string {
	return text.Duration(now.Sub(cmp.Or(e.EndTimestamp, e.Since, e.StartTimestamp).Time()))
}

// why is one line.
func (e *Execution) why() string {
	switch {
	case e.EndTimestamp == 0:
		return cli.Printable(e.Reason)
	case e.Error != "" && e.Message != "":
		return cli.Printable(e.Error + ": " + e.Message)
	}
	return cli.Printable(e.Error + e.Message)
}

// failed reports whether it failed, and nobody has seen to that.
func (e *Execution) failed() bool {
	return !e.Redriven && (e.Status == protocol.ExecutionFailed || e.Status == protocol.ExecutionTimedOut)
}
