package durabletest

import (
	"context"

	"github.com/perdure/perdure/internal/function/inprocess"
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
	reply, err := inprocess.Client{Engine: c.x.engine}.Checkpoint(ctx, req)
	if err != nil {
		return nil, err
	}
	if f.due(req.Updates, after) {
		f.crash()
		return nil, inprocess.ErrCrashed
	}
	return reply, nil
}

// State implements [durable.Client].
func (c client) State(ctx context.Context, req *protocol.StateRequest) (*protocol.StateReply, error) {
	return inprocess.Client{Engine: c.x.engine}.State(ctx, req)
}

// Attempt is called by durable before an attempt of a step; what it returns, after it.
func (c client) Attempt(context.Context, string, int) (end func()) { return func() {} }

// Stub is called by durable for what is to run in place of a step's function.
func (c client) Stub(_ string, function any) any { return function }
