package engine

import (
	"context"
	"errors"
	"unicode/utf8"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// callbackID mints the id of the callback at a position of an execution.
func (e *Engine) callbackID(executionID string, position int) string {
	return e.seal(kindCallback, executionID, int64(position))
}

// SucceedCallback completes a callback with a result; an empty one is none. A
// malformed id, and a result that is not UTF-8, is an
// InvalidParameterValueException: results are recorded as text, in which other
// bytes would become others. A callback that was completed, timed out, or
// belongs to a closed execution is a CallbackTimeoutException; one whose
// execution was deleted is a ResourceNotFoundException.
func (e *Engine) SucceedCallback(ctx context.Context, callbackID string, result []byte) error {
	if !utf8.Valid(result) {
		return protocol.Errorf(protocol.CodeInvalidParameter, "The result of the callback is not valid UTF-8. Send other bytes as base64, for example.")
	}
	return e.callback(ctx, callbackID, func(d *machine.Draft, position int) error {
		return d.SucceedCallback(position, callbackID, payloadOf(result))
	})
}

// FailCallback completes a callback with an error, which may be nil; see
// [Engine.SucceedCallback].
func (e *Engine) FailCallback(ctx context.Context, callbackID string, reason *protocol.ErrorObject) error {
	return e.callback(ctx, callbackID, func(d *machine.Draft, position int) error {
		return d.FailCallback(position, callbackID, reason)
	})
}

// HeartbeatCallback moves a callback's heartbeat deadline; see
// [Engine.SucceedCallback].
func (e *Engine) HeartbeatCallback(ctx context.Context, callbackID string) error {
	return e.callback(ctx, callbackID, func(d *machine.Draft, position int) error {
		return d.HeartbeatCallback(position, callbackID)
	})
}

func (e *Engine) callback(ctx context.Context, callbackID string, apply func(*machine.Draft, int) error) error {
	id, n, ok := e.unseal(kindCallback, callbackID, 1)
	if !ok {
		return protocol.Errorf(protocol.CodeInvalidParameter, "Invalid callback id")
	}
	err := e.update(ctx, id, func(d *machine.Draft) error { return apply(d, int(n[0])) })
	if errors.Is(err, store.ErrNotFound) {
		return executionNotFound()
	}
	return err
}
