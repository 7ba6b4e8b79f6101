package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/protocol"
)

// runner invokes functions, and records what comes of it.
type runner struct {
	*life
	ledger    *ledger
	plans     *plans
	functions *Functions
	flights   *flights
	logs      *logbook
	counters  *counters
	figures   *Figures
	tracing   *tracing
	seals     seals
	crashes   CrashLimit             // of functions that have none of their own
	serving   func() context.Context // ends when functions must not run any more
	lapsed    func() bool            // they must not, by the clock: the context may not have ended yet
}

// invoke runs an invocation of an execution, unless it wants none or has one. free gives its place back. The error says
// that the execution could not be read; then nothing happened.
func (r *runner) invoke(f *function, id string, free func()) error {
	if !r.flights.begin() {
		return nil // the next engine invokes it
	}
	defer r.flights.end()
	l := r.ledger.cache.pin(id)
	defer r.ledger.cache.unpin(l)
	requestID := uuid.NewString()
	inv, err := r.begin(l, f, requestID, "")
	if _, unread := errors.AsType[*unreadError](err); unread {
		return err
	}
	r.run(l, f, inv, requestID, err, free)
	return nil
}

// run runs an invocation that has begun; nil is none. err says that its start could not be recorded. That commit may
// have taken effect, so only this goroutine may go on.
func (r *runner) run(l *live, f *function, inv *Invocation, requestID string, err error, free func()) {
	for err != nil {
		if !r.persist(l.id, "the start of an invocation could not be recorded", err) {
			return
		}
		tried := requestID
		requestID = uuid.NewString()
		inv, err = r.begin(l, f, requestID, tried)
	}
	if inv == nil {
		return
	}
	ctx, end := context.WithCancelCause(inv.serving)
	l.mu.Lock()
	l.end = end
	l.obey() // it may have been killed since it began
	l.mu.Unlock()
	r.logs.begin(l.id)
	out := r.call(ctx, f, inv)
	r.logs.end(l.id)
	end(nil)
	r.finish(l, f, inv, out, free)
}

// begin records the start of an invocation and returns it; nil if none is wanted now. The one that was tried before, if
// any, never ran: if it is in flight, its start was recorded by a commit that seemed to fail.
func (r *runner) begin(l *live, f *function, requestID, tried string) (inv *Invocation, err error) {
	serving := r.serving()
	wants := func(d *machine.Draft) (bool, error) {
		if arn := d.Identity().ARN; arn.Function != f.Name || arn.Version != f.Version {
			return false, &damagedError{l.id, fmt.Errorf("it is of function %s:%s, and stored as one of %s:%s",
				arn.Function, arn.Version, f.Name, f.Version)}
		}
		if l.running != "" || serving.Err() != nil {
			return false, nil
		}
		d.LoseInvocation(tried)
		d.FireTimers()
		if !d.WantsInvocation(r.now()) {
			return false, nil
		}
		d.BeginInvocation(requestID)
		return true, nil
	}
	_, err = updateThen(r.ctx, r.ledger, l.id, wants, func(l *live, begun bool, _ error) {
		if !begun {
			if l.running == "" { // otherwise finish plans what comes next
				r.plans.planned(l.x)
			}
			return
		}
		l.running = requestID
		inv = r.envelope(l, f, requestID)
		inv.serving = serving
	})
	return inv, err
}

// envelope is the invocation of l.x that has just begun.
func (r *runner) envelope(l *live, f *function, requestID string) *Invocation {
	ops, next := l.x.Page(0, protocol.MaxPage, pageBytes)
	inv := newInvocation(l.x, requestID, r.seals.token(l.id, l.x.Fence()), ops, r.seals.stateMarker(l.id, next))
	inv.Timeout, inv.TraceID = f.Timeout, r.tracing.invocationTrace(inv.TraceID, inv.ExecutionARN)
	return inv
}

// newInvocation is an invocation of x, whose envelope holds the token, the operations, and the marker of the next page.
func newInvocation(x *machine.Execution, requestID, token string, ops []*protocol.Operation, next string) *Invocation {
	id, arn := x.Identity(), x.ARN()
	return &Invocation{
		RequestID: requestID, FunctionARN: id.ARN.FunctionARN(), ExecutionARN: arn,
		TraceID: id.TraceHeader, TenantID: id.TenantID,
		Payload: protocol.AppendInput(nil, &protocol.InvocationInput{
			DurableExecutionArn: arn, CheckpointToken: token, UpdatedOperationIds: x.Updated(),
			InitialExecutionState: protocol.InitialState{Operations: ops, NextMarker: next},
		}),
	}
}

// killGrace is how long an invoker has to end an invocation whose time is over, before its context is cancelled.
const killGrace = 2 * time.Second

// call runs one invocation, within a context that ends when this node must not run it any more, or when its execution
// is killed.
func (r *runner) call(ctx context.Context, f *function, inv *Invocation) Outcome {
	ctx, cancel := inv.limit(ctx, f.StartTimeout+inv.Timeout+killGrace)
	defer cancel()
	r.counters.invoking.Add(1)
	defer r.counters.invoking.Add(-1)
	began := time.Now()
	if r.lapsed() || inv.serving != nil && inv.serving.Err() != nil { // while its start was recorded
		return Outcome{Unstarted: true, Error: protocol.InvocationError(inv.RequestID, protocol.ErrorTypeExit,
			"The invocation did not begin: the lease of this node is over")}
	}
	out := f.Invoker.Invoke(ctx, inv)
	if out.Error == nil && out.Payload == nil && context.Cause(ctx) == context.DeadlineExceeded {
		out.Error = protocol.InvocationError(inv.RequestID, protocol.ErrorTypeTimedOut,
			"Task timed out after %.2f seconds", f.Timeout.Seconds())
	}
	if out.Error != nil && context.Cause(ctx) == errStopped {
		out = Outcome{Init: out.Init, Error: protocol.InvocationError(inv.RequestID, protocol.ErrorTypeExit,
			"The invocation was ended: its execution was stopped")}
	}
	r.tracing.invocationEnded(inv, began, out.Error)
	return out
}

// finish records how an invocation ended, and tries again until the store accepts it; after the first failure it frees
// the place. An invocation that failed while the engine closed, or the node's lease ended, is lost: the next engine, or
// another one, repeats it. That one also repeats an invocation whose end was not recorded.
func (r *runner) finish(l *live, f *function, inv *Invocation, out Outcome, free func()) {
	limit := r.crashes.over(f.Durable.Crashes)
	how := machine.Ending{Answer: out.Payload, Failure: out.Error, Init: out.Init}
	for {
		over := inv.serving.Err() != nil
		_, err := updateThen(context.WithoutCancel(r.ctx), r.ledger, l.id, func(d *machine.Draft) (bool, error) {
			current := d.InFlight() == inv.RequestID
			switch {
			case over && out.Error != nil:
				d.LoseInvocation(inv.RequestID)
			case out.Unstarted:
				d.MissInvocation(inv.RequestID, how)
			default:
				d.EndInvocation(inv.RequestID, how, limit)
			}
			return current, nil
		}, func(l *live, current bool, _ error) {
			if l.running, l.end = "", nil; !current { // a commit that seemed to fail, or another node, has ended it
				r.plans.planned(l.x)
			}
		})
		if err == nil {
			return
		}
		free()
		if !r.persist(l.id, "the end of an invocation could not be recorded", err) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.running, l.end = "", nil
			return
		}
	}
}
