package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// fails starts n executions of a function that fails, and waits for their ends.
func (f *fixture) fails(n int) (arns []string) {
	f.t.Helper()
	f.durable("sleeper", napper)
	for i := range n {
		arns = append(arns, f.start("sleeper", fmt.Sprintf("bad-%d", i), ""))
		f.result(arns[i])
	}
	return arns
}

func (f *fixture) redrive(req engine.ForkRequest) *engine.Started {
	f.t.Helper()
	req.Redrive = true
	s, err := f.Fork(f.t.Context(), &req)
	if err != nil {
		f.t.Fatalf("redriving: %v", err)
	}
	return s
}

// forks are the forks that an execution remembers.
func (f *fixture) forks(arn string) []engine.Fork {
	f.t.Helper()
	x, err := f.Explain(f.t.Context(), arn)
	if err != nil {
		f.t.Fatal(err)
	}
	return x.Forks
}

// known are the ARNs of the redrives that an execution remembers; none for one that is gone.
func (f *fixture) known(arn string) (redrives []string) {
	x, err := f.Explain(f.t.Context(), arn)
	if err != nil {
		return nil
	}
	for _, fork := range x.Forks {
		if fork.Redrive {
			redrives = append(redrives, fork.ARN)
		}
	}
	return redrives
}

// An execution knows its forks, who asked for them and what became of them, also after a restart and in another engine.
func TestAnExecutionKnowsItsForks(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		arn := f.fails(1)[0]
		history := f.history(arn)
		plain, err := f.Fork(engine.AskedBy(t.Context(), "ann"), &engine.ForkRequest{ARN: arn, Name: "good-copy", Input: new("2")})
		if err != nil {
			t.Fatal(err)
		}
		f.result(plain.ARN)
		again := f.redrive(engine.ForkRequest{ARN: arn, By: "bob"})
		f.result(again.ARN)
		want := []engine.Fork{
			{ARN: plain.ARN, By: "ann", Status: protocol.ExecutionSucceeded},
			{ARN: again.ARN, By: "bob", Redrive: true, Status: protocol.ExecutionFailed},
		}
		ignored := cmpopts.IgnoreFields(engine.Fork{}, "At")
		check := func(f *fixture) {
			t.Helper()
			if diff := cmp.Diff(want, f.forks(arn), ignored); diff != "" {
				t.Errorf("forks (-want +got):\n%s", diff)
			}
			if got, want := f.why(arn), "closed: FAILED: Declined: no money; redriven as bad-0-2 by bob"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		check(f)
		f.restart()
		check(f)
		if got := f.history(arn); got != history {
			t.Errorf("got the history %s, want %s", got, history)
		}
		if _, err := f.Delete(t.Context(), plain.ARN); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		want[0].Status = ""
		check(f)

		want[1].Status = "" // it is not where the execution is imported
		other := f.elsewhere(engine.Options{})
		defer other.close()
		if _, err := other.Import(t.Context(), bytes.NewReader(f.export(arn)), &engine.ImportRequest{}); err != nil {
			t.Fatal(err)
		}
		check(other)
		if got := other.names(&engine.ListRequest{Filter: engine.Filter{Redriven: engine.RedrivenYes}}); got != "bad-0" {
			t.Errorf("redriven there: got %q", got)
		}
	})
}

// A fork of a file is known to the execution if that is here, too.
func TestForkOfAFileIsKnown(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		arn := f.fails(1)[0]
		for range 2 {
			s, err := f.Import(t.Context(), bytes.NewReader(f.export(arn)), &engine.ImportRequest{Fork: true})
			if err != nil {
				t.Fatal(err)
			}
			if forks := f.forks(arn); len(forks) == 0 || forks[len(forks)-1].ARN != s.ARN {
				t.Errorf("got %+v, want %s, too", forks, s.ARN)
			}
		}
	})
}

// What was redriven is not among the failures any more, nor among what needs attention, nor what a job redrives, unless
// a filter asks for it. The statuses are as they were.
func TestRedrivenIsDealtWith(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		arns := f.fails(3)
		failed := []protocol.ExecutionStatus{protocol.ExecutionFailed}
		s := f.redrive(engine.ForkRequest{ARN: arns[1], Name: "bad-x"})
		f.result(s.ARN)
		yes, no := engine.Filter{Redriven: engine.RedrivenYes}, engine.Filter{Redriven: engine.RedrivenNo}
		for name, test := range map[string]struct {
			req  engine.ListRequest
			want string
		}{
			"all":           {engine.ListRequest{}, "bad-x bad-2 bad-1 bad-0"},
			"yes":           {engine.ListRequest{Filter: yes}, "bad-1"},
			"no":            {engine.ListRequest{Filter: no}, "bad-x bad-2 bad-0"},
			"attention":     {engine.ListRequest{AttentionFirst: true}, "bad-x bad-2 bad-0 bad-1"},
			"attention yes": {engine.ListRequest{AttentionFirst: true, Filter: yes}, "bad-1"},
			"attention no":  {engine.ListRequest{AttentionFirst: true, Filter: no}, "bad-x bad-2 bad-0"},
		} {
			for _, test.req.MaxItems = range []int{0, 1} { // and in pages of one
				if got := f.names(&test.req); got != test.want {
					t.Errorf("%s: got %q, want %q", name, got, test.want)
				}
			}
		}
		items, _, err := f.List(t.Context(), &engine.ListRequest{AttentionFirst: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range items {
			want := map[bool]engine.Stage{true: engine.StageRest, false: engine.StageFailures}[item.Name == "bad-1"]
			if item.Stage != want || item.Redriven != (item.Name == "bad-1") {
				t.Errorf("got %+v, want the stage %s", item, want)
			}
		}
		time.Sleep(time.Minute) // counts are shared for a while
		for name, test := range map[string]struct {
			filter           engine.Filter
			failed, failures int
		}{
			"all": {engine.Filter{}, 4, 3}, "yes": {yes, 1, 1}, "no": {no, 3, 3},
			"of an error": {engine.Filter{Statuses: failed, Error: "Declined"}, 4, 3},
		} {
			c, err := f.Count(t.Context(), &test.filter)
			if err != nil || c.Statuses[protocol.ExecutionFailed] != test.failed || len(c.Failures) != 1 ||
				c.Failures[0].N != test.failures {
				t.Errorf("%s: got %+v, %v, want %d failed, %d of them failures", name, c, err, test.failed, test.failures)
			}
		}
		for name, test := range map[string]struct {
			filter engine.Filter
			want   int
		}{"all": {engine.Filter{Name: "*"}, 3}, "named": {engine.Filter{Name: "bad-1"}, 0}, "no": {no, 3}, "yes": {yes, 1}} {
			plan, err := f.Jobs().Plan(t.Context(), &engine.JobRequest{Action: engine.JobRedrive, Filter: test.filter})
			if err != nil || plan.Total != test.want || len(plan.Sample) != test.want {
				t.Errorf("%s: got the plan %+v, %v, want %d", name, plan, err, test.want)
			}
		}
		plan, err := f.Jobs().Plan(t.Context(), &engine.JobRequest{Action: engine.JobDelete, Filter: engine.Filter{Name: "*"}})
		if err != nil || plan.Total != 4 {
			t.Errorf("deleting: got the plan %+v, %v, want 4", plan, err)
		}
	})
}

// "Redrive all" a second time, or by two at once, finds nothing left to do. Who names executions, or says so, redrives
// them again.
func TestJobsRedriveOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		arns := f.fails(3)
		time.Sleep(time.Second)
		all := &engine.JobRequest{Action: engine.JobRedrive, Rate: 0.1, Filter: engine.Filter{
			Function: "sleeper", StartedBefore: protocol.TimestampOf(time.Now())}}
		var ids []string
		for range 2 {
			j := f.jobBegin(all)
			ids = append(ids, j.ID)
		}
		f.redrive(engine.ForkRequest{ARN: arns[2], Name: "bad-x"}) // the jobs come to it in ten seconds
		done := 0
		for _, id := range ids {
			done += f.jobEnd(id).Done
			for _, r := range f.results(id) {
				if r.Outcome != engine.JobDone && !strings.Contains(r.Message, "redriven before; a filter with Redriven=yes") {
					t.Errorf("got %+v, want the reason", r)
				}
			}
		}
		if done != 2 {
			t.Errorf("the jobs redrove %d, want the 2 that nobody had redriven", done)
		}
		for _, arn := range arns {
			if redrives := f.known(arn); len(redrives) != 1 {
				t.Errorf("got the redrives %q, want one", redrives)
			}
		}
		all.Filter.Redriven, all.Rate = engine.RedrivenYes, 0
		if j := f.job(all); j.Total != 3 || j.Done != 3 {
			t.Errorf("again: got %+v, want 3 done", j)
		}
		if j := f.job(&engine.JobRequest{Action: engine.JobRedrive, ARNs: arns}); j.Done != 3 {
			t.Errorf("by name: got %+v, %+v, want 3 done", j, f.results(j.ID))
		}
		for _, arn := range arns {
			if n := len(f.forks(arn)); n != 3 {
				t.Errorf("got %d forks, want 3", n)
			}
		}
	})
}

// spoiled is a store in which something happens before one of the commits.
type spoiled struct {
	store.Store
	left  atomic.Int64 // commits before that
	spoil func() error // an error is that of the commit

	takesEffect bool // the commit whose error is made up
}

func (s *spoiled) Commit(ctx context.Context, writes ...store.Write) error {
	if s.left.Add(-1) == -1 {
		if err := s.spoil(); err != nil {
			if s.takesEffect {
				err = errors.Join(err, s.Store.Commit(ctx, writes...))
			}
			return err
		}
	}
	return s.Store.Commit(ctx, writes...)
}

// A fork and what its origin knows of it are one commit: whether that fails, or the process dies before or after it,
// neither is there without the other.
func TestAForkIsNeverUnknown(t *testing.T) {
	for _, token := range []string{"", "token"} {
		for _, takesEffect := range []bool{false, true} {
			for nth := range int64(3) { // of the commits from the request on
				t.Run(fmt.Sprint("token=", token, ",takesEffect=", takesEffect, ",commit=", nth), func(t *testing.T) {
					inBubble(t, func(t *testing.T, f *fixture) {
						forkWhileTheStoreFails(t, f, token, takesEffect, nth)
					})
				})
			}
		}
	}
}

func forkWhileTheStoreFails(t *testing.T, f *fixture, token string, takesEffect bool, nth int64) {
	front := &spoiled{Store: f.store, takesEffect: takesEffect, spoil: func() error { return errors.New("the store is away") }}
	f.close()
	front.left.Store(1 << 40)
	f.front = front
	f.open()
	arn := f.fails(1)[0]
	synctest.Wait()
	front.left.Store(nth)
	req := &engine.ForkRequest{ARN: arn, Redrive: true, Token: token}
	_, err := f.Fork(t.Context(), req)
	isFound := token != "" && takesEffect // by its name
	if failed := err != nil; failed != (nth == 0 && !isFound) {
		t.Errorf("got %v, want an error if the first commit fails", err)
	}
	f.restart()
	isThere := takesEffect || nth > 0
	made := f.names(&engine.ListRequest{Filter: engine.Filter{Name: "bad-0-*"}})
	if forks := f.forks(arn); len(forks) != len(strings.Fields(made)) || isThere != (len(forks) == 1) {
		t.Errorf("there are the forks %q, and the execution knows %+v", made, forks)
	}
	if token == "" {
		return
	}
	s, err := f.Fork(t.Context(), req)
	if err != nil || s.Existing != isThere {
		t.Fatalf("repeated: got %+v, %v, want one that exists: %v", s, err, isThere)
	}
	if forks := f.forks(arn); len(forks) != 1 || forks[0].ARN != s.ARN || !forks[0].Redrive {
		t.Errorf("got %+v, want %s", forks, s.ARN)
	}
	f.result(s.ARN)
}

// An execution that is deleted while a fork of it is made has none.
func TestForkOfWhatIsDeletedMeanwhile(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		front := &spoiled{Store: f.store}
		f.close()
		front.left.Store(1 << 40)
		f.front = front
		f.open()
		for i, token := range []string{"", "token"} {
			arn := f.fails(i + 1)[i]
			synctest.Wait()
			id, _ := protocol.ParseARN(arn)
			front.spoil = func() error { return f.store.Delete(context.Background(), id.ID) }
			front.left.Store(0)
			s, err := f.Fork(t.Context(), &engine.ForkRequest{ARN: arn, Redrive: true, Token: token})
			if !protocol.HasCode(err, protocol.CodeNotFound) {
				t.Errorf("got %+v, %v, want that the execution is not there", s, err)
			}
			if made := f.names(&engine.ListRequest{Filter: engine.Filter{Name: id.Name + "-*"}}); made != "" {
				t.Errorf("got the forks %q of what is gone", made)
			}
		}
	})
}

// A node forks an execution that another one runs: the invocation in flight goes on, and every node knows the fork.
func TestForkOfAnotherNodesExecution(t *testing.T) {
	inFleet(t, 2, func(t *testing.T, f *fleet) {
		goOn := make(chan struct{})
		f.durable("order", 100, func(_ int, c *call) engine.Outcome {
			if c.step("1", "1"); c.op("1").Status != protocol.StatusSucceeded {
				return crash("no step")
			}
			<-goOn
			if !c.step("2", "2") {
				return crash(fmt.Sprint("no second step: ", c.err))
			}
			return succeed("done")
		})
		arn := f.nodes[0].start("order", "order-7", "")
		synctest.Wait()
		s, err := f.nodes[1].Fork(t.Context(), &engine.ForkRequest{ARN: arn})
		if err != nil {
			t.Fatal(err)
		}
		more, err := f.nodes[0].Fork(t.Context(), &engine.ForkRequest{ARN: arn}) // it does not know of the other one yet
		if err != nil {
			t.Fatal(err)
		}
		for i, n := range f.nodes {
			if forks := n.forks(arn); len(forks) != 2 || forks[0].ARN != s.ARN || forks[1].ARN != more.ARN {
				t.Errorf("node %d: got %+v, want %s and %s", i, forks, s.ARN, more.ARN)
			}
		}
		close(goOn)
		for i, one := range []string{arn, s.ARN, more.ARN} {
			if r := f.nodes[i%2].result(one); r.Status != protocol.ExecutionSucceeded {
				t.Errorf("got %s, %v", r.Status, r.Error)
			}
		}
		if h := f.nodes[1].history(arn); h != "ExecutionStarted StepStarted StepSucceeded StepStarted StepSucceeded "+
			"InvocationCompleted ExecutionSucceeded" {
			t.Errorf("got the history %s", h)
		}
	})
}
