package engine_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// What started in the very millisecond of the job did so before it.
func TestJobAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("sleeper", napper)
		f.start("sleeper", "x", "1")
		if j := f.job(&engine.JobRequest{Action: engine.JobStop, Filter: engine.Filter{Name: "*"}}); j.Done != 1 {
			t.Errorf("got %+v, want one done", j)
		}
	})
}

// A job skips every operation of a name that waits, and whether others of the name have ended does not matter.
func TestJobSkipsByName(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("poller", func(c *call) engine.Outcome {
			for _, id := range []string{"1", "2", "3"} {
				if c.op(id).ID == "" {
					c.checkpoint(protocol.Update{ID: id, Type: protocol.TypeWait, SubType: "Wait", Name: "poll",
						Action: protocol.ActionStart, WaitOptions: &protocol.WaitOptions{WaitSeconds: 3600}})
				}
				if id != "2" && c.op(id).Status != protocol.StatusSucceeded { // the second and the third are open at one time
					return pending()
				}
			}
			return succeed("1")
		})
		arn := f.start("poller", "x", "1")
		for want := range 2 {
			time.Sleep(time.Second)
			j := f.job(&engine.JobRequest{Action: engine.JobSkip, Filter: engine.Filter{Name: "*"}, Operation: "poll"})
			if j.Done != 1 {
				t.Fatalf("time %d: got %+v, %+v, want it done", want, j, f.results(j.ID))
			}
		}
		synctest.Wait()
		if got := f.status(arn); got != protocol.ExecutionSucceeded {
			t.Errorf("got %s, want SUCCEEDED", got)
		}
	})
}

// What changes before a job comes to it has no result, and the job says how many there were.
func TestJobTellsWhatIsGone(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		arns := jobCases[0].prepare(f)
		j := f.jobBegin(&engine.JobRequest{
			Action: engine.JobPause, Filter: engine.Filter{Function: "sleeper"}, Rate: 0.5, // in chunks of one
		})
		time.Sleep(time.Second)
		for _, arn := range arns[3:] {
			if _, err := f.Stop(t.Context(), &engine.StopRequest{ARN: arn}); err != nil {
				t.Fatal(err)
			}
		}
		if now, err := f.Jobs().Get(t.Context(), j.ID); err != nil || now.Gone() != 0 {
			t.Errorf("before its end: got %+v, %v", now, err)
		}
		if j := f.jobEnd(j.ID); j.Done != 3 || j.Gone() != 2 {
			t.Errorf("got %+v, %d gone, want 3 done and 2 gone", j, j.Gone())
		}
	})
}

// A job counts what there is, and not what there was a moment ago.
func TestJobCountsAnew(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		jobCases[0].prepare(f)
		req := &engine.JobRequest{Action: engine.JobPause, Filter: engine.Filter{
			Function: "sleeper", StartedBefore: protocol.TimestampOf(time.Now().Add(-time.Second)),
		}}
		for _, want := range []int{inJob, 0} {
			j, err := f.Jobs().Start(t.Context(), req)
			if err != nil || j.Total != want {
				t.Errorf("got %+v, %v, want %d executions", j, err, want)
			}
			synctest.Wait()
		}
	})
}

// A job of an alias acts on the version that the alias had, also if the name of the function says which alias.
func TestJobOfAnAlias(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		arns := jobCases[0].prepare(f)
		alias := &engine.AliasChange{Function: "sleeper", Name: "live", Version: new(protocol.LatestVersion)}
		if _, err := f.Functions().CreateAlias(t.Context(), alias); err != nil {
			t.Fatal(err)
		}
		for _, filter := range []engine.Filter{{Function: "sleeper", Qualifier: "live"}, {Function: "sleeper:live"}} {
			j := f.job(&engine.JobRequest{Action: engine.JobSkip, Filter: filter})
			if j.Done != len(arns) || j.Fault != "" {
				t.Errorf("%+v: got %+v, want %d done", filter, j, len(arns))
			}
		}
	})
}

// What had not ended when a job began to delete what has ended stays.
func TestJobLeavesOutWhatEndsLater(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		arns := jobCases[0].prepare(f)
		for _, arn := range arns[:3] {
			if _, err := f.Stop(t.Context(), &engine.StopRequest{ARN: arn}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		j, err := f.Jobs().Start(t.Context(), &engine.JobRequest{
			Action: engine.JobDelete, Filter: engine.Filter{Function: "sleeper"}, Rate: 0.5,
		})
		if err != nil || j.Total != 3 {
			t.Fatalf("got %+v, %v, want 3 executions", j, err)
		}
		time.Sleep(time.Second)
		for _, arn := range arns[3:] {
			if _, err := f.Stop(t.Context(), &engine.StopRequest{ARN: arn}); err != nil {
				t.Fatal(err)
			}
		}
		if j := f.jobEnd(j.ID); j.Done != 3 || j.Gone() != 0 {
			t.Errorf("got %+v, want 3 done", j)
		}
		for _, arn := range arns[3:] {
			f.status(arn) // fails if it is gone
		}
	})
}
