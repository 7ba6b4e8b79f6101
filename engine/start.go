package engine

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// Start starts an execution of a durable function, or finds the one that this
// name started before, and returns when that is durable. The same name with
// another payload or version is a DurableExecutionAlreadyStartedException; a
// name is free again when its execution is deleted. An alias is
// followed here: the execution stays on the version that it gets.
//
// For a plain function nothing is started; see [Engine.Call].
func (e *Engine) Start(ctx context.Context, req *InvokeRequest) (*Started, error) {
	t, err := e.lookup(req.Function, req.Qualifier, shareOf(req.Name))
	if err != nil {
		return nil, err
	}
	if t.Durable == nil {
		return &Started{Version: t.Version}, nil
	}
	if req.Name != "" && !protocol.ValidID(req.Name, protocol.MaxExecutionName) {
		return nil, protocol.Errorf(protocol.CodeValidation,
			"1 validation error detected: Value '%s' at 'durableExecutionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9-_]{1,64}", req.Name)
	}
	if len(req.Payload) > protocol.MaxSyncPayload {
		return nil, protocol.Errorf(protocol.CodeRequestTooLarge, "Request must be smaller than %d bytes for the InvokeFunction operation", protocol.MaxSyncPayload)
	}
	if err := t.CheckTenant(req.TenantID, e.opts.Strict); err != nil {
		return nil, err
	}
	if e.ctx.Err() != nil {
		return nil, closed()
	}
	if req.Name != "" {
		s, err := e.existing(ctx, t, req)
		if s != nil || err != nil {
			return s, err
		}
	}
	t.arn.Name = req.Name
	id := e.newIdentity(t.function, t.arn, req)
	err = e.create(machine.Start(id, payloadOf(req.Payload), e.startOf(id.ARN.ID), e.rules))
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
	return &Started{ARN: id.ARN.String(), Version: t.Version, Durable: true}, nil
}

// newIdentity completes the names of a new execution of f.
func (e *Engine) newIdentity(f *function, arn protocol.ARN, req *InvokeRequest) machine.Identity {
	arn.Name = cmp.Or(arn.Name, uuid.NewString())
	if arn.ID == "" {
		arn.ID = e.ids.mint()
	}
	return machine.Identity{
		ARN:              arn,
		ExecutionTimeout: int64((f.Durable.ExecutionTimeout + time.Second - 1) / time.Second),
		RetentionDays:    int64(cmp.Or(f.Durable.RetentionDays, protocol.DefaultRetentionDays)),
		Async:            req.Async,
		TenantID:         req.TenantID,
		TraceHeader:      traceOf(req.TraceHeader, arn.ID, e.startOf(arn.ID)),
	}
}

// create commits a new execution.
func (e *Engine) create(d *machine.Draft) error {
	l := e.cache.acquire(d.Identity().ARN.ID)
	defer e.cache.release(l, false)
	l.mu.Lock()
	defer l.mu.Unlock()
	return e.commit(l, d)
}

// existing answers a start whose name is taken. It returns nil if it is not.
// Who starts through an alias did not choose the version, so that a repeat
// finds the execution also if the alias was moved meanwhile.
func (e *Engine) existing(ctx context.Context, t target, req *InvokeRequest) (*Started, error) {
	row, err := e.store.Named(ctx, t.Name, req.Name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if row.Status == protocol.ExecutionDeleting {
		return nil, e.finishDeletion(ctx, row)
	}
	if row.InputHash != sha256.Sum256(req.Payload) || t.alias == nil && row.Version != t.Version {
		return nil, protocol.Errorf(protocol.CodeAlreadyStarted, "Execution already started: %s", row.ARN)
	}
	return &Started{ARN: row.ARN, Version: row.Version, Durable: true, Existing: true}, nil
}

// payloadOf returns a payload as the protocol keeps it: an empty one is none.
func payloadOf(b []byte) *string {
	if len(b) == 0 {
		return nil
	}
	s := string(b)
	return &s
}

func closed() error {
	return protocol.Errorf(protocol.CodeService, "The engine is shutting down.")
}

// Wait returns the outcome of an execution once it has closed. The outcome of a
// closed execution is there at once, until its retention is over.
func (e *Engine) Wait(ctx context.Context, arn string) (*Result, error) {
	for {
		var result *Result
		var changed <-chan struct{}
		leave := func() {}
		err := e.view(ctx, arn, func(l *live) {
			if !l.x.Status().Closed() {
				changed, leave = e.news.listen(l.id)
				return
			}
			payload, failure := l.x.Result()
			result = &Result{Status: l.x.Outcome(), Payload: payload, Error: failure}
		})
		if err != nil || result != nil {
			return result, err
		}
		if err := e.await(ctx, changed, leave); err != nil {
			return nil, err
		}
	}
}

// await returns when the execution may have changed, or with an error when
// there is no point in waiting any longer. It leaves the bulletin.
func (e *Engine) await(ctx context.Context, changed <-chan struct{}, leave func()) error {
	defer leave()
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-e.ctx.Done():
		return closed()
	}
}

// Stop closes an execution and returns when it closed; reason may be nil. The
// invocation under way runs to its end, but its checkpoints are refused. A
// closed execution stays as it is.
func (e *Engine) Stop(ctx context.Context, arn string, reason *protocol.ErrorObject) (protocol.Timestamp, error) {
	var at protocol.Timestamp
	err := e.updateExecution(ctx, arn, func(d *machine.Draft) error {
		if err := d.Stop(reason); err != nil {
			return err
		}
		at = cmp.Or(d.Closed(), e.now()) // one that is about to close has no time yet
		return nil
	}, nothing)
	return at, err
}
