package adminapi

import (
	"net/http"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// JobRequest is the body of a request for a job. Its filter is in the query of the request, as in a list of
// executions.
type JobRequest struct {
	Action engine.JobAction
	// DurableExecutionArns names executions one by one, in place of a filter.
	DurableExecutionArns []string `json:",omitempty"`
	// PlanTimestamp is that of a plan: what started or ended since is left alone; see engine.JobRequest.At.
	PlanTimestamp protocol.Seconds `json:",omitzero"`

	Reason      string                `json:",omitempty"`
	Rate        float64               `json:",omitempty"` // executions a second; 0 is as fast as it goes
	KeepTimeout bool                  `json:",omitempty"`
	Kill        bool                  `json:",omitempty"`
	Cascade     bool                  `json:",omitempty"`
	Operation   string                `json:",omitempty"`
	All         bool                  `json:",omitempty"`
	Result      *string               `json:",omitempty"`
	Error       *protocol.ErrorObject `json:",omitempty"`
	Qualifier   string                `json:",omitempty"`
}

// Job is a job, and how far it has come.
type Job struct {
	JobId  string
	Action engine.JobAction
	// Filter is the query that selects the executions, as in the address of the page; empty for named ones.
	Filter           string  `json:",omitempty"`
	Reason           string  `json:",omitempty"`
	By               string  `json:",omitempty"`
	Rate             float64 `json:",omitempty"`
	CreatedTimestamp protocol.Seconds
	EndedTimestamp   protocol.Seconds `json:",omitzero"`
	Total            int              // executions when it began
	Done             int
	Refused          int
	Failed           int
	Gone             int    `json:",omitempty"` // executions that the filter did not select any more
	Canceled         bool   `json:",omitempty"`
	Canceling        bool   `json:",omitempty"` // somebody asked for its end, and it has not ended yet
	Fault            string `json:",omitempty"` // why it could not go on
}

// JobList are the jobs that are kept, the newest first.
type JobList struct{ Jobs []Job }

// JobPlan is what a job would do. Whoever may read may ask for it: it changes nothing.
type JobPlan struct {
	Total      int
	Executions []Execution // the first ten
	// Timestamp is the PlanTimestamp with which a job leaves alone what was not on the plan.
	Timestamp protocol.Seconds
}

// JobResults is a page of results; After is zero on the last one, else it leads to the next.
type JobResults struct {
	Results []engine.JobResult
	After   int `json:",omitempty"`
}

type jobEngine interface{ Jobs() *engine.Jobs }

func (a *api) startJob(w http.ResponseWriter, r *http.Request, _ string) error {
	q := newQuery(r)
	filter := q.filter()
	q.refuseEmpty()
	if err := q.err(); err != nil {
		return err
	}
	var body JobRequest
	if err := readJSON(r, &body, maxBody); err != nil {
		return err
	}
	req := &engine.JobRequest{
		Action: body.Action, Filter: filter, ARNs: body.DurableExecutionArns,
		At: protocol.Timestamp(body.PlanTimestamp), Reason: body.Reason,
		Rate: body.Rate, KeepTimeout: body.KeepTimeout, Kill: body.Kill, Cascade: body.Cascade,
		Operation: body.Operation, All: body.All, Result: body.Result, Error: body.Error, Qualifier: body.Qualifier,
	}
	job, err := a.engine.Jobs().Start(r.Context(), req)
	if err != nil {
		return err
	}
	return reply(w, jobOf(job))
}

// planJob says what a job would do to the executions of a filter, or to those that the query names.
func (a *api) planJob(w http.ResponseWriter, r *http.Request, _ string) error {
	q := newQuery(r)
	req := &engine.JobRequest{Action: engine.JobAction(q.text("Action")), Filter: q.filter(),
		ARNs: q.texts("DurableExecutionArn")}
	q.refuseEmpty()
	if err := q.err(); err != nil {
		return err
	}
	plan, err := a.engine.Jobs().Plan(r.Context(), req)
	if err != nil {
		return err
	}
	shown := JobPlan{Total: plan.Total, Executions: []Execution{}, Timestamp: protocol.Seconds(plan.At)}
	for i := range plan.Sample {
		shown.Executions = append(shown.Executions, executionOf(&plan.Sample[i]))
	}
	return reply(w, shown)
}

func jobOf(j *engine.Job) *Job {
	return &Job{
		JobId: j.ID, Action: j.Action, Filter: j.Filter.Values().Encode(), Reason: j.Reason, By: j.By, Rate: j.Rate,
		CreatedTimestamp: protocol.Seconds(j.Created), EndedTimestamp: protocol.Seconds(j.Ended), Total: j.Total,
		Done: j.Done, Refused: j.Refused, Failed: j.Failed, Gone: j.Gone(), Canceled: j.Canceled,
		Canceling: j.Canceling, Fault: j.Fault,
	}
}

func (a *api) jobs(w http.ResponseWriter, r *http.Request, _ string) error {
	all, err := a.engine.Jobs().List(r.Context())
	if err != nil {
		return err
	}
	list := JobList{Jobs: []Job{}}
	for _, j := range all {
		list.Jobs = append(list.Jobs, *jobOf(j))
	}
	return reply(w, list)
}

func (a *api) job(w http.ResponseWriter, r *http.Request, id string) error {
	j, err := a.engine.Jobs().Get(r.Context(), id)
	if err != nil {
		return err
	}
	return reply(w, jobOf(j))
}

func (a *api) jobResults(w http.ResponseWriter, r *http.Request, id string) error {
	q := newQuery(r)
	outcome, after := engine.JobOutcome(q.text("Outcome")), q.integer("After", 0, 1<<30)
	if err := q.err(); err != nil {
		return err
	}
	results, next, err := a.engine.Jobs().Results(r.Context(), id, outcome, int(after))
	if err != nil {
		return err
	}
	return reply(w, JobResults{Results: append([]engine.JobResult{}, results...), After: next})
}

func (a *api) cancelJob(w http.ResponseWriter, r *http.Request, id string) error {
	if err := a.engine.Jobs().Cancel(r.Context(), id); err != nil {
		return err
	}
	return a.job(w, r, id)
}
