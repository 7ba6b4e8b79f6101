package durabletest_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durabletest"
)

func TestPause(t *testing.T) {
	runs := 0
	handler := func(ctx durable.Context, _ any) (string, error) {
		slow := func(context.Context) (int, error) { runs++; time.Sleep(time.Minute); return runs, nil }
		if _, err := durable.Step(ctx, "slow", slow); err != nil {
			return "", err
		}
		if err := durable.Wait(ctx, "pause", time.Hour); err != nil {
			return "", err
		}
		_, err := durable.Step(ctx, "after", slow)
		return "done", err
	}
	result := durabletest.Drive(t, handler, nil, func(t *testing.T, x *durabletest.Execution) {
		x.Await("slow") // its body runs
		x.Pause()
		x.Advance(24 * time.Hour)
		x.Resume()
		x.Await("pause")
		x.Pause()
		x.Advance(2 * time.Hour) // the wait ends in the pause
		x.Resume()
	})
	if got := result.Output(); got != "done" || runs != 2 {
		t.Errorf("got %q after %d runs of steps, want done after 2", got, runs)
	}
	want := `  1 ExecutionStarted
  2 StepStarted          1 slow
  3 StepSucceeded        1 slow (attempt 1)
  4 ExecutionPaused
  5 InvocationCompleted
  6 ExecutionResumed
  7 WaitStarted          2 pause (3600s)
  8 InvocationCompleted
  9 ExecutionPaused
 10 WaitSucceeded        2 pause
 11 ExecutionResumed
 12 StepStarted          3 after
 13 StepSucceeded        3 after (attempt 1)
 14 InvocationCompleted
 15 ExecutionSucceeded
`
	if diff := cmp.Diff(want, result.History.String()); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
}
