package engine

import (
	"context"
	"iter"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// Revision counts what has happened to an execution, and says whether it is open.
// As long as the count stays the same, so do the execution's description and its
// history. It reads the last entry of the journal, and no other. An unknown
// execution is a ResourceNotFoundException.
func (e *Engine) Revision(ctx context.Context, arn string) (revision int64, open bool, err error) {
	row, err := e.known(ctx, arn)
	if err != nil {
		return 0, false, err
	}
	for entry, err := range e.journal(ctx, row.ID, store.Range{Reverse: true, Limit: 1}) {
		return entry.Seq, !row.Status.Closed(), err
	}
	return 0, false, executionNotFound() // it was deleted meanwhile
}

// Events yields an execution's events as they are now, oldest first, and holds
// one journal entry in memory at a time. The last event lacks a result, or an
// error, that a checkpoint brought before; [Engine.Describe] has it. A failure
// ends the sequence.
func (e *Engine) Events(ctx context.Context, arn string) iter.Seq2[*protocol.Event, error] {
	return func(yield func(*protocol.Event, error) bool) {
		if _, err := e.known(ctx, arn); err != nil {
			yield(nil, err)
			return
		}
		e.events(ctx, arn, &place{}, false)(yield)
	}
}
