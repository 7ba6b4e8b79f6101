package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/cli"
)

// bulkFlags are the flags of the verbs that act on one execution, or on all that a filter selects.
type bulkFlags struct {
	executionFlags
	filterFlags
	rate   float64
	dryRun bool
	yes    bool
	detach bool
}

func (f *bulkFlags) define(fs *flag.FlagSet) {
	f.executionFlags.define(fs)
	f.filterFlags.define(fs)
	fs.BoolVar(&f.dryRun, "dry-run", false, "of many: say what would be done, and do nothing")
	fs.Float64Var(&f.rate, "rate", 0, "of many: at most `N` executions a second")
	fs.BoolVar(&f.yes, "yes", false, "of many: do not ask")
	fs.BoolVar(&f.detach, "detach", false, "of many: print the job's id, and do not wait for its end")
}

const bulkHelp = executionHelp + `

In place of EXECUTION a filter says on which executions to act: --function, --name
with a pattern such as 'order-*', --status, --doing, --longer-than, --error, --tag,
--redriven, --started-after, --started-before. --name '*' is every one on which it is possible.
It is a job of the engine then, which goes on if this command, or the engine, is
interrupted; "perdure jobs" shows it. --dry-run says what it would do, and needs no
more than a read-only key.`

// isMany reports whether the flags, and not an argument, say on which executions to act.
func (f *bulkFlags) isMany(args []string) bool {
	return len(args) == 0 && (len(f.values) > 0 || f.function != "")
}

// locate is [executionFlags.locate], and refuses flags that are for many executions.
func (f *bulkFlags) locate(ctx context.Context, verb string, args []string) (*remote, string, error) {
	switch {
	case len(args) > 0 && len(f.values) > 0:
		return nil, "", cli.Usagef("a filter says on which executions to act, in place of EXECUTION: give one of them")
	case f.dryRun || f.rate != 0 || f.detach || f.yes:
		return nil, "", cli.Usagef("--dry-run, --rate, --detach and --yes go with a filter").
			Hintf("perdure help %s", verb)
	}
	return f.executionFlags.locate(ctx, verb, args)
}

// many acts on all executions that the flags select.
func (f *bulkFlags) many(ctx context.Context, std *stdio, req *adminapi.JobRequest) error {
	filter, err := f.filter()
	if err != nil {
		return err
	}
	filter.Function = f.function
	if f.rate != 0 && !(f.rate > 0 && f.rate <= engine.MaxRate) {
		return cli.Usagef("--rate is a number of executions a second, up to %d", engine.MaxRate)
	}
	r, err := f.dial()
	if err != nil {
		return err
	}
	req.Rate = f.rate
	plan, err := r.PlanJob(ctx, &filter, req.Action)
	if err != nil {
		return r.fault(ctx, err)
	}
	if f.dryRun {
		return f.showPlan(std.out, req.Action, plan)
	}
	if plan.Total == 0 {
		fmt.Fprintf(std.err, "perdure: there is nothing to %s: no execution is like that\n", req.Action)
		return nil
	}
	if err := f.confirm(ctx, std, req.Action, plan); err != nil {
		return err
	}
	req.PlanTimestamp = plan.Timestamp // what starts while somebody reads the plan was not confirmed
	job, err := r.StartJob(ctx, &filter, req)
	if err != nil {
		return r.fault(ctx, err)
	}
	if f.detach {
		return writeJob(std.out, job, f.json)
	}
	return followJob(ctx, std, r, job, f.json)
}

// showPlan says what a job would do.
func (f *bulkFlags) showPlan(out io.Writer, action engine.JobAction, plan *adminapi.JobPlan) error {
	if f.json {
		return json.NewEncoder(out).Encode(plan)
	}
	fmt.Fprintf(out, "would %s %s\n", verbOf(action), executions(plan.Total))
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	for i := range plan.Executions {
		e := &plan.Executions[i]
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\n", e.DurableExecutionName, statusOf(e), join(e.Doing),
			localTime(e.StartTimestamp))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if more := plan.Total - len(plan.Executions); more > 0 {
		fmt.Fprintf(out, "  and %d more\n", more)
	}
	return nil
}

func executions(n int) string {
	if n == 1 {
		return "1 execution"
	}
	return fmt.Sprintf("%d executions", n)
}

// confirm asks on a terminal. Elsewhere nobody answers, so --yes must be there.
func (f *bulkFlags) confirm(ctx context.Context, std *stdio, action engine.JobAction, plan *adminapi.JobPlan) error {
	if f.yes {
		return nil
	}
	file, ok := std.in.(*os.File)
	if !ok || !isatty.IsTerminal(file.Fd()) {
		return cli.Usagef("this would %s %s, and nobody is here to confirm that", verbOf(action),
			executions(plan.Total)).
			Hintf("give --yes, or see with --dry-run which they are")
	}
	if err := f.showPlan(std.err, action, plan); err != nil {
		return err
	}
	whom := "them"
	if plan.Total == 1 {
		whom = "it"
	}
	fmt.Fprintf(std.err, "%s %s? [y/N] ", capital(verbOf(action)), whom)
	std.err.Flush()
	line, err := interruptibleRead(ctx, func() ([]byte, error) {
		line, _ := bufio.NewReader(file).ReadBytes('\n') // the end of it is a no
		return line, nil
	})
	if err != nil {
		return err
	}
	if answer := strings.ToLower(strings.TrimSpace(string(line))); answer != "y" && answer != "yes" {
		return cli.Usagef("nothing was done")
	}
	return nil
}

// verbOf says what a job does, before those to which it does it.
func verbOf(action engine.JobAction) string {
	switch action {
	case engine.JobSkip:
		return "skip a wait of"
	case engine.JobSucceed, engine.JobFail:
		return string(action) + " the callbacks of"
	}
	return string(action)
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// jobPoll is how often a job is asked how far it is.
const jobPoll = 300 * time.Millisecond

// followJob shows how a job comes along, until it has ended.
func followJob(ctx context.Context, std *stdio, r *remote, job *adminapi.Job, asJSON bool) error {
	onTerminal := isatty.IsTerminal(std.err.Fd())
	fmt.Fprintf(std.err, "perdure: job %s\n", job.JobId)
	for job.EndedTimestamp == 0 {
		if onTerminal {
			fmt.Fprintf(std.err, "\r%s\x1b[K", jobCounts(job))
		}
		select {
		case <-time.After(jobPoll):
		case <-ctx.Done():
			return cli.Faultf("interrupted; the job goes on").
				Hintf("perdure jobs wait %s shows its end", job.JobId).
				Hintf("perdure jobs cancel %s ends it", job.JobId)
		}
		next, err := r.Job(ctx, job.JobId)
		if err != nil {
			if interrupted(ctx) {
				continue
			}
			if problem, ok := errors.AsType[*cli.Problem](r.fault(ctx, err)); ok {
				return problem.Hintf("the job goes on when the engine does; %s shows its end",
					cli.CommandLine("jobs", "wait", job.JobId))
			}
			return err
		}
		job = next
	}
	if onTerminal {
		fmt.Fprint(std.err, "\r\x1b[K")
	}
	return tellJob(ctx, std, r, job, asJSON)
}

// shownRefusals bounds how many executions are named on which a job could not act.
const shownRefusals = 10

// tellJob says what came of a job.
func tellJob(ctx context.Context, std *stdio, r *remote, job *adminapi.Job, asJSON bool) error {
	if err := writeJob(std.out, job, asJSON); err != nil {
		return err
	}
	if !asJSON {
		if err := tellRefusals(ctx, std, r, job); err != nil {
			return err
		}
	}
	switch {
	case job.Fault != "":
		return cli.Faultf("the job could not go on: %s", job.Fault)
	case job.Canceled:
		return cli.Faultf("the job was canceled")
	case job.Refused+job.Failed > 0:
		return &cli.Problem{Status: cli.StatusFailed}
	}
	return nil
}

func tellRefusals(ctx context.Context, std *stdio, r *remote, job *adminapi.Job) error {
	left := job.Refused + job.Failed
	for result, err := range r.JobResults(ctx, job.JobId, "") {
		if err != nil {
			return r.fault(ctx, err)
		}
		if left == 0 {
			return nil
		}
		if result.Outcome == engine.JobDone {
			continue
		}
		if job.Refused+job.Failed-left == shownRefusals {
			fmt.Fprintf(std.err, "and %d more: perdure jobs show %s\n", left, job.JobId)
			return nil
		}
		left--
		fmt.Fprintf(std.err, "%s: %s: %s\n", result.Outcome, nameInARN(result.ARN), cli.Printable(result.Message))
	}
	return nil
}

func writeJob(out io.Writer, job *adminapi.Job, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(job)
	}
	_, err := fmt.Fprintf(out, "%s\t%s\t%s\n", job.JobId, job.Action, jobCounts(job))
	return err
}

// jobCounts is how far a job has come.
func jobCounts(job *adminapi.Job) string {
	text := fmt.Sprintf("%d of %d done", job.Done, max(job.Total, job.Done+job.Refused+job.Failed))
	if job.Refused > 0 {
		text += fmt.Sprintf(", %d refused", job.Refused)
	}
	if job.Failed > 0 {
		text += fmt.Sprintf(", %d failed", job.Failed)
	}
	if job.Gone > 0 {
		text += fmt.Sprintf(", %d no longer matched", job.Gone)
	}
	return text + jobState(job)
}

// jobState says that a job did not simply come to its end.
func jobState(job *adminapi.Job) string {
	switch {
	case job.Fault != "":
		return "; broken off"
	case job.Canceled:
		return "; canceled"
	case job.Canceling:
		return "; being canceled"
	}
	return ""
}
