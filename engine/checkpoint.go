package engine

import (
	"context"
	"errors"
	"time"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// Checkpoint applies the updates of a running invocation and returns when they
// are durable. A token that is not the current one, and one of an unknown
// execution, is an InvalidParameterValueException. The repeat of an accepted
// request with its ClientToken returns the original reply.
func (e *Engine) Checkpoint(ctx context.Context, req *CheckpointRequest) (*CheckpointReply, error) {
	began := time.Now()
	id, fence, err := e.fence(req.ARN, req.Token)
	if err != nil {
		return nil, err
	}
	input := machine.Checkpoint{
		Fence:       fence,
		ClientToken: req.ClientToken,
		Updates:     req.Updates,
		CallbackID:  func(position int) string { return e.callbackID(id, position) },
		Resolve:     e.resolve,
	}
	var reply *machine.Reply
	err = e.update(ctx, id, func(d *machine.Draft) (err error) {
		if d.Identity().ARN.String() != req.ARN {
			return machine.StaleToken()
		}
		reply, err = d.Checkpoint(&input)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, machine.StaleToken()
	}
	if err != nil {
		return nil, err
	}
	out := &CheckpointReply{Operations: reply.Operations}
	if !reply.Final {
		out.Token = e.token(id, reply.Fence)
	}
	e.counters.checkpoint.Since(began)
	return out, nil
}

// pageBytes bounds the payload of one page of operations or events, so that an
// envelope stays below Lambda's 6 MB.
const pageBytes = 5 << 20

// State returns a page of the operations that a running invocation may see.
// token must be the current one; it stays valid.
func (e *Engine) State(ctx context.Context, arn, token, marker string, maxItems int) (ops []*protocol.Operation, next string, err error) {
	id, fence, err := e.fence(arn, token)
	if err != nil {
		return nil, "", err
	}
	from, err := e.readStateMarker(id, marker)
	if err != nil {
		return nil, "", err
	}
	current := false
	err = e.view(ctx, arn, func(l *live) {
		if current = l.x.Current(fence); current {
			var to int
			ops, to = l.x.Page(from, pageSize(maxItems), pageBytes)
			next = e.stateMarker(id, to)
		}
	})
	var refusal *protocol.Error
	if errors.As(err, &refusal) || err == nil && !current {
		return nil, "", machine.StaleToken()
	}
	return ops, next, err
}

// pageSize applies the service's default and maximum.
func pageSize(maxItems int) int {
	if maxItems <= 0 {
		return protocol.DefaultPage
	}
	return min(maxItems, protocol.MaxPage)
}
