package engine

import (
	"context"
	"errors"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
)

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
	return e.updateExecution(ctx, req.ARN, func(d *machine.Draft) error {
		return d.Pause(&machine.PauseRequest{
			ClientToken: req.ClientToken, Reason: req.Reason, TimeoutPaused: !req.KeepTimeout,
		})
	}, nothing)
}

// Resume ends a pause, or calls it off before it began. The function is invoked
// if the pause interrupted it or something completed meanwhile. An execution
// that is neither PAUSED nor PAUSING is a ResourceConflictException.
func (e *Engine) Resume(ctx context.Context, req *ResumeRequest) error {
	return e.updateExecution(ctx, req.ARN, func(d *machine.Draft) error {
		return d.Resume(&machine.PauseRequest{ClientToken: req.ClientToken, Reason: req.Reason})
	}, nothing)
}

// updateExecution is updateThen for clients, who name an execution by its ARN.
func (e *Engine) updateExecution(ctx context.Context, arn string, apply func(*machine.Draft) error, then func(*live)) error {
	id, err := parseExecution(arn)
	if err != nil {
		return err
	}
	var refused error
	err = e.updateThen(ctx, id, func(d *machine.Draft) error {
		refused = executionNotFound()
		if d.Identity().ARN.String() == arn {
			refused = apply(d)
		}
		return refused
	}, func(l *live) {
		if refused == nil {
			then(l)
		}
	})
	if errors.Is(err, store.ErrNotFound) {
		return executionNotFound()
	}
	return err
}
