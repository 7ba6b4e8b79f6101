package engine_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perdure/perdure/engine"
)

func TestJobIsCanceled(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		jobCases[0].prepare(f)
		j := f.jobBegin(&engine.JobRequest{
			Action: engine.JobPause, Filter: engine.Filter{Function: "sleeper"}, Rate: 0.01,
		})
		time.Sleep(110 * time.Second)
		if err := f.Jobs().Cancel(t.Context(), j.ID); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		j, err := f.Jobs().Get(t.Context(), j.ID)
		if err != nil || !j.Canceled || j.Ended == 0 || j.Done != 2 {
			t.Errorf("got %+v, %v, want one that was canceled after 2", j, err)
		}
		if err := f.Jobs().Cancel(t.Context(), j.ID); err != nil {
			t.Errorf("canceling it again: %v", err)
		}
		wantRefusal(t, f.Jobs().Cancel(t.Context(), "none"), "There is no job none")
	})
}

// A job of which somebody asked that it end says so until it has ended: here, until the node that leads looks.
func TestJobIsBeingCanceled(t *testing.T) {
	inFleet(t, 2, func(t *testing.T, f *fleet) {
		f.durable("sleeper", 100, func(_ int, c *call) engine.Outcome { return napper(c) })
		for i := range 3 {
			f.nodes[0].start("sleeper", fmt.Sprint("x-", i), "1")
		}
		time.Sleep(time.Minute)
		seen := 0
		for _, n := range f.nodes {
			j := n.jobBegin(&engine.JobRequest{
				Action: engine.JobSkip, Filter: engine.Filter{Function: "sleeper"}, Rate: 0.01,
			})
			if j.Canceling {
				t.Fatalf("got %+v, want a job that goes on", j)
			}
			time.Sleep(10*time.Second + time.Millisecond) // not when somebody looks
			if err := n.Jobs().Cancel(t.Context(), j.ID); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			j, err := n.Jobs().Get(t.Context(), j.ID)
			if err != nil || j.Canceling == j.Canceled || j.Canceling != (j.Ended == 0) {
				t.Errorf("got %+v, %v, want one that is canceled, or being canceled", j, err)
			}
			if j.Canceling {
				seen++
			}
			if j = n.jobEnd(j.ID); !j.Canceled || j.Canceling {
				t.Errorf("got %+v, want one that was canceled", j)
			}
		}
		if seen != 1 {
			t.Errorf("%d of 2 nodes had to wait for the one that leads, want 1", seen)
		}
	})
}

// A job that waits for others to end is canceled at once.
func TestAWaitingJobIsCanceled(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		jobCases[0].prepare(f)
		var last *engine.Job
		for range 9 { // one more than are done at one time
			last = f.jobBegin(&engine.JobRequest{
				Action: engine.JobSkip, Filter: engine.Filter{Function: "sleeper"}, Rate: 0.001,
			})
		}
		synctest.Wait()
		if err := f.Jobs().Cancel(t.Context(), last.ID); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		j, err := f.Jobs().Get(t.Context(), last.ID)
		if err != nil || !j.Canceled || j.Acted() != 0 {
			t.Errorf("got %+v, %v, want one that was canceled before it began", j, err)
		}
	})
}
