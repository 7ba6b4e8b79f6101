package engine

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// JobAction is what a job does to each execution.
type JobAction string

// The actions of jobs.
const (
	JobPause   JobAction = "pause"
	JobResume  JobAction = "resume"
	JobStop    JobAction = "stop"
	JobRedrive JobAction = "redrive"
	JobSkip    JobAction = "skip"
	JobDelete  JobAction = "delete"
	// JobSucceed and JobFail complete the callbacks for which an execution waits.
	JobSucceed JobAction = "succeed"
	JobFail    JobAction = "fail"
)

// JobActions are all of them.
var JobActions = []JobAction{
	JobPause, JobResume, JobStop, JobRedrive, JobSkip, JobDelete, JobSucceed, JobFail,
}

// JobRequest asks for one action on many executions. Members that do not go with the action are refused.
type JobRequest struct {
	Action JobAction
	// Filter says on which executions. Without statuses in it, those count on which the action is possible: open ones,
	// say. A redrive leaves out what was redriven before, unless Filter.Redriven says otherwise. Executions that start
	// after the job do not count, nor do those that end after it, if only such are meant that have ended. All is the
	// Name *: a filter without members is refused, as it may be one that somebody forgot.
	Filter Filter
	// ARNs says on which executions in place of Filter: 1 to [MaxChosen].
	ARNs []string `json:",omitempty"`
	// At is the moment of the plan that somebody agreed to: executions that started since do not count, nor do those
	// that ended since, if only such are meant that have ended. Zero, and what is to come, is now.
	At protocol.Timestamp `json:",omitzero"`

	Reason string  `json:",omitempty"` // for people; it goes into each history
	By     string  `json:",omitempty"` // who asks; empty is who is in the context, by [AskedBy]
	Rate   float64 `json:",omitempty"` // executions a second, at most; zero is as fast as it goes

	KeepTimeout bool `json:",omitempty"` // of a pause; see PauseRequest
	Kill        bool `json:",omitempty"` // of a stop; see StopRequest
	Cascade     bool `json:",omitempty"` // of a stop
	// Operation names the operations that are skipped, or the callbacks that are completed, by an id or a name; empty
	// is the next moment, or every callback.
	Operation string `json:",omitempty"`
	All       bool   `json:",omitempty"` // of a skip: every moment; see SkipRequest
	// Result and Error are those of the callbacks; without, they succeed with nothing, or fail with Reason.
	Result *string               `json:",omitempty"`
	Error  *protocol.ErrorObject `json:",omitempty"`
	// Qualifier is the version, or alias, that runs what is redriven; empty is the version of each.
	Qualifier string `json:",omitempty"`
}

// Job is one action on many executions, which the engine does in the background. It survives the engine.
type Job struct {
	ID string // sorts by the time of its start
	JobRequest
	Created protocol.Timestamp
	Total   int // how many executions there were when it began; some may be gone when it comes to them
	JobProgress
	Canceling bool // somebody asked for its end, and it has not ended yet
}

// JobProgress is how far a job has come.
type JobProgress struct {
	Done     int // executions on which it acted
	Refused  int // executions on which the action was not possible
	Failed   int // executions of which the engine could not tell, or not read them
	Ended    protocol.Timestamp
	Canceled bool   `json:",omitempty"` // somebody ended it before it was through
	Fault    string `json:",omitempty"` // why it could not go on; empty for one that could
}

// Acted is the number of executions with a result.
func (p *JobProgress) Acted() int { return p.Done + p.Refused + p.Failed }

// Gone is how many executions of a job that is through have no result: when it came to them they were deleted, or its
// filter did not select them any more.
func (j *Job) Gone() int {
	if j.Ended == 0 || j.Canceled || j.Fault != "" {
		return 0
	}
	return max(0, j.Total-j.Acted())
}

// JobOutcome is how an action on one execution ended.
type JobOutcome string

// The outcomes. An execution that was refused is as it was.
const (
	JobDone    JobOutcome = "done"
	JobRefused JobOutcome = "refused"
	JobFailed  JobOutcome = "failed"
)

// JobResult is what came of a job for one execution.
type JobResult struct {
	ARN     string
	Outcome JobOutcome
	Message string `json:",omitempty"` // why it was refused, or failed
	NewARN  string `json:",omitempty"` // the execution that a redrive started
}

// JobPlan is what a job would do.
type JobPlan struct {
	Total  int       // how many executions there are now
	Sample []Summary // the oldest ten
	// At is when the plan was made. A job with it acts on what was planned, and on nothing that started since.
	At protocol.Timestamp
}

const (
	// MaxChosen bounds the executions of a job that are named one by one.
	MaxChosen = 1000
	// MaxJobs bounds the jobs that are kept: the oldest that have ended are forgotten, soon after a newer one began.
	MaxJobs = 100
	// maxOpenJobs bounds those that have not ended.
	maxOpenJobs = 20
	// MaxRate bounds the rate of a job, in executions a second.
	MaxRate = 10_000
	// minRate is one execution in some ten days.
	minRate = 1e-6
)

// Jobs are the jobs of an engine. All methods may be called concurrently.
//
// The store has them as documents: of one kind for jobs and their progress, and of another for what came of each
// execution.
type Jobs struct {
	*life
	store   store.Store
	engine  *Engine
	foreman *foreman
}

// List returns the jobs that are kept, the newest first.
func (j *Jobs) List(ctx context.Context) ([]*Job, error) {
	all, err := j.read(ctx)
	var list []*Job
	for _, one := range all {
		list = append(list, one.job())
	}
	return list, err
}

// Get returns a job. An unknown one is a ResourceNotFoundException.
func (j *Jobs) Get(ctx context.Context, id string) (*Job, error) {
	one, err := j.find(ctx, id)
	if err != nil {
		return nil, err
	}
	return one.job(), nil
}

// Plan says what a job would do, and does nothing. It refuses what [Jobs.Start] does.
func (j *Jobs) Plan(ctx context.Context, req *JobRequest) (*JobPlan, error) {
	d, err := j.document(ctx, req)
	if err != nil {
		return nil, err
	}
	plan := &JobPlan{Total: d.Total, At: d.At}
	for _, arn := range d.ARNs[:min(len(d.ARNs), planSample)] {
		row, err := j.engine.ledger.known(ctx, arn)
		if err != nil {
			return nil, err
		}
		plan.Sample = append(plan.Sample, j.engine.functions.summary(row))
	}
	if len(d.ARNs) == 0 {
		oldest := &ListRequest{Filter: d.Selects, OldestFirst: true, MaxItems: planSample}
		plan.Sample, _, err = j.engine.List(ctx, oldest)
	}
	return plan, err
}

const planSample = 10

// Start begins a job, and returns when it is durable. From then on it goes on by itself, also in another engine on
// the same store. Each execution is acted on once, and has a result, whatever crashes meanwhile.
func (j *Jobs) Start(ctx context.Context, req *JobRequest) (*Job, error) {
	d, err := j.document(ctx, req)
	if err != nil {
		return nil, err
	}
	all, err := j.read(ctx)
	if err != nil {
		return nil, err
	}
	if open := slices.DeleteFunc(slices.Clone(all), (*jobState).ended); len(open) >= maxOpenJobs {
		return nil, protocol.Errorf(protocol.CodeConflict, "%d jobs have not ended; cancel one, or wait", len(open))
	}
	uid, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	one := &jobState{id: uid.String(), jobDocument: *d}
	if err := j.write(ctx, one); err != nil {
		return nil, err
	}
	j.foreman.look()
	return one.job(), nil
}

// document checks a request and counts on how many executions the job would act.
func (j *Jobs) document(ctx context.Context, req *JobRequest) (*jobDocument, error) {
	d := &jobDocument{JobRequest: *req, Created: j.now()}
	by, err := caller(ctx, req.By)
	if err != nil {
		return nil, err
	}
	d.By = by
	if err := d.check(); err != nil {
		return nil, err
	}
	d.At = min(cmp.Or(d.At, d.Created), d.Created)
	if len(d.ARNs) > 0 {
		d.ARNs = slices.Compact(slices.Sorted(slices.Values(d.ARNs)))
		for _, arn := range d.ARNs {
			if _, err := parseExecution(arn); err != nil {
				return nil, err
			}
		}
		d.Total = len(d.ARNs)
		return d, nil
	}
	d.Selects = d.Filter
	f := &d.Selects
	if end := d.At + 1; f.StartedBefore == 0 || f.StartedBefore > end { // what started in that millisecond counts
		f.StartedBefore = end
	}
	d.settle()
	q, err := j.engine.query(ctx, f)
	if err != nil {
		return nil, err
	}
	f.Function, f.Qualifier = q.Function, q.Version // an alias may move before the job comes to its last execution
	counts, err := j.engine.count(ctx, f, q)        // now: a shared answer may be of before the last job
	if err != nil {
		return nil, err
	}
	d.Total = counts.Total
	return d, nil
}

// settle restricts the filter to executions on which the action is possible.
func (d *jobDocument) settle() {
	f := &d.Selects
	if d.Action == JobRedrive && f.Redriven == "" {
		f.Redriven = RedrivenNo
	}
	if len(f.Statuses) > 0 {
		return
	}
	switch d.Action {
	case JobResume:
		f.Statuses = []protocol.ExecutionStatus{protocol.ExecutionPausing, protocol.ExecutionPaused}
	case JobRedrive:
		f.Statuses = []protocol.ExecutionStatus{
			protocol.ExecutionFailed, protocol.ExecutionTimedOut, protocol.ExecutionStopped,
		}
	case JobDelete:
		f.Statuses = slices.DeleteFunc(slices.Clone(protocol.ExecutionStatuses), func(s protocol.ExecutionStatus) bool {
			return !s.Closed()
		})
	case JobPause:
		f.Statuses = []protocol.ExecutionStatus{protocol.ExecutionRunning}
	default:
		f.Statuses = openStatuses()
	}
	if d.completes() && len(f.Doing) == 0 {
		f.Doing = []Activity{Callback}
	}
}

func (r *JobRequest) completes() bool { return r.Action == JobSucceed || r.Action == JobFail }

// check refuses a request that no engine can do.
func (r *JobRequest) check() error {
	if !slices.Contains(JobActions, r.Action) {
		return protocol.Errorf(protocol.CodeInvalidParameter, "A job cannot %q; it can pause, resume, stop, "+
			"redrive, skip, delete, succeed or fail", string(r.Action))
	}
	stray := ""
	for _, member := range []struct {
		name string
		set  bool
		goes bool // with the action
	}{
		{"KeepTimeout", r.KeepTimeout, r.Action == JobPause},
		{"Kill", r.Kill, r.Action == JobStop},
		{"Cascade", r.Cascade, r.Action == JobStop},
		{"Operation", r.Operation != "", r.Action == JobSkip || r.completes()},
		{"All", r.All, r.Action == JobSkip && r.Operation == ""},
		{"Result", r.Result != nil, r.Action == JobSucceed},
		{"Error", r.Error != nil, r.Action == JobFail},
		{"Qualifier", r.Qualifier != "", r.Action == JobRedrive},
		{"Reason", r.Reason != "", r.Action == JobPause || r.Action == JobResume || r.Action == JobStop ||
			r.Action == JobFail},
	} {
		if member.set && !member.goes {
			stray = cmp.Or(stray, member.name)
		}
	}
	switch {
	case stray != "":
		return protocol.Errorf(protocol.CodeInvalidParameter, "%s does not go with the action %s", stray, r.Action)
	case len(r.ARNs) > MaxChosen:
		return protocol.Errorf(protocol.CodeInvalidParameter, "A job names at most %d executions one by one, not %d; "+
			"a filter has no such limit", MaxChosen, len(r.ARNs))
	case len(r.ARNs) > 0 && len(r.Filter.Values()) > 0:
		return protocol.Errorf(protocol.CodeInvalidParameter,
			"A job acts on the executions of a filter, or on those that it names, not on both")
	case len(r.ARNs) == 0 && len(r.Filter.Values()) == 0:
		return protocol.Errorf(protocol.CodeInvalidParameter, "Nothing says on which executions the job acts: give a "+
			"filter, of which the Name * is for all")
	case r.ARNs != nil && len(r.ARNs) == 0:
		return protocol.Errorf(protocol.CodeInvalidParameter, "A job acts on the executions of a filter, or on those "+
			"that it names, and it names none: leave the list out")
	case r.At < 0:
		return protocol.Errorf(protocol.CodeInvalidParameter, "The moment of a plan is not before 1970")
	case r.Rate != 0 && !(r.Rate >= minRate && r.Rate <= MaxRate): // NaN is no rate
		return protocol.Errorf(protocol.CodeInvalidParameter, "A rate is a number of executions a second, "+
			"from %.6f to %d", minRate, MaxRate)
	case len(r.Reason) > maxReasonText || len(r.Operation) > protocol.MaxName:
		return protocol.Errorf(protocol.CodeInvalidParameter, "The reason, or the name of the operation, is "+
			"too long")
	}
	return r.checkSize()
}

// maxReasonText bounds what people give as a reason, in bytes.
const maxReasonText = 4 << 10

// checkSize bounds what is kept of a job: what the callbacks get, above all.
func (r *JobRequest) checkSize() error {
	kept := *r
	kept.ARNs = nil
	if size := len(encodeDocument(kept)); size > store.MaxDocument/2 { // the filter is there twice
		return protocol.Errorf(protocol.CodeInvalidParameter, "The filter and the outcome of the callbacks have "+
			"%d bytes as JSON; a job takes at most %d", size, store.MaxDocument/2)
	}
	return nil
}

// Cancel ends a job before it is through. It returns when that is sure to happen; until it has happened, the job is
// Canceling. What it has done stays done. One that has ended stays as it is; an unknown one is a
// ResourceNotFoundException.
func (j *Jobs) Cancel(ctx context.Context, id string) error {
	one, err := j.find(ctx, id)
	if err != nil || one.ended() {
		return err
	}
	if err := j.store.PutDocument(ctx, store.JobKind, id+cancelSuffix, []byte("{}")); err != nil {
		return err
	}
	j.foreman.look()
	return nil
}

// Results returns results of a job, in the order in which it acted, of one outcome or of any. after is zero, or what
// the call before returned as next, which is zero on the last page. A page may be empty and not the last.
func (j *Jobs) Results(ctx context.Context, id string, outcome JobOutcome, after int) (
	results []JobResult, next int, err error,
) {
	one, err := j.find(ctx, id)
	if err != nil {
		return nil, 0, err
	}
	upTo := min(one.progress.Chunks, after+chunksAtOnce)
	for n := after + 1; n <= upTo; n++ {
		chunk, err := j.chunk(ctx, id, n)
		if errors.Is(err, store.ErrNotFound) { // the job is being forgotten
			err = unknownJob(id)
		}
		if err != nil {
			return nil, 0, err
		}
		for _, r := range chunk.Results {
			if outcome == "" || r.Outcome == outcome {
				results = append(results, r)
			}
		}
		if len(results) >= chunkLength && n < one.progress.Chunks {
			return results, n, nil
		}
	}
	if upTo < one.progress.Chunks {
		return results, upTo, nil
	}
	return results, 0, nil
}

// chunksAtOnce bounds what one page of results reads.
const chunksAtOnce = 100
