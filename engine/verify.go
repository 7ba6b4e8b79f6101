package engine

import (
	"context"

	"github.com/perdure/perdure/internal/verify"
)

// Problem is something about the stored executions that must not be.
type Problem = verify.Problem

// VerifySummary counts what [Engine.Verify] looked at.
type VerifySummary = verify.Summary

// Verify looks at every execution in the store and calls found for each problem:
// a journal that cannot be read, breaks a rule, or disagrees with what is
// searched for. Executions go on meanwhile; each is held for as long as it is
// read.
func (e *Engine) Verify(ctx context.Context, found func(Problem)) (VerifySummary, error) {
	return verify.Store(ctx, e.store, verify.Options{Rules: e.rules, Hold: e.hold}, found)
}

// hold keeps an execution from changing until release is called.
func (e *Engine) hold(id string) (release func()) {
	l := e.cache.acquire(id)
	l.mu.Lock()
	return func() {
		cold := l.x == nil
		l.mu.Unlock()
		e.cache.letGo(l, cold)
	}
}
