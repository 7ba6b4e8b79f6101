package main

import (
	"context"
	"encoding/json"
	"iter"
	"slices"
	"time"

	"github.com/perdure/perdure/internal/cli/progress"
	"github.com/perdure/perdure/protocol"
)

// follow shows an execution's events on view until it has ended, ctx is done
// or stop, which may be nil, returns an error.
func follow(ctx context.Context, view *progress.View, events iter.Seq2[*protocol.Event, error], stop func(*protocol.Event) error) error {
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

// The times between two looks at an execution: short while there is news.
const (
	minPoll = 100 * time.Millisecond
	maxPoll = time.Second
)

// toldEvent is an event with the JSON in which the engine told it.
type toldEvent struct {
	*protocol.Event
	raw json.RawMessage
}

// watch yields an execution's history and what is added to it, like
// engine.Watch, by polling.
func (r *remote) watch(ctx context.Context, arn string) iter.Seq2[*protocol.Event, error] {
	return func(yield func(*protocol.Event, error) bool) {
		for e, err := range r.watchTold(ctx, arn) {
			if !yield(e.Event, err) {
				return
			}
		}
	}
}

// watchTold is watch for those who want the JSON, too.
func (r *remote) watchTold(ctx context.Context, arn string) iter.Seq2[toldEvent, error] {
	return func(yield func(toldEvent, error) bool) {
		var last int64
		pause := minPoll
		for {
			news, err := r.eventsAfter(ctx, arn, last)
			if err != nil {
				yield(toldEvent{}, err)
				return
			}
			pause = min(pause*3/2, maxPoll)
			for _, e := range news {
				if last, pause = e.ID, minPoll; !yield(e, nil) || e.EndsExecution() {
					return
				}
			}
			select {
			case <-ctx.Done():
				yield(toldEvent{}, context.Cause(ctx))
				return
			case <-time.After(pause):
			}
		}
	}
}

// eventsAfter returns the events behind the one with number last. It reads
// from the end, so the history behind it costs nothing.
func (r *remote) eventsAfter(ctx context.Context, arn string, last int64) ([]toldEvent, error) {
	var news []toldEvent
	for raw, err := range r.events(ctx, arn, true) {
		var e *protocol.Event
		if err == nil {
			e, err = protocol.ReadEvent(raw)
		}
		if err != nil {
			return nil, err
		}
		if e.ID <= last {
			break
		}
		news = append(news, toldEvent{e, raw})
	}
	slices.Reverse(news)
	return news, nil
}

// outcomeOf asks how an execution that has ended did so.
func (r *remote) outcomeOf(ctx context.Context, arn string) (*outcome, error) {
	e, _, err := r.execution(ctx, arn)
	if err != nil {
		return nil, err
	}
	return newOutcome(arn, e.Status, e.Result, e.Error), nil
}
