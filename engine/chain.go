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

	"github.com/perdure/perdure/internal/machine"
	"github.com/perdure/perdure/internal/store"
	"github.com/perdure/perdure/internal/wire"
)

// A chained invoke of a durable function is a child execution. It is created in
// the commit that starts the invoke, so neither exists without the other. When
// the child closes it stays due until its parent has recorded the outcome.
//
// A chained invoke of a plain function is a call by this process. A crash loses
// the call, and the next engine makes it again.

// resolve finds the target of a chained invoke and names the child. What cannot
// be invoked now fails the operation; what never could refuses the checkpoint.
func (e *Engine) resolve(opts *wire.ChainedInvokeOptions) (*machine.InvokeTarget, *wire.ErrorObject, error) {
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
		return nil, refusal(wire.Errorf(wire.CodeInvalidParameter, "You cannot invoke a durable function using an unqualified ARN.")), nil
	}
	t.arn.Name, t.arn.ID = uuid.NewString(), e.ids.mint()
	return &machine.InvokeTarget{Version: t.Version, ARN: t.arn.String()}, nil, nil
}

// checkHome refuses a chained invoke of a function that lives elsewhere.
func (e *Engine) checkHome(ref string) error {
	region, account := homeOf(ref)
	switch {
	case account != "" && account != e.opts.Account:
		return wire.Errorf(wire.CodeInvalidParameter, "Cannot start a CHAINED_INVOKE on a function in another account.")
	case region != "" && region != e.opts.Region:
		return wire.Errorf(wire.CodeInvalidParameter, "Cannot start a CHAINED_INVOKE on a function in another region.")
	}
	return nil
}

// refusal is an error of the API as an operation records it.
func refusal(err error) *wire.ErrorObject {
	var coded *wire.Error
	if !errors.As(err, &coded) {
		coded = wire.Errorf(wire.CodeService, "%v", err)
	}
	return &wire.ErrorObject{ErrorType: string(coded.Code), ErrorMessage: coded.Message}
}

// children adds the writes that create the executions which a draft invokes.
func (e *Engine) children(d *machine.Draft, writes []store.Write) ([]store.Write, error) {
	for _, r := range d.Records() {
		if r.Type != wire.EventChainedInvokeStarted || r.DurableExecutionARN == "" || !d.Open(r.OpID) {
			continue // a fork's past may have chained invokes that are over
		}
		arn, err := wire.ParseARN(r.DurableExecutionARN)
		if err != nil {
			return nil, err
		}
		f, err := e.admitStart(arn) // and no other look: it may be unregistered by then
		if err != nil {
			return nil, err
		}
		id := e.newIdentity(f, arn, &InvokeRequest{TenantID: r.TenantID, TraceHeader: r.TraceHeader})
		id.ParentARN, id.ParentOperation = d.Identity().ARN.String(), r.OpID
		child := machine.Start(id, r.Payload, startOf(arn.ID), e.rules)
		writes = append(writes, store.Write{
			ID:    arn.ID,
			Entry: store.Entry{Seq: 1, Data: machine.Encode(child.Records())},
			Row:   row(child),
		})
	}
	return writes, nil
}

// follow sees to the chained invokes that a published input began: children are
// looked at, plain functions are called. l.mu is held.
func (e *Engine) follow(l *live, records []machine.Record) {
	for i := range records {
		r := &records[i]
		if r.Type != wire.EventChainedInvokeStarted {
			continue
		}
		if arn, err := wire.ParseARN(r.DurableExecutionARN); err == nil {
			e.schedule.set(arn.ID, r.Time)
		} else if target := l.x.Call(r.OpID); target != nil { // else it failed at once
			e.makeCall(l, r.OpID, target)
		}
	}
}

// resumeCalls makes the calls that the execution waits for and nobody is
// making, as after a restart. l.mu is held.
func (e *Engine) resumeCalls(l *live) {
	for opID, target := range l.x.Calls() {
		e.makeCall(l, opID, target)
	}
}

// makeCall makes one call in the background, unless that is being done. l.mu is
// held.
func (e *Engine) makeCall(l *live, opID string, target *machine.InvokeTarget) {
	if l.calls[opID] || e.ctx.Err() != nil {
		return
	}
	if l.calls == nil {
		l.calls = map[string]bool{}
	}
	l.calls[opID] = true
	e.cache.acquire(l.id) // a second hold, for the goroutine
	e.work.Go(func() {
		defer e.cache.release(l)
		e.callFor(l.id, opID, target)
		l.mu.Lock()
		delete(l.calls, opID)
		l.mu.Unlock()
	})
}

// callFor calls a plain function for a chained invoke and records the outcome.
// After a restart the function may be yet to be registered.
func (e *Engine) callFor(parentID, opID string, target *machine.InvokeTarget) {
	name, _, err := e.parseRef(target.Function, "")
	if err != nil {
		e.quarantine(parentID, &damagedError{parentID, err}) // it was accepted once
		return
	}
	if !e.functions.await(e.ctx, func() bool { return e.functions.runnable(name, target.Version) != nil }) {
		return
	}
	req := &InvokeRequest{Function: name, Qualifier: target.Version, TenantID: target.TenantID, TraceHeader: target.TraceHeader}
	if target.Input != nil {
		req.Payload = []byte(*target.Input)
	}
	result, err := e.callReaching(req)
	if e.ctx.Err() != nil {
		return // the next engine calls again
	}
	switch {
	case err != nil:
		result = &Result{Status: wire.ExecutionFailed, Error: refusal(err)}
	case result.Payload != nil && !utf8.ValidString(*result.Payload): // it is recorded as text
		result = &Result{Status: wire.ExecutionFailed, Error: &wire.ErrorObject{
			ErrorType: "Runtime.InvalidResponse", ErrorMessage: "The response of function " + name + " is not valid UTF-8.",
		}}
	}
	for {
		err = e.update(context.WithoutCancel(e.ctx), parentID, func(d *machine.Draft) error {
			d.CompleteInvoke(opID, "", result.Status, result.Payload, functionError(result))
			return nil
		})
		if err == nil || !e.persist(parentID, "the outcome of a chained invoke could not be recorded", err) {
			return
		}
	}
}

// reachTries bounds how often a plain function is tried that cannot be reached;
// the pauses add up to 25 s.
const reachTries = 9

// callReaching is Call, repeated with growing pauses while the function cannot
// be reached, as when it is being replaced.
func (e *Engine) callReaching(req *InvokeRequest) (*Result, error) {
	for try, pause := 1, 100*time.Millisecond; ; try, pause = try+1, 2*pause {
		result, err := e.Call(e.ctx, req)
		if err != nil || !result.Unstarted || try == reachTries {
			return result, err
		}
		select {
		case <-time.After(pause):
		case <-e.ctx.Done():
			return nil, closed()
		}
	}
}

// invokeTimedOut is the error of a chained invoke whose child timed out.
func invokeTimedOut(seconds int64) *wire.ErrorObject {
	return &wire.ErrorObject{
		ErrorType:    wire.ErrorTypeInvokeTimeout,
		ErrorMessage: fmt.Sprintf("CHAINED_INVOKE timed out after %d seconds.", seconds),
	}
}

// notifyParent brings the outcome of a closed child to its parent, in the
// background: the two have their turns apart.
func (e *Engine) notifyParent(child *machine.Execution) {
	id := *child.Identity()
	status := child.Outcome()
	payload, failure := child.Result()
	if status == wire.ExecutionTimedOut {
		failure = invokeTimedOut(id.ExecutionTimeout)
	}
	e.work.Go(func() {
		for {
			err := e.tellParent(&id, status, payload, failure)
			if err == nil || !e.persist(id.ARN.ID, "a parent could not be told of its child's outcome", err) {
				return
			}
		}
	})
}

func (e *Engine) tellParent(id *machine.Identity, status wire.ExecutionStatus, payload *string, failure *wire.ErrorObject) error {
	arn, err := wire.ParseARN(id.ParentARN)
	if err != nil { // so there is nobody to tell
		e.log.Error("an execution names a parent that is none; its outcome is told to nobody", "execution", id.ARN.ID, "error", err)
		err = store.ErrNotFound
	} else {
		err = e.update(e.ctx, arn.ID, func(d *machine.Draft) error {
			d.CompleteInvoke(id.ParentOperation, id.ARN.String(), status, payload, failure)
			return nil
		})
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) && !e.quarantine(arn.ID, err) {
		return err
	}
	return e.update(e.ctx, id.ARN.ID, func(d *machine.Draft) error {
		d.NotifyParent()
		return nil
	})
}
