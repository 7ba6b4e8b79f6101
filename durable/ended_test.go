package durable_test

import (
	"bytes"
	"context"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/protocol"
)

// endingClient records the first checkpoint, and answers the second, which has queued meanwhile, as a service that ends
// the invocation.
type endingClient struct{ calls int }

func (c *endingClient) Checkpoint(context.Context, *protocol.CheckpointRequest) (*protocol.CheckpointReply, error) {
	if c.calls++; c.calls > 1 {
		return &protocol.CheckpointReply{}, nil
	}
	time.Sleep(10 * time.Millisecond)
	return &protocol.CheckpointReply{Token: "t2"}, nil
}

func (*endingClient) State(context.Context, *protocol.StateRequest) (*protocol.StateReply, error) {
	return nil, nil
}

// What a branch was told of before the service ended the invocation counts as heard by it. So its lines up to the next
// operation have to be written: the next invocation takes them for written.
func TestLinesOfABranchWhenTheServiceEndsTheInvocation(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // the flusher goes on before the branch that it has woken
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			h := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
				a := durable.Go(ctx, "a", func(ctx durable.Context) (any, error) {
					if _, err := durable.Step(ctx, "first", func(context.Context) (int, error) { return 1, nil }); err != nil {
						return nil, err
					}
					ctx.Logger().Info("after the first")
					return nil, durable.Wait(ctx, "on", time.Second)
				})
				b := durable.Go(ctx, "b", func(ctx durable.Context) (any, error) {
					return durable.Step(ctx, "second", func(context.Context) (any, error) {
						time.Sleep(5 * time.Millisecond)
						return nil, nil
					})
				})
				return nil, durable.Join(ctx, "both", a, b)
			}, durable.WithClient(new(endingClient)), durable.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
			answer, err := h.Invoke(t.Context(), protocol.AppendInput(nil, &protocol.InvocationInput{
				DurableExecutionArn: "arn", CheckpointToken: "t1",
				InitialExecutionState: protocol.InitialState{Operations: []*protocol.Operation{
					{ID: "0", Type: protocol.TypeExecution, Status: protocol.StatusStarted}}},
			}))
			if err != nil || !strings.Contains(string(answer), "PENDING") {
				t.Fatalf("got %s, %v, want PENDING", answer, err)
			}
			if n := strings.Count(log.String(), "after the first"); n != 1 {
				t.Errorf("the line was written %d times, want once:\n%s", n, &log)
			}
		})
	}
}
