package engine

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

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
	t, err := e.functions.lookup(req.Function, req.Qualifier, shareOf(req.Name))
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
	if err := t.CheckTenant(req.TenantID, e.functions.strict); err != nil {
		return nil, err
	}
	if e.life.closing() {
		return nil, closed()
	}
	if req.Name != "" {
		s, err := e.existing(ctx, t, req)
		if s != nil || err != nil {
			return s, err
		}
	}
	t.arn.Name = req.Name
	id := e.starts.newIdentity(t.function, t.arn, req)
	err = e.ledger.create(machine.Start(id, payloadOf(req.Payload), e.starts.startOf(id.ARN.ID), e.ledger.rules))
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

// existing answers a start whose name is taken. It returns nil if it is not.
// Who starts through an alias did not choose the version, so that a repeat
// finds the execution also if the alias was moved meanwhile.
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
