package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// probeEvery is how often Ready writes to the store to see whether it can.
	probeEvery = 10 * time.Second
	// tooLate is how late the schedule may be before Ready says that it is.
	tooLate = 30 * time.Second
)

// probe is what Ready knows of the store.
type probe struct {
	mu   sync.Mutex
	last time.Time
	err  error
}

// Ready returns nil if the engine takes work on: its store can be written to and
// is where it was, if it knows how to tell ("Intact() error"),
// what is due is looked at in time, and there is a function to invoke. The
// error says in words for people why not. It may be called as often as one
// likes, and writes every ten seconds at most.
func (e *Engine) Ready(ctx context.Context) error {
	if e.flights.landing.Err() != nil {
		return errors.New("the engine is shutting down")
	}
	if late := e.schedule.behind(e.now()); late > tooLate {
		return fmt.Errorf("executions that were due %v ago wait to be looked at", late.Truncate(time.Second))
	}
	if functions, _ := e.Functions(); len(functions) == 0 {
		return errors.New("no function is registered")
	}
	if s, ok := e.store.(interface{ Intact() error }); ok {
		if err := s.Intact(); err != nil {
			return err
		}
	}
	if err := e.probe.write(ctx, e); err != nil {
		return fmt.Errorf("the store cannot be written to: %w", err)
	}
	return nil
}

// write writes to the store, unless somebody did a moment ago.
func (p *probe) write(ctx context.Context, e *Engine) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.last) < probeEvery {
		return p.err
	}
	err := e.store.PutDocument(ctx, "probe", "ready", []byte("ok"))
	if ctx.Err() == nil { // else it says nothing about the store
		p.last, p.err = time.Now(), err
	}
	return err
}
