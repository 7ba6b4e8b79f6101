package durabletest_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/durabletest"
)

// trip is the event and the result of the handlers under test.
type trip struct {
	From, To string
	Price    int
}

var pragueToVienna = trip{From: "Prague", To: "Vienna"}

// book buys a ticket, after a night's sleep.
func book(ctx durable.Context, in trip) (trip, error) {
	price, err := durable.Step(ctx, "ask", func(ctx context.Context) (int, error) {
		durable.Logger(ctx).Info("asking", "to", in.To)
		return 30, nil
	})
	if err != nil {
		return trip{}, err
	}
	if err := durable.Wait(ctx, "sleep_on_it", 8*time.Hour); err != nil {
		return trip{}, err
	}
	in.Price = price
	ctx.Logger().Info("booked")
	return in, nil
}

func TestRunToTheEnd(t *testing.T) {
	r := durabletest.Run(t, book, pragueToVienna)
	if diff := cmp.Diff(trip{"Prague", "Vienna", 30}, r.Output()); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
	if r.Status != durabletest.Succeeded || r.Error != nil {
		t.Errorf("got status %s, error %v", r.Status, r.Error)
	}
	if r.Elapsed != 8*time.Hour || r.Invocations != 2 {
		t.Errorf("got %v in %d invocations, want 8h in 2", r.Elapsed, r.Invocations)
	}
	var price int
	if r.Decode("ask", &price); price != 30 {
		t.Errorf("the step's result is %d, want 30", price)
	}
	if op := r.Operation("sleep_on_it"); op.End.Sub(op.Start) != 8*time.Hour || op.ID != "2" || op.Type != "WAIT" {
		t.Errorf("got wait %+v", op)
	}
	want := `
  1 ExecutionStarted
  2 StepStarted          1 ask
  3 StepSucceeded        1 ask (attempt 1)
  4 WaitStarted          2 sleep_on_it (28800s)
  5 InvocationCompleted
  6 WaitSucceeded        2 sleep_on_it
  7 InvocationCompleted
  8 ExecutionSucceeded
`
	if diff := cmp.Diff(want, "\n"+r.History.String()); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
}

func TestLogLinesAreCapturedOnce(t *testing.T) {
	r := durabletest.Run(t, book, pragueToVienna)
	var got []string
	for _, line := range r.Logs {
		got = append(got, line.String())
		if line.Attrs["executionArn"] == "" || line.Attrs["requestId"] == "" {
			t.Errorf("line %q: got attributes %v, want executionArn and requestId", line.Message, line.Attrs)
		}
	}
	want := []string{`INFO asking attempt="1" operationId="1" operationName="ask" to="Vienna"`, `INFO booked`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestLogGroupsAreFlattened(t *testing.T) {
	r := durabletest.Run(t, func(ctx durable.Context, _ any) (any, error) {
		ctx.Logger().WithGroup("g").With("a", 1).Warn("deep", slog.Group("h", "b", true), slog.Group("", "c", 2*time.Second))
		return nil, nil
	}, nil)
	if got, want := r.Logs[0].String(), `WARN deep g.a="1" g.c="2s" g.h.b="true"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestEventsGoThroughJSON(t *testing.T) {
	tests := []struct {
		name  string
		event any
		want  trip
	}{
		{"value", trip{From: "A"}, trip{From: "A"}},
		{"raw JSON", json.RawMessage(`{"From":"A","Price":2}`), trip{From: "A", Price: 2}},
		{"another shape", map[string]any{"to": "B"}, trip{To: "B"}},
		{"none", nil, trip{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := durabletest.Run(t, func(_ durable.Context, in trip) (trip, error) { return in, nil }, test.event)
			if diff := cmp.Diff(test.want, r.Output()); diff != "" {
				t.Errorf("the handler got (-want +got):\n%s", diff)
			}
		})
	}
}

var errSoldOut = errors.New("sold out")

func TestAFailedExecutionDoesNotFailTheTest(t *testing.T) {
	r := durabletest.Run(t, func(ctx durable.Context, in trip) (trip, error) {
		_, err := durable.Step(ctx, "ask", func(context.Context) (int, error) { return 0, errSoldOut },
			durable.WithRetry(retry.Fixed(3, time.Minute)))
		if !errors.Is(err, errSoldOut) {
			t.Errorf("got error %v, want one that is errSoldOut", err)
		}
		return in, err
	}, pragueToVienna, durable.WithErrors(durable.ErrorValue("SoldOut", errSoldOut)))
	if r.Status != durabletest.Failed || r.Error == nil || r.Error.ErrorType != "SoldOut" {
		t.Errorf("got %s with %+v, want FAILED with SoldOut", r.Status, r.Error)
	}
	op := r.Operation("ask")
	if op.Status != "FAILED" || op.Attempt != 3 || op.Error.ErrorType != "SoldOut" {
		t.Errorf("got step %+v, want it FAILED with SoldOut in attempt 3", op)
	}
	if r.Elapsed < 2*time.Minute/2 || r.Invocations != 3 {
		t.Errorf("got %v in %d invocations, want two pauses in 3", r.Elapsed, r.Invocations)
	}
	want := `
  1 ExecutionStarted
  2 StepStarted          1 ask
  3 StepFailed           1 ask (attempt 1, SoldOut, to be repeated)
  4 InvocationCompleted
  5 StepStarted          1 ask
  6 StepFailed           1 ask (attempt 2, SoldOut, to be repeated)
  7 InvocationCompleted
  8 StepStarted          1 ask
  9 StepFailed           1 ask (attempt 3, SoldOut)
 10 InvocationCompleted  (SoldOut)
 11 ExecutionFailed      (SoldOut)
`
	if diff := cmp.Diff(want, "\n"+r.History.String()); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
}

func TestOperationsHaveParentsAndRepeatedNames(t *testing.T) {
	r := durabletest.Run(t, func(ctx durable.Context, _ any) (int, error) {
		return durable.RunInChildContext(ctx, "both", func(ctx durable.Context) (int, error) {
			sum := 0
			for range 2 {
				n, err := durable.Step(ctx, "one", func(context.Context) (int, error) { return 1, nil })
				if err != nil {
					return 0, err
				}
				sum += n
			}
			return sum, nil
		})
	}, nil)
	if got := r.Output(); got != 2 {
		t.Errorf("got %d, want 2", got)
	}
	var got []string
	for _, op := range r.History.Operations() {
		got = append(got, op.ParentID+"/"+op.ID+" "+op.Name+" "+string(op.Status)+" "+*op.Payload)
	}
	want := []string{"/1 both SUCCEEDED 2", "1/1-1 one SUCCEEDED 1", "1/1-2 one SUCCEEDED 1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
}

func TestHandlerSeesLambdasContext(t *testing.T) {
	r := durabletest.Drive(t, func(ctx durable.Context, _ any) (time.Duration, error) {
		lc, ok := lambdacontext.FromContext(ctx)
		if !ok || lc.AwsRequestID == "" || lc.InvokedFunctionArn == "" {
			t.Errorf("got Lambda context %+v, want a request id and the function's ARN", lc)
		}
		deadline, _ := ctx.Deadline()
		return time.Until(deadline), nil
	}, nil, func(_ *testing.T, x *durabletest.Execution) { x.Timeout = time.Minute })
	if got := r.Output(); got != time.Minute {
		t.Errorf("the deadline is in %v, want 1m", got)
	}
}

func TestManyOperationsAndPagesOfHistory(t *testing.T) {
	r := durabletest.Run(t, func(ctx durable.Context, n int) (sum int, err error) {
		for range n {
			one, err := durable.Step(ctx, "", func(context.Context) (int, error) { return 1, nil })
			if err != nil {
				return 0, err
			}
			sum += one
		}
		return sum, durable.Wait(ctx, "", time.Second)
	}, 1500)
	if got := r.Output(); got != 1500 {
		t.Errorf("got %d, want 1500", got)
	}
	for i, ev := range r.History {
		if ev.ID != int64(i+1) {
			t.Fatalf("event %d has the id %d", i+1, ev.ID)
		}
	}
	if got, want := len(r.History), 2*1500+6; got != want {
		t.Errorf("got %d events, want %d", got, want)
	}
}

func TestParallelTests(t *testing.T) {
	for range 8 {
		t.Run("one of them", func(t *testing.T) {
			t.Parallel()
			durabletest.Run(t, book, pragueToVienna).Output()
		})
	}
}
