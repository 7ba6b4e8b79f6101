package ui

import (
	"context"
	"net/http"
	"slices"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/wire"
)

// executionPage is one execution.
type executionPage struct {
	*engine.Description
	*record
	Function string
	Why      string        // it does not go on; empty for a closed one
	Events   []*wire.Event // newest first
	Cut      bool          // the history is longer than what is shown
	Log      []logLine     // the end of it
}

// Open reports whether the execution goes on.
func (p *executionPage) Open() bool { return !p.Status.Closed() }

// Paused reports whether the execution is kept from going on.
func (p *executionPage) Paused() bool {
	return p.Status == wire.ExecutionPaused || p.Status == wire.ExecutionPausing
}

// Skippable reports whether the execution waits for a moment that can be let
// come early.
func (p *executionPage) Skippable() bool {
	return p.Open() && slices.ContainsFunc(p.Operations, func(o *operation) bool { return o.Open() && o.Until != 0 })
}

// maxEvents bounds the history that a page reads.
const maxEvents = 3000

func (s *site) execution(r *http.Request) (frame, error) {
	p, err := s.read(r.Context(), r.URL.Query().Get("arn"))
	if err != nil {
		return frame{}, err
	}
	return frame{Title: p.Name, Live: p.Open(), Page: p}, nil
}

func (s *site) read(ctx context.Context, arn string) (*executionPage, error) {
	d, err := s.engine.Describe(ctx, arn)
	if err != nil {
		return nil, err
	}
	events, cut, err := s.events(ctx, arn)
	if err != nil {
		return nil, err
	}
	p := &executionPage{Description: d, record: read(events), Events: events, Cut: cut}
	if parsed, err := wire.ParseARN(arn); err == nil {
		p.Function = parsed.Function
	}
	if p.Log, err = s.readLog(ctx, arn, p.record); err != nil {
		return nil, err
	}
	if p.Open() {
		why, err := s.engine.Explain(ctx, arn)
		if err != nil {
			return nil, err
		}
		p.Why = why.Text
	}
	p.scale(d.Started, p.Open())
	slices.Reverse(p.Events)
	return p, nil
}

// events reads the history, up to a limit.
func (s *site) events(ctx context.Context, arn string) (events []*wire.Event, cut bool, err error) {
	req := &engine.HistoryRequest{ARN: arn, MaxItems: 1000}
	for {
		page, next, err := s.engine.History(ctx, req)
		if err != nil {
			return nil, false, err
		}
		events = append(events, page...)
		if next == "" || len(events) >= maxEvents {
			return events, next != "", nil
		}
		req.Marker = next
	}
}
