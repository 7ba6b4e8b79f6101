package durabletest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

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
		f.verdict = "the test was failed in the course of an invocation, as by t.Fatal"
	default:
		f.failures++
	}
	if f.failures == maxFailures {
		f.verdict = fmt.Sprintf("%d invocations in a row failed, the last one with: %v", maxFailures, err)
	}
	return f.verdict == ""
}

// misuse gives the execution up.
func (f *flight) misuse(verdict string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.verdict = verdict
}

// end says why it made no sense to go on, and which planned crashes never came. It says the latter once.
func (f *flight) end() (verdict string, missed []crashPoint) {
	f.mu.Lock()
	defer f.mu.Unlock()
	missed, f.plans = f.plans, nil
	return f.verdict, missed
}

// invoker runs the handler in this process, as Lambda would in another.
type invoker struct{ x *Execution }

// Invoke implements [engine.Invoker].
func (i invoker) Invoke(ctx context.Context, inv *engine.Invocation) engine.Outcome {
	ctx, cancel := inprocess.Context(ctx, inv)
	defer cancel()
	ctx, kill := context.WithCancelCause(ctx)
	defer kill(nil)
	x := i.x
	<-x.begun
	f, sound := &x.flight, !x.caller.Failed()
	f.enter(kill)
	x.stage.enter()
	x.haunt(ctx, inv.ExecutionARN)
	answer, err := x.play(ctx, inv)
	if errors.Is(context.Cause(ctx), inprocess.ErrCrashed) {
		err = inprocess.ErrCrashed
	}
	goOn := f.leave(err, sound && x.caller.Failed())
	x.stage.leave(err, goOn, x.Timeout == invocationTimeout)
	if !goOn {
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
	if _, err := i.x.engine.Stop(context.Background(), &engine.StopRequest{ARN: arn, Reason: reason}); err != nil {
		i.x.caller.Errorf("durabletest: stopping the execution: %v", err)
	}
}
