package page

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/perdure/perdure/protocol"
)

const (
	// maxStreams bounds the pages that are kept up to date at one time. Browsers hide what they do not show, and a
	// hidden page has no stream; a page beyond the bound asks for itself from time to time.
	maxStreams = 256
	// streamTime is how long a stream lasts. Browsers open another: so a load balancer can spread them again.
	streamTime = 10 * time.Minute
	// beatTime is how often a stream says that it is alive.
	beatTime = 5 * time.Second
	// restTime is how long changes gather before they are told.
	restTime = 250 * time.Millisecond
)

// live tells a page when it has changed, as server-sent events: "changed", and "beat" when nothing does. What changed
// is not told: the page asks for itself, and so shows what a page does that was just opened.
func (s *site) live(w http.ResponseWriter, r *http.Request) error {
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		return protocol.Errorf(protocol.CodeTooManyRequests, "%d pages are kept up to date, which are all that may be.",
			cap(s.streams))
	}
	state, err := s.watched(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), streamTime)
	defer cancel()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // of proxies
	if r.Method == http.MethodHead {
		return nil
	}
	stream := &stream{w: w, out: http.NewResponseController(w)}
	stream.tell("retry: 1000\n")
	s.follow(ctx, stream, state)
	return nil
}

// follow tells the stream when what is watched is not what the stream told before, until somebody is gone: the reader,
// the engine, or what is watched.
func (s *site) follow(ctx context.Context, to *stream, state func(context.Context) (string, error)) {
	var news uint64
	last := ""
	for to.err == nil && ctx.Err() == nil {
		until, cancel := context.WithTimeout(ctx, beatTime)
		seen, err := s.engine.News(until, news)
		quiet := until.Err() != nil && ctx.Err() == nil
		cancel()
		switch {
		case quiet:
			to.tell("event: beat\ndata:\n")
			continue
		case err != nil:
			return
		}
		news = seen
		now, err := state(ctx)
		if err != nil {
			return
		}
		if now != last {
			to.tell("event: changed\ndata: " + now + "\n")
			last = now
		}
		select {
		case <-time.After(restTime):
		case <-ctx.Done():
		}
	}
}

// watched returns what tells the states apart of what the request names.
func (s *site) watched(r *http.Request) (state func(context.Context) (string, error), err error) {
	arn := r.URL.Query().Get("arn")
	if arn == "" {
		n := 0
		return func(context.Context) (string, error) {
			n++
			return fmt.Sprint(n), nil
		}, nil
	}
	line := int64(0)
	state = func(ctx context.Context) (string, error) {
		now, err := s.stateOf(ctx, arn, line)
		line = now.LogSeq
		return fmt.Sprintf("%d.%d", now.Revision, now.LogSeq), err
	}
	_, err = state(r.Context())
	return state, err
}

// stream writes events as they happen.
type stream struct {
	w   http.ResponseWriter
	out *http.ResponseController
	err error
}

func (s *stream) tell(event string) {
	if s.err == nil {
		_, s.err = fmt.Fprintf(s.w, "%s\n", event)
	}
	if s.err == nil {
		s.err = s.out.Flush()
	}
}
