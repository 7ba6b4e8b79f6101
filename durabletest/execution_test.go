package durabletest_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/durabletest"
	"github.com/perdure/perdure/protocol"
)

func TestDriveTakesTurns(t *testing.T) {
	var done []string // needs no lock
	step := func(ctx durable.Context, name string) error {
		_, err := durable.Step(ctx, name, func(context.Context) (any, error) { done = append(done, name); return nil, nil })
		return err
	}
	handler := func(ctx durable.Context, _ any) (any, error) {
		if err := step(ctx, "first"); err != nil {
			return nil, err
		}
		if err := durable.Wait(ctx, "pause", time.Hour); err != nil {
			return nil, err
		}
		return nil, step(ctx, "second")
	}
	r := durabletest.Drive(t, handler, nil, func(t *testing.T, x *durabletest.Execution) {
		if len(done) != 0 || len(x.History()) != 0 {
			t.Errorf("before the first wait, got steps %v and history\n%s", done, x.History())
		}
		op := x.Await("pause")
		if diff := cmp.Diff([]string{"first"}, done); diff != "" {
			t.Errorf("steps before the wait (-want +got):\n%s", diff)
		}
		if op.Status != "STARTED" || op.ScheduledEnd.Sub(op.Start) != time.Hour {
			t.Errorf("got wait %+v", op)
		}
		x.Advance(59 * time.Minute)
		if len(done) != 1 {
			t.Errorf("a minute before the wait's end, got steps %v", done)
		}
		x.Advance(time.Minute)
		if diff := cmp.Diff([]string{"first", "second"}, done); diff != "" {
			t.Errorf("steps after the wait (-want +got):\n%s", diff)
		}
	})
	if r.Elapsed != time.Hour {
		t.Errorf("it took %v, want 1h", r.Elapsed)
	}
}

func TestAwaitReturnsEachOperationOnce(t *testing.T) {
	handler := func(ctx durable.Context, n int) (any, error) {
		for range n {
			if err := durable.Wait(ctx, "tick", time.Second); err != nil {
				return nil, err
			}
		}
		return nil, nil
	}
	durabletest.Drive(t, handler, 3, func(t *testing.T, x *durabletest.Execution) {
		begin := time.Now()
		for i, want := range []string{"1", "2", "3"} {
			op := x.Await("tick")
			if at := time.Since(begin); op.ID != want || at != time.Duration(i)*time.Second {
				t.Errorf("got operation %s after %v, want %s after %ds", op.ID, at, want, i)
			}
		}
	})
}

func TestStop(t *testing.T) {
	r := durabletest.Drive(t, book, pragueToVienna, func(t *testing.T, x *durabletest.Execution) {
		x.Await("sleep_on_it")
		x.Advance(time.Hour)
		x.Stop("Cancelled", "no time to travel")
	})
	want := &protocol.ErrorObject{ErrorType: "Cancelled", ErrorMessage: "no time to travel"}
	if diff := cmp.Diff(want, r.Error); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
	if r.Status != durabletest.Stopped || r.Elapsed != time.Hour || r.Invocations != 1 {
		t.Errorf("got %s after %v and %d invocations, want STOPPED after 1h and 1", r.Status, r.Elapsed, r.Invocations)
	}
}

func TestStopBeforeItRuns(t *testing.T) {
	r := durabletest.Drive(t, book, pragueToVienna, func(t *testing.T, x *durabletest.Execution) { x.Stop("Cancelled", "") })
	if r.Status != durabletest.Stopped {
		t.Errorf("got %s, want STOPPED", r.Status)
	}
}

// charging counts how often the step "charge" of its handler runs.
type charging struct {
	times int
	opts  []durable.StepOption
	takes time.Duration
}

func (c *charging) handle(ctx durable.Context, _ any) (int, error) {
	return durable.Step(ctx, "charge", func(ctx context.Context) (int, error) {
		c.times++
		time.Sleep(c.takes)
		return c.times, nil
	}, c.opts...)
}

func TestCrashBeforeRecordingRepeatsTheStep(t *testing.T) {
	c := &charging{}
	r := durabletest.Drive(t, c.handle, nil, func(_ *testing.T, x *durabletest.Execution) { x.CrashBefore("charge") })
	if got := r.Output(); got != 2 || c.times != 2 {
		t.Errorf("got result %d of %d charges, want 2 of 2", got, c.times)
	}
	if r.Invocations != 2 || r.Elapsed == 0 {
		t.Errorf("got %d invocations in %v, want 2 with a pause between them", r.Invocations, r.Elapsed)
	}
}

func TestCrashAfterRecordingDoesNotRepeatTheStep(t *testing.T) {
	c := &charging{}
	r := durabletest.Drive(t, c.handle, nil, func(_ *testing.T, x *durabletest.Execution) { x.CrashAfter("charge") })
	if got := r.Output(); got != 1 || c.times != 1 {
		t.Errorf("got result %d of %d charges, want 1 of 1", got, c.times)
	}
	want := `
  1 ExecutionStarted
  2 StepStarted          1 charge
  3 StepSucceeded        1 charge (attempt 1)
  4 InvocationCompleted  (Runtime.ExitError)
  5 InvocationCompleted
  6 ExecutionSucceeded
`
	if diff := cmp.Diff(want, "\n"+r.History.String()); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
}

func TestCrashTwice(t *testing.T) {
	c := &charging{}
	r := durabletest.Drive(t, c.handle, nil, func(_ *testing.T, x *durabletest.Execution) {
		x.CrashBefore("charge")
		x.CrashBefore("charge")
	})
	if got := r.Output(); got != 3 {
		t.Errorf("got %d charges, want 3", got)
	}
}

func TestAtMostOnceDoesNotSurviveACrash(t *testing.T) {
	c := &charging{opts: []durable.StepOption{durable.WithAtMostOncePerRetry(), durable.WithRetry(retry.None())}}
	r := durabletest.Drive(t, c.handle, nil, func(_ *testing.T, x *durabletest.Execution) { x.CrashBefore("charge") })
	if r.Status != durabletest.Failed || r.Error.ErrorType != "StepInterruptedError" || c.times != 1 {
		t.Errorf("got %s with %+v and %d charges, want FAILED with StepInterruptedError and 1", r.Status, r.Error, c.times)
	}
}

func TestCrashInTheMiddleOfAStep(t *testing.T) {
	c := &charging{takes: time.Second}
	r := durabletest.Drive(t, c.handle, nil, func(_ *testing.T, x *durabletest.Execution) {
		x.Await("charge")
		x.Crash()
	})
	if got := r.Output(); got != 2 {
		t.Errorf("got result %d, want that of the second run", got)
	}
	want := `
  1 ExecutionStarted
  2 StepStarted          1 charge
  3 InvocationCompleted  (Runtime.ExitError)
  4 StepSucceeded        1 charge (attempt 1)
  5 InvocationCompleted
  6 ExecutionSucceeded
`
	if diff := cmp.Diff(want, "\n"+r.History.String()); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
}

func TestCrashAtTheStartOfAWait(t *testing.T) {
	for name, plan := range map[string]func(*durabletest.Execution, string){
		"before": (*durabletest.Execution).CrashBefore, "after": (*durabletest.Execution).CrashAfter,
	} {
		t.Run(name, func(t *testing.T) {
			r := durabletest.Drive(t, book, pragueToVienna, func(_ *testing.T, x *durabletest.Execution) { plan(x, "sleep_on_it") })
			r.Output()
			if op := r.Operation("sleep_on_it"); op.End.Sub(op.Start) != 8*time.Hour {
				t.Errorf("the wait took %v, want 8h", op.End.Sub(op.Start))
			}
		})
	}
}

func TestInvocationTimeout(t *testing.T) {
	c := &charging{takes: time.Minute}
	r := durabletest.Drive(t, c.handle, nil, func(t *testing.T, x *durabletest.Execution) {
		x.Timeout = 10 * time.Second
		x.Await("charge")
		x.Advance(2 * time.Minute)
		c.takes = 0
	})
	r.Output()
	if got := r.History[2].Error; got == nil || got.ErrorType != "Sandbox.Timedout" {
		t.Errorf("got error %+v of the first invocation, want Sandbox.Timedout", got)
	}
}

func TestExecutionTimeout(t *testing.T) {
	r := durabletest.Drive(t, book, pragueToVienna, func(_ *testing.T, x *durabletest.Execution) {
		x.ExecutionTimeout = time.Hour
	})
	if r.Status != durabletest.TimedOut || r.Elapsed != time.Hour {
		t.Errorf("got %s after %v, want TIMED_OUT after 1h", r.Status, r.Elapsed)
	}
}

func TestAYearPassesQuickly(t *testing.T) {
	r := durabletest.Run(t, func(ctx durable.Context, _ any) (any, error) {
		return nil, durable.Wait(ctx, "year", 365*24*time.Hour)
	}, nil)
	r.Output()
	if r.Elapsed != 365*24*time.Hour {
		t.Errorf("it took %v, want a year", r.Elapsed)
	}
}
