package engine

import (
	"cmp"
	"context"

	"github.com/perdure/perdure/internal/core/machine"

	"github.com/perdure/perdure/protocol"
)

// An act that bears a token is done once: its entry keeps the token, so a caller who does not know whether the act took
// effect repeats it, and is answered as before, whatever became of the execution. An execution remembers the tokens of
// its last 16 such acts. Tokens have at most 64 characters; empty is none.

// once makes an input one that a token acts by. The result of a repeat is the zero value.
func once[T any](token string, apply input[T]) input[T] {
	return func(d *machine.Draft) (result T, err error) {
		if len(token) > protocol.MaxClientToken {
			return result, protocol.Errorf(protocol.CodeInvalidParameter, "The token of an act has at most %d bytes",
				protocol.MaxClientToken)
		}
		if d.Acted(token) {
			return result, nil
		}
		if result, err = apply(d); err == nil {
			d.KeepAct(token)
		}
		return result, err
	}
}

// StopRequest asks that an execution be stopped.
type StopRequest struct {
	ARN    string
	Reason *protocol.ErrorObject // becomes the execution's error; nil is an empty one
	By     string                // who asks, for people; the default is what [AskedBy] says
	// Kill ends what runs for the execution: its invocation, and its calls of plain functions. Otherwise they run to
	// their end, and their checkpoints are refused. A process that also runs invocations of others goes on until those
	// have ended, and code in the engine's own process is only told, by its context.
	Kill bool
	// Cascade stops the executions that this one invoked and waits for, with Kill if that is set, down to the last.
	// They are stopped soon after the call, whatever becomes of this engine.
	Cascade bool
	Token   string // makes the act safe to repeat: see above
}

// Stop closes an execution and returns when it closed. One that has closed keeps its outcome; Kill and Cascade count
// for it all the same.
func (e *Engine) Stop(ctx context.Context, req *StopRequest) (protocol.Timestamp, error) {
	by, err := caller(ctx, req.By)
	if err != nil {
		return 0, err
	}
	order := machine.StopRequest{Reason: req.Reason, By: by, Kill: req.Kill, Cascade: req.Cascade}
	stop := once(req.Token, func(d *machine.Draft) (none, error) { return none{}, d.Stop(&order) })
	return updateNamed(ctx, e.ledger, req.ARN, func(d *machine.Draft) (protocol.Timestamp, error) {
		if _, err := stop(d); err != nil {
			return 0, err
		}
		return cmp.Or(d.Closed(), e.life.now()), nil // one that is about to close has no time yet
	}, nothing)
}

// PauseRequest asks for a pause of an execution.
type PauseRequest struct {
	ARN string
	// ClientToken makes the request safe to repeat for 15 minutes; empty is none.
	ClientToken string
	Reason      *string // for people, and goes into the history; nil is none
	// KeepTimeout lets the execution's timeout run on. Otherwise the pause puts it off, up to 366 days after the start.
	KeepTimeout bool
	By          string // as in StopRequest
	Token       string // as in StopRequest; it holds for longer than ClientToken, which AWS has
}

// ResumeRequest asks for the end of a pause; its members are as in PauseRequest.
type ResumeRequest struct {
	ARN         string
	ClientToken string
	Reason      *string
	By, Token   string
}

// Pause keeps a running execution from being invoked until it is resumed. Its waits, retries, callbacks and chained
// invokes go on. An invocation under way goes on until it checkpoints or ends; until then the execution is PAUSING. An
// execution that is not RUNNING is a ResourceConflictException.
func (e *Engine) Pause(ctx context.Context, req *PauseRequest) error {
	by, err := caller(ctx, req.By)
	if err != nil {
		return err
	}
	pause := machine.PauseRequest{
		ClientToken: req.ClientToken, Reason: req.Reason, TimeoutPaused: !req.KeepTimeout, By: by,
	}
	_, err = updateNamed(ctx, e.ledger, req.ARN, once(req.Token, func(d *machine.Draft) (none, error) {
		return none{}, d.Pause(&pause)
	}), nothing)
	return err
}

// Resume ends a pause, or calls it off before it began. The function is invoked if the pause interrupted it, if
// something completed meanwhile, or if the last invocation failed: failures are counted anew. An execution
// that is neither PAUSED nor PAUSING is a ResourceConflictException.
func (e *Engine) Resume(ctx context.Context, req *ResumeRequest) error {
	by, err := caller(ctx, req.By)
	if err != nil {
		return err
	}
	resume := machine.PauseRequest{ClientToken: req.ClientToken, Reason: req.Reason, By: by}
	_, err = updateNamed(ctx, e.ledger, req.ARN, once(req.Token, func(d *machine.Draft) (none, error) {
		return none{}, d.Resume(&resume)
	}), nothing)
	return err
}

// SkipRequest lets moments for which an execution waits come at once.
type SkipRequest struct {
	ARN string
	// Operation is the id of an operation that waits for a moment, or its name, which no other that waits for one may
	// have: the end of a wait, the next attempt of a step, the timeout of a callback. Empty means the earliest moment
	// with which the execution goes on; timeouts do not count.
	Operation string
	// All means every moment with which the execution goes on or, with Operation, every one of that name.
	All   bool
	Token string // as in StopRequest; a repeat returns no moments
}

// Skipped is a moment that came early.
type Skipped struct {
	// OperationID, Type and Name are empty for the next try after a failed invocation.
	OperationID string
	Type        protocol.OperationType
	Name        string
	Due         protocol.Timestamp // when it would have come
}

// Skip lets moments come early. The history records when they did come. An execution that waits for no moment, or has
// ended, is a ResourceConflictException.
func (e *Engine) Skip(ctx context.Context, req *SkipRequest) ([]Skipped, error) {
	skip := machine.SkipRequest{Operation: req.Operation, All: req.All}
	return updateNamed(ctx, e.ledger, req.ARN, once(req.Token, func(d *machine.Draft) ([]Skipped, error) {
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
	}), nothing)
}
