package engine

import (
	"cmp"
	"errors"
	"math/rand/v2"
	"time"

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

// starter knows what a new execution begins with, and what else begins in the
// same commit.
type starter struct {
	*life
	functions *Functions
	rules     *machine.Rules
	ids       mint
}

// resolve finds the target of a chained invoke and names the child. What cannot
// be invoked now fails the operation; what never could refuses the checkpoint.
func (s *starter) resolve(opts *protocol.ChainedInvokeOptions) (*machine.InvokeTarget, *protocol.ErrorObject, error) {
	if err := s.functions.home.checkHome(opts.FunctionName); err != nil {
		return nil, nil, err
	}
	_, qualifier, err := s.functions.home.parseRef(opts.FunctionName, "")
	if err != nil {
		return nil, refusal(err), nil
	}
	t, err := s.functions.lookup(opts.FunctionName, "", rand.Float64())
	if err == nil {
		err = cmp.Or(t.admit(), t.CheckTenant(opts.TenantID, s.functions.strict))
	}
	switch {
	case err != nil:
		return nil, refusal(err), nil
	case t.Durable == nil:
		return &machine.InvokeTarget{Version: t.Version}, nil, nil
	case s.functions.strict && qualifier == "":
		return nil, refusal(protocol.Errorf(protocol.CodeInvalidParameter, "You cannot invoke a durable function using an unqualified ARN.")), nil
	}
	t.arn.Name, t.arn.ID = uuid.NewString(), s.ids.next()
	return &machine.InvokeTarget{Version: t.Version, ARN: t.arn.String()}, nil, nil
}

// refusal is an error of the API as an operation records it.
func refusal(err error) *protocol.ErrorObject {
	var coded *protocol.Error
	if !errors.As(err, &coded) {
		coded = protocol.Errorf(protocol.CodeService, "%v", err)
	}
	return &protocol.ErrorObject{ErrorType: string(coded.Code), ErrorMessage: coded.Message}
}

// complete returns the writes of a draft's commit: its own, with the calls that
// begin and end, and those of the children that it starts. It refuses a start
// that the function does not admit. The starting lock of the functions is held
// until all of it is committed.
func (s *starter) complete(d *machine.Draft, own store.Write) ([]store.Write, error) {
	if d.Entries() == 0 {
		if _, err := s.functions.admitStart(d.Identity().ARN); err != nil {
			return nil, err
		}
	}
	own.Calls = s.calls(d)
	writes := []store.Write{own}
	for _, r := range d.Records() {
		if r.Type != protocol.EventChainedInvokeStarted || r.DurableExecutionARN == "" || !d.Open(r.OpID) {
			continue // a fork's past may have chained invokes that are over
		}
		child, err := s.child(d.Identity().ARN, &r)
		if err != nil {
			return nil, err
		}
		writes = append(writes, store.Write{
			ID:    child.Identity().ARN.ID,
			Entry: store.Entry{Seq: 1, Data: machine.Encode(child.Records())},
			Row:   row(child),
		})
	}
	return writes, nil
}

// child is the execution that a chained invoke starts.
func (s *starter) child(parent protocol.ARN, r *machine.Record) (*machine.Draft, error) {
	arn, err := protocol.ParseARN(r.DurableExecutionARN)
	if err != nil {
		return nil, err
	}
	f, err := s.functions.admitStart(arn) // and no other look: it may be unregistered by then
	if err != nil {
		return nil, err
	}
	id := s.newIdentity(f, arn, &InvokeRequest{TenantID: r.TenantID, TraceHeader: r.TraceHeader})
	id.ParentARN, id.ParentOperation = parent.String(), r.OpID
	return machine.Start(id, r.Payload, s.startOf(arn.ID), s.rules), nil
}

// calls returns what a draft changes about the calls of plain functions that the
// execution waits for.
func (s *starter) calls(d *machine.Draft) []store.Call {
	begun, over := d.CallChanges()
	var calls []store.Call
	for opID, target := range begun {
		name, _, err := s.functions.home.parseRef(target.Function, "")
		if err != nil {
			continue // it could not be resolved, so it has failed
		}
		calls = append(calls, store.Call{Operation: opID, Function: name, Version: target.Version, Wanted: s.now()})
	}
	for _, opID := range over {
		calls = append(calls, store.Call{Operation: opID})
	}
	return calls
}

// newIdentity completes the names of a new execution of f.
func (s *starter) newIdentity(f *function, arn protocol.ARN, req *InvokeRequest) machine.Identity {
	arn.Name = cmp.Or(arn.Name, uuid.NewString())
	if arn.ID == "" {
		arn.ID = s.ids.next()
	}
	return machine.Identity{
		ARN:              arn,
		ExecutionTimeout: int64((f.Durable.ExecutionTimeout + time.Second - 1) / time.Second),
		RetentionDays:    int64(cmp.Or(f.Durable.RetentionDays, protocol.DefaultRetentionDays)),
		Async:            req.Async,
		TenantID:         req.TenantID,
		TraceHeader:      traceOf(req.TraceHeader, arn.ID, s.startOf(arn.ID)),
	}
}

// startOf returns when the execution with a new id starts: at the moment that
// the id begins with. Of an id that is ahead of the clock it is now.
func (s *starter) startOf(id string) protocol.Timestamp {
	if !isExecutionID(id) {
		return s.now()
	}
	return min(s.now(), timeIn(id))
}
