package engine

import (
	"context"
	"fmt"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/verify"
)

// Problem is something about the stored executions that must not be.
type Problem = verify.Problem

// VerifySummary counts what [Engine.Verify] looked at.
type VerifySummary = verify.Summary

// Verify looks at every execution in the store and calls found for each problem:
// a journal that cannot be read, breaks a rule, or disagrees with what is
// searched for, and code of a published version that is missing or damaged.
// Executions go on meanwhile; each is held for as long as it is
// read.
func (e *Engine) Verify(ctx context.Context, found func(Problem)) (VerifySummary, error) {
	hold := func(id string) func() { _, release := e.ledger.hold(id); return release }
	summary, err := verify.Store(ctx, e.ledger.store, verify.Options{Rules: e.ledger.rules, Hold: hold}, found)
	if err != nil {
		return summary, err
	}
	e.functions.editing.Lock()
	images := e.functions.images
	e.functions.editing.Unlock()
	if checker, ok := images.(ImageChecker); ok {
		summary.Problems += verifyImages(ctx, e.ledger.store, checker, found)
	}
	return summary, ctx.Err()
}

// VerifyStore is [Engine.Verify] of a store that no engine has open, whose
// versions' code images knows.
func VerifyStore(ctx context.Context, st store.Store, images ImageChecker, found func(Problem)) (VerifySummary, error) {
	summary, err := verify.Store(ctx, st, verify.Options{}, found)
	if err != nil {
		return summary, err
	}
	summary.Problems += verifyImages(ctx, st, images, found)
	return summary, ctx.Err()
}

func verifyImages(ctx context.Context, st store.Store, images ImageChecker, found func(Problem)) (problems int64) {
	versions, err := publishedImages(ctx, st)
	if err != nil {
		problems++
		found(Problem{Text: err.Error()})
	}
	for _, v := range versions {
		if err := images.Check(ctx, v.Image); err != nil && ctx.Err() == nil {
			problems++
			found(Problem{Text: fmt.Sprintf("version %s of function %s: %v", v.Version, v.Function, err)})
		}
	}
	return problems
}
