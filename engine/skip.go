package engine

import (
	"context"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/protocol"
)

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
		viewErr := e.view(ctx, req.ARN, func(l *live) { skip.Operation, err = l.x.Named(req.Operation) })
		if viewErr != nil {
			return nil, viewErr
		}
		if err != nil {
			return nil, err
		}
	}
	var skipped []Skipped
	err := e.updateExecution(ctx, req.ARN, func(d *machine.Draft) error {
		all, err := d.Skip(&skip)
		skipped = nil
		for _, s := range all {
			one := Skipped{Due: s.Due}
			if o := s.Operation; o != nil {
				one.OperationID, one.Type, one.Name = o.ID, o.Type, o.Name
			}
			skipped = append(skipped, one)
		}
		return err
	}, nothing)
	return skipped, err
}
