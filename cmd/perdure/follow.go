package main

import (
	"context"
	"iter"
	"time"

	"github.com/perdure/perdure/internal/cli/progress"
	"github.com/perdure/perdure/protocol"
)

// The intervals of looking at an engine: short while there is news.
const (
	minPoll = 100 * time.Millisecond
	maxPoll = time.Second
)

// follow shows an execution's events on view until it has ended, ctx is done
// or stop, which may be nil, returns an error.
func follow(ctx context.Context, view *progress.View, events iter.Seq2[*protocol.Event, error],
	stop func(*protocol.Event) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go view.Animate(ctx)
	defer view.Close()
	for e, err := range events {
		if err != nil {
			return err
		}
		view.Event(e)
		if stop == nil {
			continue
		}
		if err := stop(e); err != nil {
			return err
		}
	}
	return nil
}

// outcomeOf asks for the outcome of an ended execution.
func (r *remote) outcomeOf(ctx context.Context, arn string) (*outcome, error) {
	e, err := r.Execution(ctx, arn)
	if err != nil {
		return nil, r.fault(ctx, err)
	}
	return newOutcome(arn, e.Status, e.Result, e.Error), nil
}
