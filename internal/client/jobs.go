package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/adminapi"
)

const (
	ownJobs = adminapi.Prefix + "jobs"
	ownJob  = ownJobs + "/"
	ownPlan = adminapi.Prefix + "plan"
)

// StartJob begins one action on all executions that filter selects.
func (c *Client) StartJob(ctx context.Context, filter *engine.Filter, req *adminapi.JobRequest) (*adminapi.Job, error) {
	var job adminapi.Job
	_, err := c.read(ctx, call{
		method: http.MethodPost, path: ownJobs, query: filter.Values(), body: jsonBody(req),
	}, &job)
	return &job, err
}

// PlanJob asks what an action on all executions that filter selects would do.
func (c *Client) PlanJob(ctx context.Context, filter *engine.Filter, action engine.JobAction) (
	*adminapi.JobPlan, error,
) {
	query := filter.Values()
	query.Set("Action", string(action))
	return get[adminapi.JobPlan](ctx, c, ownPlan, query)
}

// Jobs lists the jobs that the engine keeps, the newest first.
func (c *Client) Jobs(ctx context.Context) ([]adminapi.Job, error) {
	list, err := get[adminapi.JobList](ctx, c, ownJobs, nil)
	return list.Jobs, err
}

// Job asks how far a job has come.
func (c *Client) Job(ctx context.Context, id string) (*adminapi.Job, error) {
	return get[adminapi.Job](ctx, c, path(ownJob, id, ""), nil)
}

// CancelJob ends a job before it is through.
func (c *Client) CancelJob(ctx context.Context, id string) (*adminapi.Job, error) {
	return post[adminapi.Job](ctx, c, path(ownJob, id, "/cancel"), nil)
}

// JobResults yields what came of each execution of a job, of one outcome or of any. An error ends the sequence.
func (c *Client) JobResults(ctx context.Context, id string, outcome engine.JobOutcome) iter.Seq2[engine.JobResult,
	error] {
	return func(yield func(engine.JobResult, error) bool) {
		for after := 0; ; {
			query := url.Values{"After": {strconv.Itoa(after)}}
			if outcome != "" {
				query.Set("Outcome", string(outcome))
			}
			page, err := get[adminapi.JobResults](ctx, c, path(ownJob, id, "/results"), query)
			if err != nil {
				yield(engine.JobResult{}, err)
				return
			}
			for _, r := range page.Results {
				if !yield(r, nil) {
					return
				}
			}
			if after = page.After; after == 0 {
				return
			}
		}
	}
}
