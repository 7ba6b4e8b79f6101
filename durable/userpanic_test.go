package durable_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/offload"
	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/protocol"
)

// Functions and methods of the user's that the SDK calls may panic. That is the
// failure of what they belong to: code hears of it, the same on all runs, and
// goes on.

type silent struct{ durable.Serdes } // is nil inside

func (*silent) Error() string { panic("no text") }

func oh() { panic("oh") }

func TestPanicsOfTheUsersFunctions(t *testing.T) {
	fail := func(context.Context) (int, error) { return 0, errItem }
	no := func(durable.Context) (int, error) { return 0, errItem }
	policies := map[string]retry.Policy{
		"Decide":     retry.Func(func(error, int) (time.Duration, bool) { oh(); return 0, false }),
		"RetryIf":    {RetryIf: func(error) bool { oh(); return false }},
		"a nil func": {RetryIf: retry.Not(nil)},
	}
	type call = func(ctx durable.Context) (any, error)
	tests := map[string]struct {
		call
		want string // in the error
	}{
		"summary": {func(ctx durable.Context) (any, error) {
			return durable.RunInChildContext(ctx, "op", durable.Summarized(
				func(durable.Context) (string, error) { return strings.Repeat("x", 300<<10), nil },
				func(string) string { oh(); return "" }))
		}, "panic: oh"},
		"preview": {func(ctx durable.Context) (any, error) {
			return durable.Step(ctx, "op", zero, durable.WithSerdes(offload.Values{Store: new(cupboard), Over: -1,
				Preview: func(any) string { oh(); return "" }}))
		}, "panic: oh"},
		"store": {func(ctx durable.Context) (any, error) {
			return durable.Step(ctx, "op", zero, durable.WithSerdes(offload.Values{Store: (*cupboard)(nil), Over: -1}))
		}, "panic: runtime error"},
		"nil Serdes": {func(ctx durable.Context) (any, error) {
			return durable.Step(ctx, "op", zero, durable.WithSerdes(silent{}))
		}, "panic: runtime error"},
		"payload": {func(ctx durable.Context) (any, error) {
			return durable.Invoke(ctx, "op", durable.Function[nilled, int]{Name: "echo:1"}, nilled{})
		}, "panic: runtime error"},
		"result of another": {func(ctx durable.Context) (any, error) {
			return durable.Invoke(ctx, "op", durable.Function[int, stubborn]{Name: "echo:1"}, 1)
		}, "panic: do not read me"},
		"callback": {func(ctx durable.Context) (any, error) {
			return durable.WaitForCallback[stubborn](ctx, "op", func(context.Context, string) error { return nil })
		}, "panic: do not read me"},
		"names of items": {func(ctx durable.Context) (any, error) {
			return durable.Map(ctx, "op", []int{1}, func(durable.Context, int, int) (int, error) { return 0, nil },
				durable.WithItemNames(func(int) string { oh(); return "" }))
		}, `perdure: durable.Map "op": item 0: panic: oh`},
		"completion": {func(ctx durable.Context) (any, error) {
			return durable.Map(ctx, "op", []int{1, 2}, func(durable.Context, int, int) (int, error) { return 0, nil },
				durable.WithCompletion(func(durable.BatchProgress) durable.CompletionReason { oh(); return "" }))
		}, `child context "op" failed: the completion of durable.Map "op": panic: oh`},
		"completion, strange": {func(ctx durable.Context) (any, error) {
			return durable.Map(ctx, "op", []int{1, 2}, func(durable.Context, int, int) (int, error) { return 0, nil },
				durable.WithCompletion(func(durable.BatchProgress) durable.CompletionReason { return durable.AllCompleted }))
		}, `the function of WithCompletion returned "ALL_COMPLETED"; it returns CustomCompletionSucceeded, CustomCompletionFailed or nothing`},
		"polling": {func(ctx durable.Context) (any, error) {
			return durable.WaitForCondition(ctx, "op", 0, func(context.Context, int) (int, bool, error) { return 0, false, nil },
				durable.WithPolling(retry.Policy{Decide: func(error, int) (time.Duration, bool) { oh(); return 0, false }}))
		}, `the poll policy of durable.WaitForCondition "op": panic: oh`},
		"error mapping": {func(ctx durable.Context) (any, error) {
			return durable.Go(ctx, "op", no, durable.WithErrorMapping(func(error) error { oh(); return nil })).Result(ctx)
		}, "panic: oh"},
		"condition of a task": {func(ctx durable.Context) (any, error) {
			g := new(durable.Graph)
			durable.AddTask(g, "t", no).When(func() bool { oh(); return true })
			return nil, g.Run(ctx, "op")
		}, "panic: oh"},
		"error of a step": {func(ctx durable.Context) (any, error) {
			return durable.Step(ctx, "op", func(context.Context) (int, error) { return 0, (*silent)(nil) },
				durable.WithRetry(retry.Fixed(3, time.Second)))
		}, "failed after 3 attempts: *durable_test.silent, whose Error method panics: no text"},
		"panic with an error": {func(ctx durable.Context) (any, error) {
			return durable.RunInChildContext(ctx, "op", func(durable.Context) (int, error) { panic((*silent)(nil)) })
		}, "panic: "},
		"value of a step, retried": {func(ctx durable.Context) (any, error) {
			return durable.Step(ctx, "op", func(ctx context.Context) (int, error) {
				if durable.Attempt(ctx) < 3 {
					panic(errItem)
				}
				return 3, nil
			}, durable.WithRetry(retry.Fixed(3, time.Second)))
		}, ""},
	}
	for name, policy := range policies {
		want := map[bool]string{true: "panic: runtime error", false: "panic: oh"}[name == "a nil func"]
		tests["retry policy, "+name] = struct {
			call
			want string
		}{func(ctx durable.Context) (any, error) {
			return durable.Step(ctx, "op", fail, durable.WithRetry(policy))
		}, "bad item; the retry policy of durable.Step \"op\": " + want}
		tests["retry of a submitter, "+name] = struct {
			call
			want string
		}{func(ctx durable.Context) (any, error) {
			return durable.WaitForCallback[int](ctx, "op", func(context.Context, string) error { return errItem },
				durable.WithRetry(policy))
		}, want}
		tests["retry of a group, "+name] = struct {
			call
			want string
		}{func(ctx durable.Context) (any, error) {
			return durable.Retry(ctx, "op", func(durable.Context, int) (int, error) { return 0, errItem }, durable.WithRetry(policy))
		}, `"op" failed after 1 attempts`}
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				runs := allRuns(t, "1", test.call)
				if len(runs) > 0 && (!strings.Contains(runs[0].err, test.want) || (test.want == "") != (runs[0].err == "")) {
					t.Errorf("got %s\nwant in it %s", runs[0].err, test.want)
				}
			})
		})
	}
}

// stubborn panics when it is read.
type stubborn struct{}

func (*stubborn) UnmarshalJSON([]byte) error { panic("do not read me") }

// A client that panics, or answers nothing, fails the invocation, and not the
// process: the service makes another.
func TestClientThatPanics(t *testing.T) {
	for name, client := range map[string]durable.Client{"panics": brokenClient{panics: true}, "nil": brokenClient{}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				h := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) { return nil, durable.Wait(ctx, "w", time.Second) },
					durable.WithClient(client))
				if out, err := h.Invoke(t.Context(), finished(0, "")); err == nil {
					t.Errorf("got %s, want a fault", out)
				}
				paged := &protocol.InvocationInput{DurableExecutionArn: testARN, CheckpointToken: "t"}
				paged.InitialExecutionState.NextMarker = "1"
				if out, err := h.Invoke(t.Context(), protocol.AppendInput(nil, paged)); err == nil {
					t.Errorf("reading the state: got %s, want a fault", out)
				}
			})
		})
	}
}

type brokenClient struct{ panics bool }

func (c brokenClient) Checkpoint(context.Context, *protocol.CheckpointRequest) (*protocol.CheckpointReply, error) {
	if c.panics {
		panic(errors.New("no client"))
	}
	return nil, nil
}

func (c brokenClient) State(context.Context, *protocol.StateRequest) (*protocol.StateReply, error) {
	if c.panics {
		panic(errors.New("no client"))
	}
	return nil, nil
}
