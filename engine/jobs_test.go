package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// job runs a job to its end.
func (f *fixture) job(req *engine.JobRequest) *engine.Job {
	f.t.Helper()
	return f.jobEnd(f.jobBegin(req).ID)
}

// jobBegin starts a job.
func (f *fixture) jobBegin(req *engine.JobRequest) *engine.Job {
	f.t.Helper()
	j, err := f.Jobs().Start(f.t.Context(), req)
	if err != nil {
		f.t.Fatalf("starting a job: %v", err)
	}
	return j
}

// jobEnd waits for the end of a job.
func (f *fixture) jobEnd(id string) *engine.Job {
	f.t.Helper()
	for range 1000 {
		j, err := f.Jobs().Get(f.t.Context(), id)
		if err != nil {
			f.t.Fatalf("Job: %v", err)
		}
		if j.Ended != 0 {
			return j
		}
		time.Sleep(time.Second)
	}
	f.t.Fatalf("the job %s has not ended", id)
	return nil
}

// results are all results of a job, as outcome and ARN.
func (f *fixture) results(id string) (all []engine.JobResult) {
	f.t.Helper()
	for after := 0; ; {
		page, next, err := f.Jobs().Results(f.t.Context(), id, "", after)
		if err != nil {
			f.t.Fatalf("the results of a job: %v", err)
		}
		all = append(all, page...)
		if after = next; after == 0 {
			return all
		}
	}
}

// mortal is a store whose process dies with one of its changes: before that one takes effect, or after.
type mortal struct {
	store.Store
	left  atomic.Int64 // changes that succeed
	after bool
	dead  atomic.Bool
}

var errDead = errors.New("the process is dead")

func (m *mortal) change(do func() error) error {
	if m.dead.Load() {
		return errDead
	}
	if m.left.Add(-1) >= 0 {
		return do()
	}
	m.dead.Store(true)
	if m.after {
		_ = do()
	}
	return errDead
}

func (m *mortal) Commit(ctx context.Context, writes ...store.Write) error {
	return m.change(func() error { return m.Store.Commit(ctx, writes...) })
}

func (m *mortal) Delete(ctx context.Context, id string) error {
	return m.change(func() error { return m.Store.Delete(ctx, id) })
}

func (m *mortal) PutDocument(ctx context.Context, kind, key string, value []byte) error {
	return m.change(func() error { return m.Store.PutDocument(ctx, kind, key, value) })
}

func (m *mortal) EnsureDocument(ctx context.Context, kind, key string, value []byte) (got []byte, err error) {
	err = m.change(func() error { got, err = m.Store.EnsureDocument(ctx, kind, key, value); return err })
	return got, err
}

func (m *mortal) DeleteDocument(ctx context.Context, kind, key string) error {
	return m.change(func() error { return m.Store.DeleteDocument(ctx, kind, key) })
}

// napper waits for three hours, one after the other, and beside them for a callback. One whose name begins with bad
// fails at once.
func napper(c *call) engine.Outcome {
	if strings.Contains(c.ExecutionARN, "/bad") {
		return engine.Outcome{Payload: []byte(`{"Status":"FAILED","Error":{"ErrorType":"Declined","ErrorMessage":"no money"}}`)}
	}
	if strings.Contains(c.ExecutionARN, "/good") {
		return succeed("1")
	}
	if c.op("cb").ID == "" {
		c.checkpoint(protocol.Update{ID: "cb", Type: protocol.TypeCallback, Action: protocol.ActionStart,
			Name: "approve", SubType: "Callback", CallbackOptions: &protocol.CallbackOptions{}})
	}
	for _, id := range []string{"1", "2", "3"} {
		if !c.wait(id, 3600) {
			return pending()
		}
	}
	return pending()
}

// jobCase is an action, what it is done to, and what it leaves behind.
type jobCase struct {
	action engine.JobAction
	name   string // of the executions, with a number behind it
	filter engine.Filter
	before func(f *fixture, arn string)
	event  string // what the action leaves in a history
}

var jobCases = []jobCase{
	{engine.JobPause, "x", engine.Filter{Function: "sleeper"}, nil, "ExecutionPaused"},
	{engine.JobResume, "x", engine.Filter{Name: "x-*"}, (*fixture).pause, "ExecutionResumed"},
	{engine.JobStop, "x", engine.Filter{Name: "*"}, nil, "ExecutionStopped"},
	{engine.JobSkip, "x", engine.Filter{Doing: []engine.Activity{engine.Waiting}}, nil, "WaitSucceeded"},
	{engine.JobSucceed, "x", engine.Filter{Function: "sleeper"}, nil, "CallbackSucceeded"},
	{engine.JobFail, "x", engine.Filter{Function: "sleeper"}, nil, "CallbackFailed"},
	{engine.JobRedrive, "bad", engine.Filter{Name: "bad-*"}, nil, ""},
	{engine.JobDelete, "good", engine.Filter{Function: "sleeper"}, nil, ""},
}

const inJob = 5 // executions

func (c *jobCase) prepare(f *fixture) (arns []string) {
	f.durable("sleeper", napper)
	for i := range inJob {
		arns = append(arns, f.start("sleeper", fmt.Sprintf("%s-%d", c.name, i), "1"))
	}
	time.Sleep(time.Minute)
	for _, arn := range arns {
		if c.before != nil {
			c.before(f, arn)
		}
	}
	time.Sleep(time.Second)
	return arns
}

// check checks that a job acted on each execution once, and tells of each.
func (c *jobCase) check(f *fixture, j *engine.Job, arns []string) {
	f.t.Helper()
	if j.Total != inJob || j.Done != inJob || j.Refused+j.Failed != 0 || j.Fault != "" {
		f.t.Errorf("got %+v, want %d of %[2]d done", j, inJob)
	}
	var told []string
	for _, r := range f.results(j.ID) {
		if forks := f.known(r.ARN); c.action == engine.JobRedrive && !cmp.Equal(forks, []string{r.NewARN}) {
			f.t.Errorf("%s knows the forks %q, want %s", r.ARN, forks, r.NewARN)
		}
		told = append(told, r.ARN)
		if r.Outcome != engine.JobDone || (r.NewARN != "") != (c.action == engine.JobRedrive) {
			f.t.Errorf("got the result %+v", r)
		}
	}
	if slices.Sort(told); !cmp.Equal(told, slices.Sorted(slices.Values(arns))) {
		f.t.Errorf("results tell of %q, want %q", told, arns)
	}
	all, _, err := f.List(f.t.Context(), &engine.ListRequest{})
	if err != nil {
		f.t.Fatal(err)
	}
	want := map[engine.JobAction]int{engine.JobDelete: 0, engine.JobRedrive: 2 * inJob}
	if n, special := want[c.action]; special {
		if len(all) != n {
			f.t.Errorf("there are %d executions, want %d", len(all), n)
		}
		return
	}
	for _, arn := range arns {
		if h := f.history(arn); strings.Count(h, c.event) != 1 {
			f.t.Errorf("%s happened %d times, want once: %s", c.event, strings.Count(h, c.event), h)
		}
	}
}

func TestJobsActOnAllThatMatch(t *testing.T) {
	for _, c := range jobCases {
		t.Run(string(c.action), func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *fixture) {
				arns := c.prepare(f)
				c.check(f, f.job(&engine.JobRequest{Action: c.action, Filter: c.filter}), arns)
			})
		})
	}
}

// A process may die with any change that a job makes, before or after it takes effect. The next one goes on with the
// job, which acts on each execution once.
func TestJobsOutliveEngines(t *testing.T) {
	for _, c := range jobCases {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/after=%t", c.action, after), func(t *testing.T) {
				for n := range int64(200) {
					if !c.survives(t, n, after) {
						return // it died of nothing
					}
				}
				t.Error("the job makes too many changes")
			})
		}
	}
}

// survives has a process die with one change of a job, and reports whether it did.
func (c *jobCase) survives(t *testing.T, change int64, after bool) (died bool) {
	inBubble(t, func(t *testing.T, f *fixture) {
		arns := c.prepare(f)
		f.close()
		m := &mortal{Store: f.store, after: after}
		m.left.Store(1 << 40)
		f.front = m
		f.open()
		time.Sleep(time.Second)
		m.left.Store(change)
		_, _ = f.Jobs().Start(t.Context(), &engine.JobRequest{Action: c.action, Filter: c.filter})
		time.Sleep(time.Minute)
		died = m.dead.Load()
		if err := f.Close(t.Context()); err != nil {
			t.Error(err)
		}
		f.front = nil
		f.open()
		jobs, err := f.Jobs().List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(jobs) == 0 && change == 0 && !after { // it was never there
			return
		}
		if len(jobs) != 1 {
			t.Fatalf("change %d: there are %d jobs, want 1", change, len(jobs))
		}
		c.check(f, f.jobEnd(jobs[0].ID), arns)
	})
	return died
}

func TestJobOfNamedExecutions(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		c := jobCases[0]
		arns := c.prepare(f)
		gone := strings.Replace(arns[0], "x-0", "x-9", 1)
		j := f.job(&engine.JobRequest{Action: engine.JobPause, ARNs: []string{arns[3], gone, arns[1], arns[3]}})
		if j.Total != 3 || j.Done != 2 || j.Refused != 1 {
			t.Errorf("got %+v, want 2 of 3 done", j)
		}
		if got := f.status(arns[0]); got != protocol.ExecutionRunning {
			t.Errorf("one that was not named is %s", got)
		}
	})
}

// Executions that are not as the action wants them are refused, with the reason, and stay as they are.
func TestJobTellsWhyNot(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		arns := jobCases[0].prepare(f)
		f.pause(arns[2])
		j := f.job(&engine.JobRequest{Action: engine.JobPause, Filter: engine.Filter{
			Name: "x-*", Statuses: []protocol.ExecutionStatus{protocol.ExecutionRunning, protocol.ExecutionPaused},
		}})
		if j.Done != 4 || j.Refused != 1 {
			t.Errorf("got %+v, want 4 done, 1 refused", j)
		}
		page, _, err := f.Jobs().Results(t.Context(), j.ID, engine.JobRefused, 0)
		if err != nil || len(page) != 1 || page[0].ARN != arns[2] || page[0].Message == "" {
			t.Errorf("got %+v, %v, want the one that was paused, with a reason", page, err)
		}
	})
}

func TestJobKeepsItsRate(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("sleeper", napper)
		for i := range 60 {
			f.start("sleeper", fmt.Sprint("x-", i), "1")
		}
		time.Sleep(time.Minute)
		began := time.Now()
		j := f.jobBegin(&engine.JobRequest{
			Action: engine.JobPause, Filter: engine.Filter{Function: "sleeper"}, Rate: 2,
		})
		time.Sleep(10 * time.Second)
		if now, err := f.Jobs().Get(t.Context(), j.ID); err != nil || now.Done < 15 || now.Done > 21 {
			t.Errorf("after 10 s: got %+v, %v, want about 20 done", now, err)
		}
		f.jobEnd(j.ID)
		if took := time.Since(began); took < 29*time.Second || took > 32*time.Second {
			t.Errorf("60 executions took %v, want 30 s", took)
		}
	})
}

// What starts while a job goes on is not part of it.
func TestJobLeavesOutWhatStartsLater(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		jobCases[0].prepare(f)
		j := f.jobBegin(&engine.JobRequest{
			Action: engine.JobPause, Filter: engine.Filter{Function: "sleeper"}, Rate: 1,
		})
		time.Sleep(time.Second)
		late := f.start("sleeper", "late", "1")
		if j = f.jobEnd(j.ID); j.Done != inJob {
			t.Errorf("got %+v, want %d done", j, inJob)
		}
		if got := f.status(late); got != protocol.ExecutionRunning {
			t.Errorf("one that started later is %s", got)
		}
	})
}

func TestBadJobs(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		arns := jobCases[0].prepare(f)
		text := "t"
		long, escaped := strings.Repeat("r", 200_000), strings.Repeat("\x01", 100_000)
		large := engine.Filter{Error: strings.Repeat("e", 300_000)}
		odd := engine.Filter{Statuses: []protocol.ExecutionStatus{"ODD"}}
		for want, req := range map[string]*engine.JobRequest{
			`A job cannot "explode"; it can pause, resume`: {Action: "explode"},
			"Kill does not go with the action pause":       {Action: engine.JobPause, Kill: true},
			"Result does not go with the action fail":      {Action: engine.JobFail, Result: &text},
			"Reason does not go with the action delete":    {Action: engine.JobDelete, Reason: "r"},
			"Nothing says on which executions":             {Action: engine.JobPause},
			"it names none: leave the list out":            {Action: engine.JobPause, ARNs: []string{}, Filter: engine.Filter{Name: "*"}},
			"not on both":                                  {Action: engine.JobPause, ARNs: arns, Filter: engine.Filter{Name: "x"}},
			"one by one, not 1001":                         {Action: engine.JobPause, ARNs: slices.Repeat(arns[:1], 1001)},
			"No execution ever has the status":             {Action: engine.JobPause, Filter: odd},
			"Function not found":                           {Action: engine.JobPause, Filter: engine.Filter{Function: "nobody"}},
			"not before 1970":                              {Action: engine.JobPause, Filter: engine.Filter{Name: "*"}, At: -1},
			"too long":                                     {Action: engine.JobPause, ARNs: arns, Reason: strings.Repeat("r", 5000)},
			"callbacks have 200":                           {Action: engine.JobSucceed, ARNs: arns, Result: &long},
			"callbacks have 600":                           {Action: engine.JobSucceed, ARNs: arns, Result: &escaped},
			"callbacks have 300":                           {Action: engine.JobPause, Filter: large},
		} {
			_, err := f.Jobs().Start(t.Context(), req)
			wantRefusal(t, err, want)
			_, err = f.Jobs().Plan(t.Context(), req)
			wantRefusal(t, err, want)
		}
		for _, rate := range []float64{-1, math.NaN(), math.Inf(1), math.Inf(-1), 1e9, 1e-300} {
			_, err := f.Jobs().Start(t.Context(), &engine.JobRequest{Action: engine.JobPause, ARNs: arns, Rate: rate})
			wantRefusal(t, err, "A rate is a number of executions a second, from 0.000001 to 10000")
		}
		if jobs, err := f.Jobs().List(t.Context()); err != nil || len(jobs) != 0 {
			t.Errorf("got %d jobs, %v, want none", len(jobs), err)
		}
	})
}

func TestPlanOfAJob(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		arns := jobCases[0].prepare(f)
		f.pause(arns[4])
		plan, err := f.Jobs().Plan(t.Context(), &engine.JobRequest{
			Action: engine.JobPause, Filter: engine.Filter{Function: "sleeper"},
		})
		if err != nil || plan.Total != 4 || len(plan.Sample) != 4 || plan.Sample[0].ARN != arns[0] {
			t.Errorf("got %+v, %v, want the four that are not paused", plan, err)
		}
		if got := f.status(arns[0]); got != protocol.ExecutionRunning {
			t.Errorf("the plan made it %s", got)
		}
		time.Sleep(time.Second)
		late := f.start("sleeper", "late", "1")
		f.job(&engine.JobRequest{Action: engine.JobPause, Filter: engine.Filter{Name: "*"}, At: plan.At})
		if got := f.status(late); got != protocol.ExecutionRunning {
			t.Errorf("one that was not in the plan is %s", got)
		}
	})
}

// In a fleet any node takes a job, and if the node that does it dies, another goes on.
func TestJobInAFleet(t *testing.T) {
	inFleet(t, 3, func(t *testing.T, f *fleet) {
		f.durable("sleeper", 100, func(_ int, c *call) engine.Outcome { return napper(c) })
		var arns []string
		for i := range 40 {
			arns = append(arns, f.nodes[i%3].start("sleeper", fmt.Sprint("x-", i), "1"))
		}
		time.Sleep(time.Minute)
		for i, n := range f.nodes {
			j := n.jobBegin(&engine.JobRequest{
				Action: engine.JobSkip, Filter: engine.Filter{Function: "sleeper"}, Rate: 2,
			})
			time.Sleep(8 * time.Second)
			if i < 2 { // the node that leads, if it is this one, does not know that it is dead
				n.cut.Off()
				time.Sleep(time.Minute)
				n.cut.On()
				time.Sleep(10 * time.Second)
			}
			j = f.nodes[2].jobEnd(j.ID)
			if j.Done != len(arns) || j.Refused+j.Failed != 0 {
				t.Errorf("got %+v, want all done", j)
			}
			if got := len(f.nodes[2].results(j.ID)); got != len(arns) {
				t.Errorf("got %d results, want %d", got, len(arns))
			}
			for _, arn := range arns {
				if got := strings.Count(f.nodes[2].history(arn), "WaitSucceeded"); got != i+1 {
					t.Errorf("after job %d, %d waits of %s are over", i+1, got, arn)
				}
			}
		}
	})
}
