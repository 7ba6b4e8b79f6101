package otlp

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxQueue   = 4096            // waiting spans; more are dropped
	maxBatch   = 512             // spans in one request
	batchEvery = 5 * time.Second // at the latest
)

// Exporter sends spans to a collector. Its methods may be called concurrently.
type Exporter struct {
	cfg    Config
	log    *slog.Logger
	client http.Client

	queue   chan *Span
	dropped atomic.Int64
	closing chan struct{} // closed when Close begins
	once    sync.Once
	done    chan struct{} // closed when run has returned
}

// New starts an exporter. Troubles go to log.
func New(cfg *Config, log *slog.Logger) *Exporter {
	e := &Exporter{
		cfg: *cfg, log: log, client: http.Client{Timeout: cfg.Timeout},
		queue: make(chan *Span, maxQueue), closing: make(chan struct{}), done: make(chan struct{}),
	}
	go e.run()
	return e
}

// Export takes s over. It never waits: if too many spans wait, it drops s.
func (e *Exporter) Export(s *Span) {
	select {
	case e.queue <- s:
	default:
		e.dropped.Add(1)
	}
}

// Close sends the waiting spans, and returns when that is done, or ctx ends.
func (e *Exporter) Close(ctx context.Context) error {
	e.once.Do(func() { close(e.closing) })
	select {
	case <-e.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (e *Exporter) run() {
	defer close(e.done)
	for {
		batch, more := e.collect()
		if len(batch) > 0 {
			e.send(batch)
		}
		if !more {
			return
		}
	}
}

// collect returns the next batch, and false when the exporter closes and the queue is empty.
func (e *Exporter) collect() (batch []*Span, more bool) {
	timer := time.NewTimer(batchEvery)
	defer timer.Stop()
	for len(batch) < maxBatch {
		select {
		case s := <-e.queue:
			batch = append(batch, s)
		case <-timer.C:
			return batch, true
		case <-e.closing:
			return e.rest(batch)
		}
	}
	return batch, true
}

// rest adds the waiting spans without waiting for more.
func (e *Exporter) rest(batch []*Span) ([]*Span, bool) {
	for len(batch) < maxBatch {
		select {
		case s := <-e.queue:
			batch = append(batch, s)
		default:
			return batch, false
		}
	}
	return batch, true
}

// send sends a batch, once: a refused batch is not worth delaying the next ones.
func (e *Exporter) send(batch []*Span) {
	err := e.post(appendRequest(nil, e.cfg.Resource, e.cfg.Version, batch))
	if dropped := e.dropped.Swap(0); dropped > 0 || err != nil {
		e.log.Warn("spans were lost", "collector", e.cfg.URL, "queueFull", dropped, "error", err)
	}
}

func (e *Exporter) post(body []byte) error {
	req, err := http.NewRequest(http.MethodPost, e.cfg.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for name, values := range e.cfg.Header {
		req.Header[name] = values
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := e.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	const most = 64 << 10
	_, _ = io.CopyN(io.Discard, resp.Body, most) // to keep the connection
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("the collector answered %s", resp.Status)
	}
	return nil
}
