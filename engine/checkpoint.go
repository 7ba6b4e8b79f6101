package engine

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// Checkpoint applies the updates of a running invocation and returns when they are durable. A token that is not
// current, or belongs to an unknown execution, is an InvalidParameterValueException. The repeat of an accepted
// request with its ClientToken returns the original reply.
func (e *Engine) Checkpoint(ctx context.Context, req *CheckpointRequest) (*CheckpointReply, error) {
	began := time.Now()
	id, fence, err := e.seals.fence(req.ARN, req.Token)
	if err != nil {
		return nil, err
	}
	if invokes(req.Updates) {
		if err := e.functions.documents.fresh(ctx); err != nil {
			return nil, err
		}
	}
	input := machine.Checkpoint{
		Fence:       fence,
		ClientToken: req.ClientToken,
		Updates:     req.Updates,
		CallbackID:  func(position int) string { return e.seals.callbackID(id, position) },
		Resolve:     e.starts.resolve,
	}
	reply, err := update(ctx, e.ledger, id, func(d *machine.Draft) (*machine.Reply, error) {
		if d.ARN() != req.ARN {
			return nil, machine.StaleToken()
		}
		return d.Checkpoint(&input)
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, machine.StaleToken()
	}
	if err != nil {
		return nil, err
	}
	out := &CheckpointReply{Operations: reply.Operations}
	if !reply.Final {
		out.Token = e.seals.token(id, reply.Fence)
	}
	e.counters.checkpoint.Since(began)
	return out, nil
}

// invokes reports whether one of the updates starts a chained invoke, whose function is looked up.
func invokes(updates []protocol.Update) bool {
	return slices.ContainsFunc(updates, func(u protocol.Update) bool {
		return u.Type == protocol.TypeChainedInvoke && u.Action == protocol.ActionStart
	})
}

// pageBytes bounds the payloads of a page of operations or events, so that an envelope stays below Lambda's 6 MB.
const pageBytes = 5 << 20

// State returns a page of the operations that a running invocation may see. token must be current, and stays so.
func (e *Engine) State(
	ctx context.Context, arn, token, marker string, maxItems int,
) (ops []*protocol.Operation, next string, err error) {
	id, fence, err := e.seals.fence(arn, token)
	if err != nil {
		return nil, "", err
	}
	from, err := e.seals.readStateMarker(id, marker)
	if err != nil {
		return nil, "", err
	}
	current := false
	err = e.ledger.view(ctx, arn, func(l *live) {
		if current = l.x.Current(fence); current {
			var to int
			ops, to = l.x.Page(from, pageSize(maxItems), pageBytes)
			next = e.seals.stateMarker(id, to)
		}
	})
	if _, refused := errors.AsType[*protocol.Error](err); refused || err == nil && !current {
		return nil, "", machine.StaleToken()
	}
	return ops, next, err
}

// pageSize applies the service's default and maximum.
func pageSize(maxItems int) int {
	return min(cmp.Or(max(0, maxItems), protocol.DefaultPage), protocol.MaxPage)
}

// SucceedCallback completes a callback with a result, which it keeps; an empty one is none. A malformed id, and a
// result that is not UTF-8, is an InvalidParameterValueException: results are recorded as text. A callback that was
// completed, timed out, or belongs to a closed execution is a CallbackTimeoutException; one whose execution was
// deleted is a ResourceNotFoundException.
func (e *Engine) SucceedCallback(ctx context.Context, callbackID string, result []byte) error {
	return e.CompleteCallback(ctx, &CallbackRequest{CallbackID: callbackID, Result: result})
}

// FailCallback completes a callback with an error, which may be nil; see [Engine.SucceedCallback].
func (e *Engine) FailCallback(ctx context.Context, callbackID string, reason *protocol.ErrorObject) error {
	return e.CompleteCallback(ctx, &CallbackRequest{CallbackID: callbackID, Failed: true, Error: reason})
}

// CallbackRequest completes a callback: with Result or, if Failed, with Error.
type CallbackRequest struct {
	CallbackID string
	Result     []byte
	Failed     bool
	Error      *protocol.ErrorObject
	Token      string // as in StopRequest
}

// CompleteCallback is [Engine.SucceedCallback], or [Engine.FailCallback], that a token makes safe to repeat.
func (e *Engine) CompleteCallback(ctx context.Context, req *CallbackRequest) error {
	if !utf8.Valid(req.Result) {
		return protocol.Errorf(protocol.CodeInvalidParameter,
			"The result of the callback is not valid UTF-8. Send other bytes as base64, for example.")
	}
	return e.callback(ctx, req.CallbackID, req.Token, func(d *machine.Draft, position int) error {
		if req.Failed {
			return d.FailCallback(position, req.CallbackID, req.Error)
		}
		return d.SucceedCallback(position, req.CallbackID, payloadOf(req.Result))
	})
}

// HeartbeatCallback moves a callback's heartbeat deadline; see [Engine.SucceedCallback].
func (e *Engine) HeartbeatCallback(ctx context.Context, callbackID string) error {
	return e.callback(ctx, callbackID, "", func(d *machine.Draft, position int) error {
		return d.HeartbeatCallback(position, callbackID)
	})
}

func (e *Engine) callback(
	ctx context.Context, callbackID, token string, apply func(*machine.Draft, int) error,
) error {
	id, n, ok := e.seals.unseal(kindCallback, callbackID, 1)
	if !ok {
		return protocol.Errorf(protocol.CodeInvalidParameter, "Invalid callback id")
	}
	_, err := update(ctx, e.ledger, id.String(), once(token, func(d *machine.Draft) (none, error) {
		return none{}, apply(d, int(n[0]))
	}))
	if errors.Is(err, store.ErrNotFound) {
		return executionNotFound()
	}
	return err
}
