package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// A chained invoke of a durable function is a child execution. It is created in
// the commit that starts the invoke, so neither exists without the other. When
// the child closes it stays due until its parent has recorded the outcome.
//
// A chained invoke of a plain function is a call by this process. A crash loses
// the call, and the next engine makes it again.

// resolve finds the target of a chained invoke and names the child. What cannot
// be invoked now fails the operation; what never could refuses the checkpoint.
func (e *Engine) resolve(opts *protocol.ChainedInvokeOptions) (*machine.InvokeTarget, *protocol.ErrorObject, error) {
	if err := e.checkHome(opts.FunctionName); err != nil {
		return nil, nil, err
	}
	_, qualifier, err := e.parseRef(opts.FunctionName, "")
	if err != nil {
		return nil, refusal(err), nil
	}
	t, err := e.lookup(opts.FunctionName, "", rand.Float64())
	if err == nil {
		err = cmp.Or(t.admit(), t.CheckTenant(opts.TenantID, e.opts.Strict))
	}
	switch {
	case err != nil:
		return nil, refusal(err), nil
	case t.Durable == nil:
		return &machine.InvokeTarget{Version: t.Version}, nil, nil
	case e.opts.Strict && qualifier == "":
		return nil, refusal(protocol.Errorf(protocol.CodeInvalidParameter, "You cannot invoke a durable function using an unqualified ARN.")), nil
	}
	t.arn.Name, t.arn.ID = uuid.NewString(), e.ids.mint()
	return &machine.InvokeTarget{Version: t.Version, ARN: t.arn.String()}, nil, nil
}

// checkHome refuses a chained invoke of a function that lives elsewhere.
func (e *Engine) checkHome(ref string) error {
	region, account := homeOf(ref)
	switch {
	case account != "" && account != e.opts.Account:
		return protocol.Errorf(protocol.CodeInvalidParameter, "Cannot start a CHAINED_INVOKE on a function in another account.")
	case region != "" && region != e.opts.Region:
		return protocol.Errorf(protocol.CodeInvalidParameter, "Cannot start a CHAINED_INVOKE on a function in another region.")
	}
	return nil
}

// refusal is an error of the API as an operation records it.
func refusal(err error) *protocol.ErrorObject {
	var coded *protocol.Error
	if !errors.As(err, &coded) {
		coded = protocol.Errorf(protocol.CodeService, "%v", err)
	}
	return &protocol.ErrorObject{ErrorType: string(coded.Code), ErrorMessage: coded.Message}
}

// children adds the writes that create the executions which a draft invokes.
func (e *Engine) children(d *machine.Draft, writes []store.Write) ([]store.Write, error) {
	for _, r := range d.Records() {
		if r.Type != protocol.EventChainedInvokeStarted || r.DurableExecutionARN == "" || !d.Open(r.OpID) {
			continue // a fork's past may have chained invokes that are over
		}
		arn, err := protocol.ParseARN(r.DurableExecutionARN)
		if err != nil {
			return nil, err
		}
		f, err := e.admitStart(arn) // and no other look: it may be unregistered by then
		if err != nil {
			return nil, err
		}
		id := e.newIdentity(f, arn, &InvokeRequest{TenantID: r.TenantID, TraceHeader: r.TraceHeader})
		id.ParentARN, id.ParentOperation = d.Identity().ARN.String(), r.OpID
		child := machine.Start(id, r.Payload, e.startOf(arn.ID), e.rules)
		writes = append(writes, store.Write{
			ID:    arn.ID,
			Entry: store.Entry{Seq: 1, Data: machine.Encode(child.Records())},
			Row:   row(child),
		})
	}
	return writes, nil
}

// calls returns what a draft changes about the calls of plain functions that the
// execution waits for.
func (e *Engine) calls(d *machine.Draft) []store.Call {
	begun, over := d.CallChanges()
	var calls []store.Call
	for opID, target := range begun {
		name, _, err := e.parseRef(target.Function, "")
		if err != nil {
			continue // it could not be resolved, so it has failed
		}
		calls = append(calls, store.Call{Operation: opID, Function: name, Version: target.Version, Wanted: e.now()})
	}
	for _, opID := range over {
		calls = append(calls, store.Call{Operation: opID})
	}
	return calls
}

// makeCall calls a plain function for a chained invoke and records the outcome,
// unless somebody does, or nobody waits for it any more. Its error is one of
// reading the execution, of which nothing came.
func (e *Engine) makeCall(f *function, item store.Item) error {
	if !e.flights.begin() {
		return nil // the next engine calls
	}
	defer e.flights.end()
	l := e.cache.pin(item.ID)
	defer e.cache.unpin(l)
	target, err := e.beginCall(l, item.Operation, f)
	if target == nil || err != nil {
		return err
	}
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.calls, item.Operation)
	}()
	req := &InvokeRequest{TenantID: target.TenantID, TraceHeader: target.TraceHeader}
	if target.Input != nil {
		req.Payload = []byte(*target.Input)
	}
	result := e.callReaching(f, req)
	if e.ctx.Err() != nil {
		return nil // the next engine calls again
	}
	if result.Payload != nil && !utf8.ValidString(*result.Payload) { // it is recorded as text
		result = &Result{Status: protocol.ExecutionFailed, Error: &protocol.ErrorObject{
			ErrorType: "Runtime.InvalidResponse", ErrorMessage: "The response of function " + f.Name + " is not valid UTF-8.",
		}}
	}
	for {
		err := e.update(context.WithoutCancel(e.ctx), item.ID, func(d *machine.Draft) error {
			d.CompleteInvoke(item.Operation, "", result.Status, result.Payload, functionError(result))
			return nil
		})
		if err == nil || !e.persist(item.ID, "the outcome of a chained invoke could not be recorded", err) {
			return nil
		}
	}
}

// beginCall returns the target of a call of f that is to be made now, or nil.
func (e *Engine) beginCall(l *live, opID string, f *function) (target *machine.InvokeTarget, err error) {
	var wrong error
	err = e.updateThen(e.ctx, l.id, look, func(l *live) {
		if target = l.x.Call(opID); target == nil || l.calls[opID] || e.ctx.Err() != nil {
			target = nil
			return
		}
		if name, _, err := e.parseRef(target.Function, ""); err != nil || name != f.Name || target.Version != f.Version {
			target, wrong = nil, &damagedError{l.id, fmt.Errorf("operation %s calls %s:%s, and is stored as a call of %s:%s", opID, target.Function, target.Version, f.Name, f.Version)}
			return
		}
		if l.calls == nil {
			l.calls = map[string]bool{}
		}
		l.calls[opID] = true
	})
	return target, cmp.Or(err, wrong)
}

// reachTries bounds how often a plain function is tried that cannot be reached;
// the pauses add up to 25 s.
const reachTries = 9

// callReaching is callPlain, repeated with growing pauses while the function
// cannot be reached, as when it is being replaced.
func (e *Engine) callReaching(f *function, req *InvokeRequest) *Result {
	if err := e.callable(f, req); err != nil {
		return &Result{Status: protocol.ExecutionFailed, Error: refusal(err)}
	}
	for try, wait := 1, 100*time.Millisecond; ; try, wait = try+1, 2*wait {
		result := e.callPlain(f, req)
		if !result.Unstarted || try == reachTries {
			return result
		}
		if pause(e.ctx, wait, nil); e.ctx.Err() != nil {
			return result
		}
		if newer := e.functions.runnable(f.Name, f.Version); newer != nil {
			f = newer
		}
	}
}

// callable refuses what is no call of a plain function.
func (e *Engine) callable(f *function, req *InvokeRequest) error {
	if f.Durable != nil {
		return fmt.Errorf("engine: %s is durable; it is started, not called", f.Name)
	}
	return f.CheckTenant(req.TenantID, e.opts.Strict)
}

// invokeTimedOut is the error of a chained invoke whose child timed out.
func invokeTimedOut(seconds int64) *protocol.ErrorObject {
	return &protocol.ErrorObject{
		ErrorType:    protocol.ErrorTypeInvokeTimeout,
		ErrorMessage: fmt.Sprintf("CHAINED_INVOKE timed out after %d seconds.", seconds),
	}
}
