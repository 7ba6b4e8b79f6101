package engine

import (
	"context"
	"iter"

	"github.com/perdure/perdure/internal/store"
	"github.com/perdure/perdure/internal/wire"
)

// Revision counts what has happened to an execution. As long as it stays the
// same, so do the execution's description and its history, and asking for it
// reads one entry at the most. An unknown execution is a
// ResourceNotFoundException.
func (e *Engine) Revision(ctx context.Context, arn string) (int64, error) {
	id, err := e.known(ctx, arn)
	if err != nil {
		return 0, err
	}
	for entry, err := range e.store.Journal(ctx, id, store.Span{Reverse: true, Limit: 1}) {
		return entry.Seq, err
	}
	return 0, executionNotFound() // it was deleted meanwhile
}

// Events yields an execution's events as they are now, oldest first, and holds
// one journal entry in memory at a time. The last event lacks a result, or an
// error, that a checkpoint brought before; [Engine.Describe] has it. A failure
// ends the sequence.
func (e *Engine) Events(ctx context.Context, arn string) iter.Seq2[*wire.Event, error] {
	return func(yield func(*wire.Event, error) bool) {
		if _, err := e.known(ctx, arn); err != nil {
			yield(nil, err)
			return
		}
		e.events(ctx, arn, &place{}, false)(yield)
	}
}
