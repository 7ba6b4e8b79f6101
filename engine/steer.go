package engine

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// Stop closes an execution and returns when it closed; reason may be nil. The
// invocation under way runs to its end, but its checkpoints are refused. A
// closed execution stays as it is.
func (e *Engine) Stop(ctx context.Context, arn string, reason *protocol.ErrorObject) (protocol.Timestamp, error) {
	return updateNamed(ctx, e.ledger, arn, func(d *machine.Draft) (protocol.Timestamp, error) {
		if err := d.Stop(reason); err != nil {
			return 0, err
		}
		return cmp.Or(d.Closed(), e.life.now()), nil // one that is about to close has no time yet
	}, nothing)
}

// PauseRequest asks for a pause of an execution.
type PauseRequest struct {
	ARN string
	// ClientToken makes the request safe to repeat for 15 minutes; empty is
	// no token.
	ClientToken string
	// Reason is for people, and goes into the history; nil is none.
	Reason *string
	// KeepTimeout lets the execution's timeout run on. Without it the timeout
	// is put off by the time that the execution is paused, up to 366 days
	// after its start.
	KeepTimeout bool
}

// ResumeRequest asks for the end of a pause; its members are as in PauseRequest.
type ResumeRequest struct {
	ARN         string
	ClientToken string
	Reason      *string
}

// Pause keeps a running execution from being invoked until it is resumed. Its
// waits, retries, callbacks and chained invokes go on. An invocation under way
// is not interrupted at once: the execution is PAUSING until it checkpoints or
// ends. An execution that is not RUNNING is a ResourceConflictException.
func (e *Engine) Pause(ctx context.Context, req *PauseRequest) error {
	pause := machine.PauseRequest{ClientToken: req.ClientToken, Reason: req.Reason, TimeoutPaused: !req.KeepTimeout}
	_, err := updateNamed(ctx, e.ledger, req.ARN, func(d *machine.Draft) (none, error) { return none{}, d.Pause(&pause) }, nothing)
	return err
}

// Resume ends a pause, or calls it off before it began. The function is invoked
// if the pause interrupted it or something completed meanwhile. An execution
// that is neither PAUSED nor PAUSING is a ResourceConflictException.
func (e *Engine) Resume(ctx context.Context, req *ResumeRequest) error {
	resume := machine.PauseRequest{ClientToken: req.ClientToken, Reason: req.Reason}
	_, err := updateNamed(ctx, e.ledger, req.ARN, func(d *machine.Draft) (none, error) { return none{}, d.Resume(&resume) }, nothing)
	return err
}

// SkipRequest asks for moments to come at once that an execution waits for.
type SkipRequest struct {
	ARN string
	// Operation is the id, or a name that no other has, of an operation that
	// waits for a moment: the end of a wait, the next attempt of a step, the
	// timeout of a callback. Empty is the earliest of all moments with which
	// the execution goes on, of which timeouts are none.
	Operation string
	// All is every moment with which the execution goes on.
	All bool
}

// Skipped is a moment that came early.
type Skipped struct {
	// OperationID, Type and Name are empty if it is the next try after a
	// failed invocation.
	OperationID string
	Type        protocol.OperationType
	Name        string
	// Due is when it would have come.
	Due protocol.Timestamp
}

// Skip lets moments come early. The history has them with the time at which
// they did come. An execution that waits for no moment, or has ended, is a
// ResourceConflictException.
func (e *Engine) Skip(ctx context.Context, req *SkipRequest) ([]Skipped, error) {
	skip := machine.SkipRequest{Operation: req.Operation, All: req.All}
	if req.Operation != "" {
		var err error
		viewErr := e.ledger.view(ctx, req.ARN, func(l *live) { skip.Operation, err = l.x.Named(req.Operation) })
		if viewErr != nil {
			return nil, viewErr
		}
		if err != nil {
			return nil, err
		}
	}
	return updateNamed(ctx, e.ledger, req.ARN, func(d *machine.Draft) ([]Skipped, error) {
		var skipped []Skipped
		all, err := d.Skip(&skip)
		for _, s := range all {
			one := Skipped{Due: s.Due}
			if o := s.Operation; o != nil {
				one.OperationID, one.Type, one.Name = o.ID, o.Type, o.Name
			}
			skipped = append(skipped, one)
		}
		return skipped, err
	}, nothing)
}

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
