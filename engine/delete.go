package engine

import (
	"context"
	"errors"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// Delete deletes a closed execution, with its history and payloads, and returns
// when that was asked for first. Its name is free then. An execution that a
// chained invoke started is DELETING until the invoking one knows the outcome;
// its own children are not deleted with it. An open execution is a
// ResourceConflictException.
func (e *Engine) Delete(ctx context.Context, arn string) (requested protocol.Timestamp, err error) {
	err = e.updateExecution(ctx, arn, func(d *machine.Draft) error {
		err := d.Delete()
		requested = d.Deleting()
		return err
	}, func(l *live) {
		if !l.x.Deletable(e.now()) {
			return
		}
		if err := e.remove(l); err != nil { // it is due, so there will be another try
			e.log.Error("an execution could not be deleted; trying again", "execution", l.id, "error", err)
		}
	})
	return requested, err
}

// remove takes an execution that may go out of the store. l.mu is held.
func (e *Engine) remove(l *live) error {
	l.x = nil
	err := e.store.Delete(e.ctx, l.id)
	e.news.announce(l.id) // who waits for it looks, and finds it gone
	return err
}

// finishDeletion removes an execution that is DELETING now, for somebody who
// wants its name. One that its parent has yet to hear of is in the way.
func (e *Engine) finishDeletion(ctx context.Context, row *store.Row) (err error) {
	found := e.updateThen(ctx, row.ID, look, func(l *live) {
		if !l.x.Deletable(e.now()) {
			err = protocol.Errorf(protocol.CodeConflict, "The durable execution is being deleted: %s", row.ARN)
			return
		}
		err = e.remove(l)
	})
	if errors.Is(found, store.ErrNotFound) {
		return nil // it is gone already
	}
	return errors.Join(found, err)
}
