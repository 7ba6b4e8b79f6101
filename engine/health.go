package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/verify"
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
	if late := e.plans.moments.behind(e.life.now()); late > tooLate {
		return fmt.Errorf("executions that were due %v ago wait to be looked at", late.Truncate(time.Second))
	}
	if functions, _ := e.functions.List(); len(functions) == 0 {
		return errors.New("no function is registered")
	}
	if s, ok := e.ledger.store.(interface{ Intact() error }); ok {
		if err := s.Intact(); err != nil {
			return err
		}
	}
	if err := e.probe.write(ctx, e.ledger.store); err != nil {
		return fmt.Errorf("the store cannot be written to: %w", err)
	}
	return nil
}

// write writes to the store, unless somebody did a moment ago.
func (p *probe) write(ctx context.Context, st store.Store) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.last) < probeEvery {
		return p.err
	}
	err := st.PutDocument(ctx, "probe", "ready", []byte("ok"))
	if ctx.Err() == nil { // else it says nothing about the store
		p.last, p.err = time.Now(), err
	}
	return err
}

// flights are the invocations under way. None begins any more once they land.
type flights struct {
	landing context.Context // done when no more may begin
	land    context.CancelFunc

	mu     sync.Mutex
	n      int
	landed chan struct{} // closed, by over, when they land and none is left
	over   func()
}

func newFlights(ctx context.Context) *flights {
	f := &flights{landed: make(chan struct{})}
	f.landing, f.land = context.WithCancel(ctx)
	f.over = sync.OnceFunc(func() { close(f.landed) })
	context.AfterFunc(f.landing, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.n == 0 {
			f.over()
		}
	})
	return f
}

// begin reports whether another invocation may begin; then end must follow.
func (f *flights) begin() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.landing.Err() != nil {
		return false
	}
	f.n++
	return true
}

func (f *flights) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n--; f.n == 0 && f.landing.Err() != nil {
		f.over()
	}
}

// count is how many are under way.
func (f *flights) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.n
}

// Drain is for an engine that is about to be closed: no invocation begins any
// more, and Drain returns when those under way have ended, and their ends are
// recorded, or when ctx is done. It returns how many are left; [Engine.Close]
// breaks these off, and the next engine repeats them. Everything else is
// answered as before, and what would begin now begins with the next engine.
func (e *Engine) Drain(ctx context.Context) int {
	e.flights.land()
	select {
	case <-e.flights.landed:
	case <-ctx.Done():
	}
	return e.flights.count()
}

// Running is how many invocations are under way.
func (e *Engine) Running() int { return e.flights.count() }

// Problem is something about the stored executions that must not be.
type Problem struct {
	// Execution is the ARN of the execution, or its id; empty if it is about
	// the store as a whole.
	Execution string `json:",omitempty"`
	Text      string
}

// VerifySummary counts what [Engine.Verify] looked at.
type VerifySummary struct {
	Executions, Open, Entries, Events, Problems int64
}

// Verify looks at every execution in the store and calls found for each problem:
// a journal that cannot be read, breaks a rule, or disagrees with what is
// searched for, and code of a published version that is missing or damaged.
// Executions go on meanwhile; each is held for as long as it is read.
func (e *Engine) Verify(ctx context.Context, found func(Problem)) (VerifySummary, error) {
	hold := func(id string) func() { _, release := e.ledger.hold(id); return release }
	e.functions.editing.Lock()
	images, _ := e.functions.images.(ImageChecker)
	e.functions.editing.Unlock()
	return verifyStore(ctx, e.ledger.store, verify.Options{Rules: e.ledger.rules, Hold: hold}, images, found)
}

// VerifyStore is [Engine.Verify] of a store that no engine has open, whose
// versions' code images knows.
func VerifyStore(ctx context.Context, st Store, images ImageChecker, found func(Problem)) (VerifySummary, error) {
	return verifyStore(ctx, st, verify.Options{}, images, found)
}

func verifyStore(ctx context.Context, st store.Store, opts verify.Options, images ImageChecker, found func(Problem)) (VerifySummary, error) {
	s, err := verify.Store(ctx, st, opts, func(p verify.Problem) { found(Problem(p)) })
	summary := VerifySummary(s)
	if err != nil || images == nil {
		return summary, cmp.Or(err, ctx.Err())
	}
	versions, err := publishedImages(ctx, st)
	if err != nil {
		summary.Problems++
		found(Problem{Text: err.Error()})
	}
	for _, v := range versions {
		if err := images.Check(ctx, v.Image); err != nil && ctx.Err() == nil {
			summary.Problems++
			found(Problem{Text: fmt.Sprintf("version %s of function %s: %v", v.Version, v.Function, err)})
		}
	}
	return summary, ctx.Err()
}
