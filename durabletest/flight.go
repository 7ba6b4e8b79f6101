package durabletest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/function/inprocess"
	"github.com/perdure/perdure/protocol"
)

// maxFailures is the number of unplanned failures of invocations in a row that fails the test. The engine itself
// would go on for a year.
const maxFailures = 10

// flight is shared by the goroutines of the function and the test: the invocation under way, and the plans for it.
type flight struct {
	mu       sync.Mutex
	number   int                     // of invocations begun
	kill     context.CancelCauseFunc // of the one under way, nil if there is none
	plans    []crashPoint
	failures int    // in a row
	verdict  string // why it makes no sense to go on
}

// plan adds a crash.
func (f *flight) plan(name string, at moment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plans = append(f.plans, crashPoint{name, at})
}

// due reports whether a crash is planned for this moment, and takes it off the list.
func (f *flight) due(updates []protocol.Update, at moment) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.plans, func(p crashPoint) bool { return p.at == at && p.in(updates) })
	if i < 0 {
		return false
	}
	f.plans = slices.Delete(f.plans, i, i+1)
	return true
}

// crash kills the invocation under way, and reports whether there was one.
func (f *flight) crash() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kill == nil {
		return false
	}
	f.kill(inprocess.ErrCrashed)
	return true
}

// enter notes that an invocation begins.
func (f *flight) enter(kill context.CancelCauseFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.number++
	f.kill = kill
}

// leave notes how it ended. failed says that code failed the test in it. The result says whether another makes
// sense.
func (f *flight) leave(err error, failed bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kill = nil
	switch {
	case err == nil:
		f.failures = 0
	case errors.Is(err, inprocess.ErrCrashed):
	case failed:
		f.verdict = "durabletest: the test was failed in the course of an invocation, as by t.Fatal"
	default:
		f.failures++
	}
	if f.failures == maxFailures {
		f.verdict = fmt.Sprintf("durabletest: %d invocations in a row failed, the last one with: %v", maxFailures, err)
	}
	return f.verdict == ""
}

// check fails the test if the execution made no progress, or never came to a planned crash.
func (f *flight) check(t *testing.T) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.verdict != "" {
		t.Fatal(f.verdict)
	}
	for _, p := range f.plans {
		t.Errorf("durabletest: there was no crash %s recording %q: no operation of that name was recorded", p.at, p.name)
	}
	f.plans = nil // told once is enough
}

// invoker runs the handler in this process, as Lambda would in another.
type invoker struct{ x *Execution }

// Invoke implements [engine.Invoker].
func (i invoker) Invoke(ctx context.Context, inv *engine.Invocation) engine.Outcome {
	ctx, cancel := inprocess.Context(ctx, inv)
	defer cancel()
	ctx, kill := context.WithCancelCause(ctx)
	defer kill(nil)
	f, sound := &i.x.flight, !i.x.caller.Failed()
	f.enter(kill)
	answer, err := i.x.invoke(ctx, inv.Payload)
	if errors.Is(context.Cause(ctx), inprocess.ErrCrashed) {
		err = inprocess.ErrCrashed
	}
	if !f.leave(err, sound && i.x.caller.Failed()) {
		i.giveUp(inv.ExecutionARN)
	}
	if err == nil {
		return engine.Outcome{Payload: answer}
	}
	return inprocess.Failure(ctx, inv, err)
}

// giveUp ends an execution that would go on failing: its code called t.Fatal, or nothing works.
func (i invoker) giveUp(arn string) {
	reason := &protocol.ErrorObject{ErrorType: "TestFailed", ErrorMessage: "the test was given up"}
	if _, err := i.x.engine.Stop(context.Background(), arn, reason); err != nil {
		i.x.caller.Errorf("durabletest: stopping the execution: %v", err)
	}
}
