package engine_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

func TestSkip(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("order", waitFor)
		began := time.Now()
		arn := f.start("order", "wait", "")
		synctest.Wait()
		skipped, err := f.Skip(t.Context(), &engine.SkipRequest{ARN: arn})
		if err != nil || len(skipped) != 1 || skipped[0].OperationID != "1" || skipped[0].Type != protocol.TypeWait {
			t.Fatalf("got %+v, %v", skipped, err)
		}
		if r := f.result(arn); r.Status != protocol.ExecutionSucceeded || time.Since(began) > time.Second {
			t.Errorf("got %s after %v", r.Status, time.Since(began))
		}
		_, err = f.Skip(t.Context(), &engine.SkipRequest{ARN: arn})
		if refused, ok := errors.AsType[*protocol.Error](err); !ok || refused.Code != protocol.CodeConflict {
			t.Errorf("of an execution that has ended: got %v", err)
		}
		crashed := f.start("order", "crash", "")
		synctest.Wait()
		if skipped, err := f.Skip(t.Context(), &engine.SkipRequest{ARN: crashed,
			All: true}); err != nil || len(skipped) != 1 || skipped[0].OperationID != "" {
			t.Errorf("got %+v, %v, want the next invocation", skipped, err)
		}
		synctest.Wait()
		if got, want := f.history(crashed), "ExecutionStarted InvocationCompleted InvocationCompleted"; got != want {
			t.Errorf("history: got %s, want %s", got, want)
		}
	})
}
