package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/cli"
)

var jobsCommand = &command{
	name:    "jobs",
	args:    "[show|wait|cancel ID]",
	summary: "list the jobs that act on many executions; show, await or cancel one",
	help: `
pause, resume, stop, redrive, skip, delete and callback begin a job if they have a
filter in place of an execution. The engine keeps the last 100 jobs.

show prints what came of each execution, or with --outcome only those that were
done, refused or failed. wait shows how a job comes along, until it ends. cancel
ends it before it is through, and prints how far it came; what it has done stays
done. ID may be the end of an id; show and wait take the newest job without one.`,
	verb: func() verb { return &jobsVerb{} },
}

type jobsVerb struct {
	remoteFlags
	outcome string
}

func (v *jobsVerb) define(fs *flag.FlagSet) {
	v.remoteFlags.define(fs)
	fs.StringVar(&v.outcome, "outcome", "", "show only the executions with this `OUTCOME`: done, refused or failed")
}

func (v *jobsVerb) run(ctx context.Context, std *stdio, args []string) error {
	if err := v.check(args); err != nil {
		return err
	}
	r, err := v.dial()
	if err != nil {
		return err
	}
	all, err := r.Jobs(ctx)
	if err != nil {
		return r.fault(ctx, err)
	}
	if len(args) == 0 {
		return v.list(std.out, all)
	}
	if len(args) == 1 && len(all) > 0 {
		args = append(args, all[0].JobId)
	}
	if len(args) == 1 {
		return cli.Faultf("there are no jobs").Hintf("perdure help jobs")
	}
	job, err := pickJob(all, args[1])
	if err != nil {
		return err
	}
	switch args[0] {
	case "wait":
		return followJob(ctx, std, r, job, v.json)
	case "cancel":
		if job, err = cancelJob(ctx, r, job.JobId); err != nil {
			return r.fault(ctx, err)
		}
		return writeJob(std.out, job, v.json)
	}
	return v.show(ctx, std.out, r, job)
}

// cancelWait bounds how long jobs cancel waits: a job ends when the acts have ended that it is at.
const cancelWait = 10 * time.Second

// cancelJob ends a job, and waits a while until it has ended.
func cancelJob(ctx context.Context, r *remote, id string) (*adminapi.Job, error) {
	job, err := r.CancelJob(ctx, id)
	enough, done := context.WithTimeout(ctx, cancelWait)
	defer done()
	for err == nil && job.EndedTimestamp == 0 {
		select {
		case <-time.After(jobPoll):
			job, err = r.Job(ctx, id)
		case <-enough.Done():
			return job, nil
		}
	}
	return job, err
}

func (v *jobsVerb) check(args []string) error {
	switch {
	case len(args) == 0 && v.outcome != "", len(args) > 0 && args[0] != "show" && v.outcome != "":
		return cli.Usagef("--outcome is for: perdure jobs show")
	case len(args) == 0:
		return nil
	case args[0] != "show" && args[0] != "wait" && args[0] != "cancel":
		return cli.Usagef("perdure jobs cannot %q", args[0]).Hintf("perdure help jobs")
	}
	switch engine.JobOutcome(v.outcome) {
	case "", engine.JobDone, engine.JobRefused, engine.JobFailed:
		if len(args) > 2 || len(args) == 1 && args[0] == "cancel" {
			return exactly(args[1:], "jobs "+args[0], "the id of a job")
		}
		return nil
	}
	return cli.Usagef("there is no outcome %q", v.outcome).Hintf("the outcomes are done, refused, failed")
}

// pickJob returns the job whose id is, or ends with, word.
func pickJob(all []adminapi.Job, word string) (*adminapi.Job, error) {
	var found *adminapi.Job
	for i := range all {
		if !isTail(all[i].JobId, word) {
			continue
		}
		if found != nil {
			return nil, cli.Usagef("the ids of several jobs end with %q", word).Hintf("give more of it")
		}
		found = &all[i]
	}
	if found == nil {
		return nil, cli.Faultf("there is no job %q", word).Hintf("perdure jobs lists them")
	}
	return found, nil
}

func isTail(id, word string) bool {
	return len(word) > 0 && len(word) <= len(id) && id[len(id)-len(word):] == word
}

func (v *jobsVerb) list(out io.Writer, all []adminapi.Job) error {
	if v.json {
		for i := range all {
			if err := json.NewEncoder(out).Encode(&all[i]); err != nil {
				return err
			}
		}
		return nil
	}
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "JOB\tACTION\tEXECUTIONS\tPROGRESS\tSTARTED\tTOOK\tBY")
	for i := range all {
		job := &all[i]
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", job.JobId, job.Action, cli.Printable(filterText(job)),
			jobCounts(job), localTime(job.CreatedTimestamp), took(job.CreatedTimestamp, job.EndedTimestamp),
			cli.Printable(job.By))
	}
	return table.Flush()
}

// filterText is the filter of a job as people read it.
func filterText(job *adminapi.Job) string {
	if job.Filter == "" {
		return "named ones"
	}
	text, err := url.QueryUnescape(job.Filter)
	if err != nil {
		return job.Filter
	}
	return text
}

// show prints what came of each execution.
func (v *jobsVerb) show(ctx context.Context, out io.Writer, r *remote, job *adminapi.Job) error {
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	if !v.json {
		if err := writeJob(out, job, false); err != nil {
			return err
		}
		fmt.Fprintln(table, "EXECUTION\tOUTCOME\t")
	}
	for result, err := range r.JobResults(ctx, job.JobId, engine.JobOutcome(v.outcome)) {
		if err != nil {
			return r.fault(ctx, err)
		}
		if v.json {
			if err := json.NewEncoder(out).Encode(result); err != nil {
				return err
			}
			continue
		}
		said := result.Message
		if result.NewARN != "" {
			said = "goes on as " + nameInARN(result.NewARN)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", nameInARN(result.ARN), result.Outcome, cli.Printable(said))
	}
	return table.Flush()
}
