package engine

import (
	"cmp"
	"context"
	"fmt"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/verify"
)

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
