// Package inprocess runs durable functions in the process of their engine: the
// bridge for programs that embed an engine, and for tests.
package inprocess

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// Invoker invokes a handler, as the Lambda runtime does in a process of its own.
type Invoker struct{ Handler *durable.Handler }

// Invoke implements [engine.Invoker].
func (i Invoker) Invoke(ctx context.Context, inv *engine.Invocation) engine.Outcome {
	ctx, cancel := Context(ctx, inv)
	defer cancel()
	payload := inv.Payload
	inv.Payload = nil // it may be large, and the handler reads it at once
	answer, err := i.Handler.Invoke(ctx, payload)
	if err != nil {
		return Failure(ctx, inv, err)
	}
	return engine.Outcome{Payload: answer}
}

// Context is a handler's context: it ends when the invocation times out, and has the values that the Lambda runtime
// adds.
func Context(ctx context.Context, inv *engine.Invocation) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, inv.Timeout)
	return lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{
		AwsRequestID: inv.RequestID, InvokedFunctionArn: inv.FunctionARN, TenantID: inv.TenantID,
	}), cancel
}

// ErrCrashed is the end of an invocation whose process was killed.
var ErrCrashed = errors.New("the function was crashed")

// Failure is the outcome of an invocation without an answer, in Lambda's words.
func Failure(ctx context.Context, inv *engine.Invocation, err error) engine.Outcome {
	errorType, text := "Error", err.Error()
	switch {
	case errors.Is(err, ErrCrashed):
		errorType, text = protocol.ErrorTypeExit, "Runtime exited with error: signal: killed"
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		errorType, text = protocol.ErrorTypeTimedOut,
			fmt.Sprintf("Task timed out after %.2f seconds", inv.Timeout.Seconds())
	}
	return engine.Outcome{Error: protocol.InvocationError(inv.RequestID, errorType, "%s", text)}
}

// Client gives handlers an engine without HTTP between them.
type Client struct{ Engine *engine.Engine }

// Checkpoint implements [durable.Client].
func (c Client) Checkpoint(ctx context.Context, req *protocol.CheckpointRequest) (*protocol.CheckpointReply, error) {
	reply, err := c.Engine.Checkpoint(ctx,
		&engine.CheckpointRequest{ARN: req.ExecutionARN, Token: req.Token, Updates: req.Updates})
	if err != nil {
		return nil, err
	}
	return &protocol.CheckpointReply{Token: reply.Token, Operations: reply.Operations}, nil
}

// State implements [durable.Client].
func (c Client) State(ctx context.Context, req *protocol.StateRequest) (*protocol.StateReply, error) {
	ops, next, err := c.Engine.State(ctx, req.ExecutionARN, req.Token, req.Marker, req.MaxItems)
	if err != nil {
		return nil, err
	}
	return &protocol.StateReply{Operations: ops, NextMarker: next}, nil
}
