package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// histories measures one execution that takes one step after the other.
func histories(ctx context.Context, dir string) ([]chart, error) {
	checkpoint := chart{File: "checkpoint", Title: "A checkpoint, by the operations before it", X: "operations", Y: "µs",
		Claim: flat}
	replay := chart{File: "replay", Title: "Replay of a step, by the steps of the history", X: "operations", Y: "ns",
		Claim: flat}
	load := chart{File: "load", Title: "Reading an execution after a restart", X: "operations", Y: "ms", Claim: linear}
	memory := chart{File: "memory", Title: "Memory of an open execution", X: "operations", Y: "KB", Claim: linear}

	e, closeAll, err := open(ctx, dir)
	if err != nil {
		return nil, err
	}
	failed := make(chan error, 1)
	err = register(e, "long", func(inv *engine.Invocation) engine.Outcome {
		failed <- func() error {
			in, err := protocol.ReadInput(inv.Payload)
			if err != nil {
				return err
			}
			done, before := 0, heap()
			for _, n := range powers(10, *operations) {
				// The last tenth before n, so that each point is of steps with about so many behind them.
				if err := steps(ctx, e, in, done, n-max(n/10, 5)); err != nil {
					return err
				}
				count := max(n/10, 5)
				began := time.Now()
				if err := steps(ctx, e, in, n-count, n); err != nil {
					return err
				}
				checkpoint.add(n, float64(time.Since(began).Microseconds())/float64(count))
				memory.add(n, (heap()-before)/1e3)
				done = n
			}
			return nil
		}()
		return pending
	})
	if err != nil {
		return nil, err
	}
	if _, err := e.Start(ctx, &engine.InvokeRequest{Function: "long"}); err != nil {
		return nil, err
	}
	if err := <-failed; err != nil {
		return nil, err
	}
	closeAll()
	for _, n := range powers(10, *operations) {
		took, err := replays(ctx, n)
		if err != nil {
			return nil, err
		}
		replay.add(n, float64(took.Nanoseconds())/float64(n))
	}
	for _, n := range powers(10, *operations) {
		if err := loads(ctx, fmt.Sprint(dir, "-", n), n, &load); err != nil {
			return nil, err
		}
	}
	return []chart{checkpoint, replay, load, memory}, nil
}

// loads measures what it takes to read an execution of n operations that is not in memory.
func loads(ctx context.Context, dir string, n int, load *chart) error {
	defer os.RemoveAll(dir)
	e, closeAll, err := open(ctx, dir)
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	err = register(e, "long", func(inv *engine.Invocation) engine.Outcome {
		in, err := protocol.ReadInput(inv.Payload)
		if err == nil {
			err = steps(ctx, e, in, 0, n)
		}
		if err == nil {
			err = wait(ctx, e, in, n+1, 24*3600)
		}
		failed <- err
		return pending
	})
	if err != nil {
		return err
	}
	started, err := e.Start(ctx, &engine.InvokeRequest{Function: "long"})
	if err != nil {
		return err
	}
	if err := <-failed; err != nil {
		return err
	}
	closeAll()
	if e, closeAll, err = open(ctx, dir); err != nil {
		return err
	}
	defer closeAll()
	began := time.Now()
	if err := e.Export(ctx, started.ARN, io.Discard); err != nil {
		return err
	}
	load.add(n, float64(time.Since(began).Microseconds())/1e3)
	return nil
}

// steps records steps from+1 to to, each with a checkpoint.
func steps(ctx context.Context, e *engine.Engine, in *protocol.InvocationInput, from, to int) error {
	payload := `{"transaction":"txn_0123456789abcdef","cents":9999}`
	for n := from + 1; n <= to; n++ {
		id := strconv.Itoa(n)
		update := protocol.Update{ID: id, Type: protocol.TypeStep, SubType: protocol.SubTypeStep, Name: "charge"}
		begin, end := update, update
		begin.Action, end.Action, end.Payload = protocol.ActionStart, protocol.ActionSucceed, &payload
		if err := checkpoint(ctx, e, in, begin, end); err != nil {
			return err
		}
	}
	return nil
}

// wait records a wait.
func wait(ctx context.Context, e *engine.Engine, in *protocol.InvocationInput, n int, seconds int64) error {
	return checkpoint(ctx, e, in, protocol.Update{
		ID: strconv.Itoa(n), Type: protocol.TypeWait, SubType: protocol.SubTypeWait, Action: protocol.ActionStart,
		WaitOptions: &protocol.WaitOptions{WaitSeconds: seconds},
	})
}

func checkpoint(ctx context.Context, e *engine.Engine, in *protocol.InvocationInput, updates ...protocol.Update) error {
	reply, err := e.Checkpoint(ctx, &engine.CheckpointRequest{
		ARN: in.DurableExecutionArn, Token: in.CheckpointToken, ClientToken: updates[0].ID, Updates: updates,
	})
	if err == nil {
		in.CheckpointToken = reply.Token
	}
	return err
}

// replays is how long a handler takes to go over n recorded steps.
func replays(ctx context.Context, n int) (took time.Duration, err error) {
	result := "12345"
	in := &protocol.InvocationInput{DurableExecutionArn: "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST/" +
		"durable-execution/n/e", CheckpointToken: "t"}
	in.InitialExecutionState.Operations = []*protocol.Operation{
		{ID: "e", Type: protocol.TypeExecution, Status: protocol.StatusStarted, Start: 1}}
	for i := range n {
		in.InitialExecutionState.Operations = append(in.InitialExecutionState.Operations, &protocol.Operation{
			ID: strconv.Itoa(i + 1), Type: protocol.TypeStep, SubType: protocol.SubTypeStep, Name: "charge",
			Status: protocol.StatusSucceeded, Start: 1, End: 1, Attempt: 1, Payload: &result,
		})
	}
	envelope := protocol.AppendInput(nil, in)
	body := func(context.Context) (int, error) { return 0, nil }
	h := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
		began := time.Now() //perdure:ignore it measures the replay
		for range n {
			if _, err := durable.Step(ctx, "charge", body); err != nil {
				return nil, err
			}
		}
		took += time.Since(began) //perdure:ignore it measures the replay
		return nil, nil
	}, durable.WithGoroutineChecks(false))
	rounds := max(3, 1_000/n)
	for range rounds {
		if answer, err := h.Invoke(ctx, envelope); err != nil {
			return 0, fmt.Errorf("%s: %w", answer, err)
		}
	}
	return took / time.Duration(rounds), nil
}
