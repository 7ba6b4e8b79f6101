package durable

import (
	"context"
	"fmt"

	"github.com/perdure/perdure/protocol"
)

func newRun(ctx context.Context, cfg *handlerConfig, in *protocol.InvocationInput) *run {
	r := &run{
		cfg:     cfg,
		client:  cfg.client,
		arn:     in.DurableExecutionArn,
		log:     newRunLog(ctx, cfg.logger, in.DurableExecutionArn),
		callCtx: ctx,
		ending:  make(chan struct{}),
		parked:  make(map[string][]*waiter),
		joins:   make(map[*waiter]struct{}),
		news:    make(map[string]*protocol.Operation),
	}
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	r.token = in.CheckpointToken
	return r
}

// load reads the recorded operations. If it reports false the run has ended.
func (r *run) load(in *protocol.InvocationInput) bool {
	var ops []*protocol.Operation
	_, err := recovered(func() (_ string, err error) {
		ops, err = r.pages(in.InitialExecutionState)
		return "", err
	})
	if err != nil {
		r.finish(r.refused(err))
		return false
	}
	r.history, err = newHistory(ops, in.UpdatedOperationIds)
	if err == nil && r.history.execution == nil {
		err = errNoExecution
	}
	if err != nil {
		r.finish(r.failed(err))
		return false
	}
	if len(r.cfg.plugins) > 0 {
		r.startPlugins(ops, in.UpdatedOperationIds)
	}
	return true
}

// pages follows the first page of the state to the last.
func (r *run) pages(first protocol.InitialState) ([]*protocol.Operation, error) {
	ops, marker := first.Operations, first.NextMarker
	for marker != "" {
		page, err := r.client.State(r.callCtx, &protocol.StateRequest{
			ExecutionARN: r.arn, Token: r.token, Marker: marker, MaxItems: protocol.MaxPage,
		})
		if err == nil && page == nil {
			err = errNoReply
		}
		if err != nil {
			return nil, fmt.Errorf("reading the execution's state: %w", err)
		}
		ops, marker = append(ops, page.Operations...), page.NextMarker
	}
	return ops, nil
}
