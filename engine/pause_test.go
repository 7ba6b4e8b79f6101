package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

func (f *fixture) pause(arn string) {
	f.t.Helper()
	if err := f.Pause(f.t.Context(), &engine.PauseRequest{ARN: arn}); err != nil {
		f.t.Fatalf("Pause: %v", err)
	}
}

func (f *fixture) resume(arn string) {
	f.t.Helper()
	if err := f.Resume(f.t.Context(), &engine.ResumeRequest{ARN: arn}); err != nil {
		f.t.Fatalf("Resume: %v", err)
	}
}

func (f *fixture) status(arn string) protocol.ExecutionStatus {
	f.t.Helper()
	d, err := f.Describe(f.t.Context(), arn)
	if err != nil {
		f.t.Fatal(err)
	}
	return d.Status
}

// wantRefusal fails the test unless err says want.
func wantRefusal(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got error %v, want %s", err, want)
	}
}

// A paused execution is not invoked, however many engines come and go; its
// wait elapses all the same.
func TestPauseOutlivesEngines(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("order", order)
		arn := f.start("order", "mine", `{}`)
		synctest.Wait()
		f.pause(arn)
		f.restart()
		time.Sleep(30 * time.Minute)
		f.restart()
		if got, want := f.status(arn), protocol.ExecutionPaused; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		before := "ExecutionStarted StepStarted StepSucceeded StepStarted StepSucceeded WaitStarted " +
			"InvocationCompleted ExecutionPaused WaitSucceeded"
		if got := f.history(arn); got != before {
			t.Errorf("history:\n got %s\nwant %s", got, before)
		}
		if again := f.start("order", "mine", `{}`); again != arn || f.status(arn) != protocol.ExecutionPaused {
			t.Errorf("starting it again got %s, %s", again, f.status(arn))
		}
		f.resume(arn)
		f.result(arn)
		want := before + " ExecutionResumed StepStarted StepSucceeded InvocationCompleted ExecutionSucceeded"
		if got := f.history(arn); got != want {
			t.Errorf("history:\n got %s\nwant %s", got, want)
		}
	})
}

// A pause waits for the checkpoint of the invocation in flight, which is the
// last that it may make.
func TestPauseInterruptsAnInvocation(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		release := make(chan struct{})
		f.durable("busy", func(c *call) engine.Outcome {
			if c.op("1").Status == protocol.StatusSucceeded {
				return succeed(fmt.Sprintf("%v", c.in.UpdatedOperationIds))
			}
			<-release
			c.step("1", "1")
			if c.err != nil || c.token != "" {
				t.Errorf("the interrupting checkpoint got error %v and token %q", c.err, c.token)
			}
			return pending()
		})
		arn := f.start("busy", "", "")
		synctest.Wait()
		f.pause(arn)
		if got, want := f.status(arn), protocol.ExecutionPausing; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		wantRefusal(t, f.Pause(t.Context(), &engine.PauseRequest{ARN: arn}),
			"ResourceConflictException: Cannot pause a durable execution with status PAUSING.")
		close(release)
		time.Sleep(time.Minute)
		if got, want := f.status(arn), protocol.ExecutionPaused; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		f.resume(arn)
		if r := f.result(arn); *r.Payload != "[1]" {
			t.Errorf("the function was told that %s changed, want [1]", *r.Payload)
		}
		want := "ExecutionStarted StepStarted StepSucceeded ExecutionPaused InvocationCompleted ExecutionResumed " +
			"InvocationCompleted ExecutionSucceeded"
		if got := f.history(arn); got != want {
			t.Errorf("history:\n got %s\nwant %s", got, want)
		}
	})
}

// A resumption that has nothing to tell invokes nobody.
func TestResumeToWait(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("order", order)
		begin := time.Now()
		arn := f.start("order", "", `{}`)
		time.Sleep(time.Second)
		f.pause(arn)
		time.Sleep(time.Second)
		f.resume(arn)
		f.result(arn)
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("the order took %v, want the wait's 5s", took)
		}
		if got, want := f.history(arn), strings.Replace(orderHistory, "InvocationCompleted",
			"InvocationCompleted ExecutionPaused ExecutionResumed", 1); got != want {
			t.Errorf("history:\n got %s\nwant %s", got, want)
		}
	})
}

func TestPauseAndTheTimeout(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("stuck", func(c *call) engine.Outcome {
			if c.op("1").ID == "" {
				c.checkpoint(protocol.Update{ID: "1", Type: protocol.TypeCallback, Action: protocol.ActionStart})
			}
			return pending()
		})
		kept, put := f.start("stuck", "", ""), f.start("stuck", "", "")
		synctest.Wait()
		started := time.Now()
		reason := "let us see"
		if err := f.Pause(t.Context(), &engine.PauseRequest{ARN: kept, KeepTimeout: true, Reason: &reason}); err != nil {
			t.Fatal(err)
		}
		f.pause(put)
		d, err := f.Describe(t.Context(), kept)
		if err != nil || d.Pause == nil || *d.Pause.Reason != reason || d.Pause.TimeoutPaused ||
			!d.TimesOut.Time().Equal(started.Add(time.Hour)) {
			t.Errorf("got %+v, %+v, %v", d, d.Pause, err)
		}
		time.Sleep(3 * time.Hour)
		if got, want := f.status(kept), protocol.ExecutionTimedOut; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		f.resume(put)
		time.Sleep(time.Hour - time.Second)
		if got, want := f.status(put), protocol.ExecutionRunning; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got, want := f.status(put), protocol.ExecutionTimedOut; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if d, err := f.Describe(t.Context(), put); err != nil || d.TimesOut != 0 || d.Pause != nil {
			t.Errorf("got %+v, %v of a closed execution", d, err)
		}
	})
}

func TestStopPaused(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("order", order)
		arn := f.start("order", "", `{}`)
		synctest.Wait()
		f.pause(arn)
		if _, err := f.Stop(t.Context(), &engine.StopRequest{ARN: arn}); err != nil {
			t.Fatal(err)
		}
		if r := f.result(arn); r.Status != protocol.ExecutionStopped {
			t.Errorf("got %s", r.Status)
		}
		wantRefusal(t, f.Resume(t.Context(), &engine.ResumeRequest{ARN: arn}), "Cannot resume a durable execution with status STOPPED.")
	})
}

func TestUnknownExecutionsAreNotPaused(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("order", order)
		arn := f.start("order", "mine", `{}`)
		for other, want := range map[string]string{
			strings.Replace(arn, "mine", "yours", 1): "ResourceNotFoundException",
			arn + "0":                                "ResourceNotFoundException",
			"arn:nonsense":                           "InvalidParameterValueException",
		} {
			wantRefusal(t, f.Pause(t.Context(), &engine.PauseRequest{ARN: other}), want)
			wantRefusal(t, f.Resume(t.Context(), &engine.ResumeRequest{ARN: other}), want)
			_, err := f.Delete(t.Context(), other)
			wantRefusal(t, err, want)
		}
		f.result(arn)
	})
}
