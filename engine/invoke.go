package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// invoke runs an invocation of an execution that wants it, with a place that
// free gives back; one that wants none, or has one, is left alone. Its error is
// one of reading the execution, of which nothing came.
func (e *Engine) invoke(f *function, id string, free func()) error {
	if !e.flights.begin() {
		return nil // the next engine invokes it
	}
	defer e.flights.end()
	l := e.cache.pin(id)
	defer e.cache.unpin(l)
	inv, err := e.begin(l, f)
	if _, unread := errors.AsType[*unreadError](err); unread {
		return err
	}
	for err != nil { // the commit may have taken effect, so only this goroutine can go on
		if !e.persist(id, "the start of an invocation could not be recorded", err) {
			return nil
		}
		inv, err = e.begin(l, f)
	}
	if inv == nil {
		return nil
	}
	e.logs.begin(id)
	out := e.call(f, inv)
	e.logs.end(id)
	e.finish(l, inv, out, free)
	return nil
}

// retryDelay is the pause before the store is asked again after it failed.
const retryDelay = time.Second

// persist reports, after a pause, whether it makes sense to try again what
// failed with err. It does unless the execution is gone or damaged, or the
// engine closes.
func (e *Engine) persist(id, what string, err error) bool {
	if e.ctx.Err() != nil || errors.Is(err, store.ErrNotFound) || e.quarantine(id, err) {
		return false
	}
	e.log.Error(what+"; trying again", "execution", id, "error", err)
	select {
	case <-time.After(retryDelay):
		return true
	case <-e.ctx.Done():
		return false
	}
}

// begin records the start of an invocation and returns it, or nil if none is
// wanted now.
func (e *Engine) begin(l *live, f *function) (inv *Invocation, err error) {
	requestID := uuid.NewString()
	apply := func(d *machine.Draft) error {
		inv = nil
		if arn := d.Identity().ARN; arn.Function != f.Name || arn.Version != f.Version {
			return &damagedError{l.id, fmt.Errorf("it is of function %s:%s, and stored as one of %s:%s", arn.Function, arn.Version, f.Name, f.Version)}
		}
		if l.running || e.ctx.Err() != nil {
			return nil
		}
		// An invocation in flight can only be one whose start was recorded by a
		// commit that seemed to fail: it never ran.
		d.LoseInvocation()
		d.FireTimers()
		if d.WantsInvocation(e.now()) {
			d.BeginInvocation(requestID)
			inv = &Invocation{RequestID: requestID, Timeout: f.Timeout}
		}
		return nil
	}
	err = e.updateThen(e.ctx, l.id, apply, func(l *live) {
		if inv == nil {
			e.plan(row(l.x.Draft(e.now())))
			return
		}
		l.running = true
		id := l.x.Identity()
		inv.FunctionARN, inv.ExecutionARN = id.ARN.FunctionARN(), id.ARN.String()
		inv.TraceID, inv.TenantID = e.invocationTrace(id.TraceHeader, inv.ExecutionARN), id.TenantID
		inv.Payload = e.envelope(l.x)
	})
	return inv, err
}

// envelope is the payload of a durable invocation.
func (e *Engine) envelope(x *machine.Execution) []byte {
	id := x.Identity()
	ops, next := x.Page(0, protocol.MaxPage, pageBytes)
	return protocol.AppendInput(nil, &protocol.InvocationInput{
		DurableExecutionArn:   id.ARN.String(),
		CheckpointToken:       e.token(id.ARN.ID, x.Fence()),
		InitialExecutionState: protocol.InitialState{Operations: ops, NextMarker: e.stateMarker(id.ARN.ID, next)},
		UpdatedOperationIds:   x.Updated(),
	})
}

// killGrace is how long after its time is over an invoker has to end an invocation
// by itself before its context is cancelled.
const killGrace = 2 * time.Second

// call runs one invocation.
func (e *Engine) call(f *function, inv *Invocation) Outcome {
	ctx, cancel := e.limit(inv, f.StartTimeout+inv.Timeout+killGrace)
	defer cancel()
	e.counters.invoking.Add(1)
	defer e.counters.invoking.Add(-1)
	began := time.Now()
	out := f.Invoker.Invoke(ctx, inv)
	if out.Error == nil && out.Payload == nil && context.Cause(ctx) == context.DeadlineExceeded {
		out.Error = protocol.InvocationError(inv.RequestID, protocol.ErrorTypeTimedOut, "Task timed out after %.2f seconds", f.Timeout.Seconds())
	}
	e.traceInvocation(inv, began, out.Error)
	return out
}

// finish records how an invocation ended, however long the store takes to
// accept it; if that is long, free gives the place back before. An invocation
// that failed because the engine is closing is lost: the next engine repeats it,
// as it does when even that cannot be recorded.
func (e *Engine) finish(l *live, inv *Invocation, out Outcome, free func()) {
	over := func(l *live) { l.running = false }
	for {
		closing := e.ctx.Err() != nil
		err := e.updateThen(context.WithoutCancel(e.ctx), l.id, func(d *machine.Draft) error {
			switch {
			case closing && out.Error != nil:
				d.LoseInvocation()
			case out.Unstarted:
				d.MissInvocation(inv.RequestID, out.Error)
			default:
				d.EndInvocation(inv.RequestID, out.Payload, out.Error)
			}
			return nil
		}, over)
		if err == nil {
			return
		}
		free()
		if !e.persist(l.id, "the end of an invocation could not be recorded", err) {
			l.mu.Lock()
			defer l.mu.Unlock()
			over(l)
			return
		}
	}
}

// Call calls a plain function and returns its answer. A durable function is a
// mistake of the caller.
func (e *Engine) Call(ctx context.Context, req *InvokeRequest) (*Result, error) {
	f, err := e.lookup(req.Function, req.Qualifier, rand.Float64())
	if err != nil {
		return nil, err
	}
	if err := f.admit(); err != nil {
		return nil, err
	}
	if err := e.callable(f.function, req); err != nil {
		return nil, err
	}
	if !e.place(ctx, f.function) {
		return nil, cmp.Or(ctx.Err(), closed())
	}
	defer func() { <-f.places }()
	if !e.flights.begin() {
		return nil, closed()
	}
	defer e.flights.end()
	return e.callPlain(f.function, req), nil
}

// callPlain calls a plain function of which one has a place.
func (e *Engine) callPlain(f *function, req *InvokeRequest) *Result {
	e.counters.calls.Add(1)
	requestID := cmp.Or(req.RequestID, uuid.NewString())
	payload := req.Payload
	if len(payload) == 0 {
		payload = []byte("{}")
	}
	arn := e.functionARN(f.Name, f.Version)
	inv := &Invocation{
		RequestID: requestID, FunctionARN: arn.FunctionARN(), Timeout: f.Timeout,
		Payload: payload, TraceID: e.invocationTrace(traceOf(req.TraceHeader, requestID, e.now()), ""),
		TenantID: req.TenantID, ClientContext: req.ClientContext,
	}
	endTail := func() string { return "" }
	if req.LogTail {
		endTail = e.logs.tail(f, requestID)
	}
	out := e.call(f, inv)
	result := &Result{Status: protocol.ExecutionSucceeded, LogTail: endTail()}
	if out.Error != nil {
		result.Status, result.Error, result.ErrorPayload, result.Unstarted = protocol.ExecutionFailed, out.Error, out.ErrorPayload, out.Unstarted
		return result
	}
	answer := string(out.Payload)
	result.Payload = &answer
	return result
}

// functionError reads the error document that a plain function reported.
func functionError(r *Result) *protocol.ErrorObject {
	var doc struct {
		ErrorType    string          `json:"errorType"`
		ErrorMessage string          `json:"errorMessage"`
		StackTrace   json.RawMessage `json:"stackTrace"`
	}
	if len(r.ErrorPayload) == 0 || json.Unmarshal(r.ErrorPayload, &doc) != nil {
		return r.Error
	}
	return &protocol.ErrorObject{ErrorType: doc.ErrorType, ErrorMessage: doc.ErrorMessage, StackTrace: protocol.DecodeTrace(doc.StackTrace)}
}
