package durabletest

import (
	"context"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// client gives the handler the engine without HTTP between them.
type client struct{ x *Execution }

// Checkpoint implements [durable.Client].
func (c client) Checkpoint(ctx context.Context, req *protocol.CheckpointRequest) (*protocol.CheckpointReply, error) {
	f := &c.x.flight
	if f.due(req.Updates, before) {
		f.crash()
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	reply, err := c.x.engine.Checkpoint(ctx, &engine.CheckpointRequest{ARN: req.ExecutionARN, Token: req.Token, Updates: req.Updates})
	if err != nil {
		return nil, err
	}
	if f.due(req.Updates, after) {
		f.crash()
		return nil, errCrashed
	}
	return &protocol.CheckpointReply{Token: reply.Token, Operations: reply.Operations}, nil
}

// State implements [durable.Client].
func (c client) State(ctx context.Context, req *protocol.StateRequest) (*protocol.StateReply, error) {
	ops, next, err := c.x.engine.State(ctx, req.ExecutionARN, req.Token, req.Marker, req.MaxItems)
	if err != nil {
		return nil, err
	}
	return &protocol.StateReply{Operations: ops, NextMarker: next}, nil
}
