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
	// tooLate is how long an execution may be due before Ready complains.
	tooLate = 30 * time.Second
)

// probe is what Ready knows of the store.
type probe struct {
	mu   sync.Mutex
	last time.Time
	err  error
}

// Ready returns nil if the engine takes on work: its store can be written to, and is where it was (a store may tell
// with a method "Intact() error"); executions are looked at when they are due; there is a function to invoke. The
// error tells people why not. Ready writes every ten seconds at most, however often it is called.
func (e *Engine) Ready(ctx context.Context) error {
	if e.flights.landing.Err() != nil {
		return errors.New("the engine is shutting down")
	}
	if e.fleet.self() == adrift {
		return errors.New("this node could not renew its lease: it does nothing until the database answers")
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

// write writes to the store, unless it did so within probeEvery.
func (p *probe) write(ctx context.Context, st store.Store) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.last) < probeEvery {
		return p.err
	}
	err := st.PutDocument(ctx, store.ProbeKind, "ready", []byte("ok"))
	if ctx.Err() == nil { // otherwise the error is the caller's
		p.last, p.err = time.Now(), err
	}
	return err
}

// Problem is something that is wrong with the stored executions.
type Problem struct {
	// Execution is the ARN of the execution, or its id; empty if it is about the store as a whole.
	Execution string `json:",omitempty"`
	Text      string
}

// VerifySummary counts what [Engine.Verify] looked at.
type VerifySummary struct {
	Executions, Open, Entries, Events, Problems int64
}

// Verify looks at every execution in the store and calls found for each problem: a journal that cannot be read,
// breaks a rule, or contradicts the execution's row; a published version whose code is missing or damaged. Executions
// go on meanwhile; each is held only while it is read.
func (e *Engine) Verify(ctx context.Context, found func(Problem)) (VerifySummary, error) {
	hold := func(id string) func() { _, release := e.ledger.hold(id); return release }
	e.functions.documents.editing.Lock()
	images, _ := e.functions.images.(ImageChecker)
	e.functions.documents.editing.Unlock()
	return verifyStore(ctx, e.ledger.store, verify.Options{Rules: e.ledger.rules, Hold: hold}, images, found)
}

// VerifyStore is [Engine.Verify] of a store that no engine has open, or of one moment of one; images has the code of
// its versions.
func VerifyStore(
	ctx context.Context, st StoreReader, images ImageChecker, found func(Problem),
) (VerifySummary, error) {
	return verifyStore(ctx, st, verify.Options{}, images, found)
}

func verifyStore(
	ctx context.Context, st store.Reader, opts verify.Options, images ImageChecker, found func(Problem),
) (VerifySummary, error) {
	s, err := verify.Store(ctx, st, opts, func(p verify.Problem) { found(Problem(p)) })
	summary := VerifySummary(s)
	if err != nil || images == nil {
		return summary, cmp.Or(err, ctx.Err())
	}
	versions, err := PublishedImages(ctx, st)
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
