package engine

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
	"unsafe"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// Start starts an execution of a durable function, or finds the one that this name started before, and returns when
// that is durable. The same name with another payload or version is a DurableExecutionAlreadyStartedException; with
// other tags it finds the execution, which keeps its own. A name is free again when its execution is deleted. An alias
// is followed now, and not again.
//
// For a plain function nothing is started; see [Engine.Call].
func (e *Engine) Start(ctx context.Context, req *InvokeRequest) (*Started, error) {
	if err := e.functions.documents.fresh(ctx); err != nil {
		return nil, err
	}
	t, err := e.functions.lookup(req.Function, req.Qualifier, shareOf(req.Name))
	if err != nil {
		return nil, err
	}
	if t.Durable == nil {
		return &Started{Version: t.Version}, nil
	}
	if req.Name != "" && !protocol.ValidID(req.Name, protocol.MaxExecutionName) {
		return nil, protocol.Errorf(protocol.CodeValidation,
			"1 validation error detected: Value '%s' at 'durableExecutionName' failed to satisfy constraint: "+
				"Member must satisfy regular expression pattern: [a-zA-Z0-9-_]{1,64}", req.Name)
	}
	if err := CheckTags(req.Tags); err != nil {
		return nil, err
	}
	if len(req.Payload) > protocol.MaxSyncPayload {
		return nil, protocol.Errorf(protocol.CodeRequestTooLarge,
			"Request must be smaller than %d bytes for the InvokeFunction operation", protocol.MaxSyncPayload)
	}
	if err := t.CheckTenant(req.TenantID, e.functions.strict); err != nil {
		return nil, err
	}
	if e.life.closing() {
		return nil, closed()
	}
	if req.Name != "" {
		if s, err := e.existing(ctx, t, req); s != nil || err != nil {
			return s, err
		}
	}
	t.arn.Name = req.Name
	id := e.starts.newIdentity(t.function, t.arn, req)
	d := machine.Start(id, payloadOf(req.Payload), e.starts.startOf(id.ARN.ID), e.ledger.rules)
	arn := d.ARN()
	err = e.ledger.create(d)
	if errors.Is(err, store.ErrConflict) { // somebody took the name meanwhile
		s, err := e.existing(ctx, t, req)
		if s == nil && err == nil {
			err = fmt.Errorf("starting %q: the name was taken and given back at the same time", req.Name)
		}
		return s, err
	}
	if err != nil {
		return nil, fmt.Errorf("starting an execution: %w", err)
	}
	return &Started{ARN: arn, Version: t.Version, Durable: true}, nil
}

// existing answers a start whose name is taken, and returns nil for a free name. A start through an alias does not
// choose the version: its repeat finds the execution even if the alias was moved meanwhile.
func (e *Engine) existing(ctx context.Context, t target, req *InvokeRequest) (*Started, error) {
	row, err := e.ledger.store.Named(ctx, t.Name, req.Name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if row.Status == protocol.ExecutionDeleting {
		return nil, e.ledger.finishDeletion(ctx, row)
	}
	if row.InputHash != sha256.Sum256(req.Payload) || t.alias == nil && row.Version != t.Version {
		return nil, protocol.Errorf(protocol.CodeAlreadyStarted, "Execution already started: %s", row.ARN)
	}
	return &Started{ARN: row.ARN, Version: row.Version, Durable: true, Existing: true}, nil
}

// A chained invoke of a durable function is a child execution. The commit that starts the invoke creates the child,
// so neither exists without the other. A closed child stays due until its parent has recorded the outcome.
//
// A chained invoke of a plain function is a call by this process. After a crash the next engine makes the call again.

// starter knows what a new execution begins with, and which children begin in the same commit.
type starter struct {
	*life
	functions *Functions
	fleet     *membership
	rules     *machine.Rules
	ids       mint
}

// resolve finds the target of a chained invoke and names the child. A function that cannot be invoked now fails the
// operation; one that never could be refuses the checkpoint.
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
		return nil, refusal(protocol.Errorf(protocol.CodeInvalidParameter,
			"You cannot invoke a durable function using an unqualified ARN.")), nil
	}
	t.arn.Name, t.arn.ID = s.ids.next(), s.ids.next()
	return &machine.InvokeTarget{Version: t.Version, ARN: t.arn.String()}, nil, nil
}

// refusal is an error of the API as an operation records it.
func refusal(err error) *protocol.ErrorObject {
	coded, ok := errors.AsType[*protocol.Error](err)
	if !ok {
		coded = protocol.Errorf(protocol.CodeService, "%v", err)
	}
	return &protocol.ErrorObject{ErrorType: string(coded.Code), ErrorMessage: coded.Message}
}

// complete returns the writes of a draft's commit: its own, with the calls that begin and end, and those of the
// children and the fork that begin with it. It refuses a start that the function does not admit. The caller holds the
// starting lock of the functions until the commit is over.
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
			continue // some chained invokes that a fork copies are over
		}
		child, err := s.child(d.Identity().ARN, &r)
		if err != nil {
			return nil, err
		}
		writes = append(writes, s.first(child))
	}
	if fork := d.Beginning(); fork != nil {
		more, err := s.complete(fork, s.first(fork))
		if err != nil {
			return nil, err
		}
		writes = append(writes, more...)
	}
	return writes, nil
}

// first is the write with which an execution begins that another one began.
func (s *starter) first(d *machine.Draft) store.Write {
	own := row(d)
	own.Owner = s.fleet.owner(nil, d)
	return store.Write{ID: own.ID, Entry: store.Entry{Seq: 1, Data: machine.Encode(d.Records())}, Row: own}
}

func (s *starter) child(parent protocol.ARN, r *machine.Record) (*machine.Draft, error) {
	arn, err := protocol.ParseARN(r.DurableExecutionARN)
	if err != nil {
		return nil, err
	}
	f, err := s.functions.admitStart(arn) // once: it may be unregistered at any time
	if err != nil {
		return nil, err
	}
	id := s.newIdentity(f, arn, &InvokeRequest{TenantID: r.TenantID, TraceHeader: r.TraceHeader})
	id.ParentARN, id.ParentOperation = parent.String(), r.OpID
	return machine.Start(id, r.Payload, s.startOf(arn.ID), s.rules), nil
}

// calls returns the calls of plain functions that begin and end with a draft.
func (s *starter) calls(d *machine.Draft) []store.Call {
	begun, over := d.CallChanges()
	var calls []store.Call
	for opID, target := range begun {
		name, _, err := s.functions.home.parseRef(target.Function, "")
		if err != nil {
			continue // the operation has failed: resolve refused it
		}
		calls = append(calls, store.Call{
			Operation: opID, Function: name, Version: target.Version, Wanted: s.now(),
			Owner: s.fleet.callOwner(name, target.Version),
		})
	}
	for _, opID := range over {
		calls = append(calls, store.Call{Operation: opID})
	}
	return calls
}

// newIdentity makes the identity of a new execution of f; its name and id are new unless arn has them. New names
// ascend as ids do: names are looked up in an index, of which random ones would write another page with each start.
// It has texts of its own: those of a request may be parts of its whole head, which would stay in memory with them.
func (s *starter) newIdentity(f *function, arn protocol.ARN, req *InvokeRequest) machine.Identity {
	arn.Function, arn.Version = f.Name, f.Version
	arn.Name = cmp.Or(strings.Clone(arn.Name), s.ids.next())
	if arn.ID == "" {
		arn.ID = s.ids.next()
	}
	return machine.Identity{
		ARN:              arn,
		ExecutionTimeout: int64((f.Durable.ExecutionTimeout + time.Second - 1) / time.Second),
		RetentionDays:    int64(cmp.Or(f.Durable.RetentionDays, protocol.DefaultRetentionDays)),
		Async:            req.Async,
		TenantID:         strings.Clone(req.TenantID),
		Tags:             ownTags(req.Tags),
		TraceHeader:      traceOf(strings.Clone(req.TraceHeader), arn.ID, s.startOf(arn.ID)),
	}
}

// startOf is when the execution with a new id starts: the moment in the id, or now if that is ahead of the clock.
func (s *starter) startOf(id string) protocol.Timestamp {
	if !isExecutionID(id) {
		return s.now()
	}
	return min(s.now(), timeIn(id))
}

// payloadOf is a payload as the protocol keeps it: an empty one is none. It is in the same memory, as it may be
// large; whoever gives it to the engine does not change it any more.
func payloadOf(b []byte) *string {
	if len(b) == 0 {
		return nil
	}
	return new(unsafe.String(unsafe.SliceData(b), len(b)))
}

func closed() error {
	return protocol.Errorf(protocol.CodeService, "The engine is shutting down.")
}
