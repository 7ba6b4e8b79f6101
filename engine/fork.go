package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// ForkRequest asks for a new execution that begins with a part of the history
// of another one, which may be open or closed and stays as it is.
type ForkRequest struct {
	ARN string
	// Before is the id, or a name that no other has, of an operation that is
	// left out with all that its context did after it; After is that of one
	// that is copied. Without either everything is copied.
	Before, After string
	// Outcome, with After, replaces how the operation ended.
	Outcome *ForkOutcome
	// Redrive copies what a failed, timed out or stopped execution did, but
	// for what it failed with, unless Before or After says it.
	Redrive bool
	// Name is the new execution's; empty is that of the other with a number
	// behind it.
	Name string
	// Qualifier is the version, or alias, of the function that runs the new
	// execution; empty is the version of the other.
	Qualifier string
}

// ForkOutcome is how an operation ends in a fork: with a result, which may be
// none, or with an error.
type ForkOutcome struct {
	Result *string               `json:",omitempty"`
	Error  *protocol.ErrorObject `json:",omitempty"`
}

// maxForkNames bounds how many names are tried for a fork without one.
const maxForkNames = 1000

// Fork starts a copy of an execution, and returns when it is durable. Names and
// versions are refused as [Engine.Start] does it, and an operation that there
// is not, or cannot end so, with what package machine says.
func (e *Engine) Fork(ctx context.Context, req *ForkRequest) (*Started, error) {
	origin, err := e.ledger.read(ctx, req.ARN)
	if err != nil {
		return nil, err
	}
	return e.forkOf(origin, req)
}

// forkOf is Fork of an execution that was read, from here or from a file.
func (e *Engine) forkOf(origin *reading, req *ForkRequest) (*Started, error) {
	cuts, err := cutsOf(origin.Execution, req)
	if err != nil {
		return nil, err
	}
	from := origin.Identity().ARN
	t, err := e.functions.lookup(from.Function, forkQualifier(from, req), shareOf(req.Name))
	if err != nil {
		return nil, err
	}
	if t.Durable == nil {
		return nil, protocol.Errorf(protocol.CodeInvalidParameter, "Function %s is not durable", t.Name)
	}
	for n := 2; ; n++ {
		arn := t.arn
		if arn.Name = req.Name; arn.Name == "" {
			arn.Name = numbered(from.Name, n)
		}
		if !protocol.ValidID(arn.Name, protocol.MaxExecutionName) {
			return nil, protocol.Errorf(protocol.CodeInvalidParameter, "%q is not a name for an execution", arn.Name)
		}
		started, err := e.fork(t, arn, origin, cuts)
		if !errors.Is(err, store.ErrConflict) {
			return started, err
		}
		if req.Name != "" || n > maxForkNames {
			return nil, protocol.Errorf(protocol.CodeAlreadyStarted, "Function %s has an execution of the name %s already", t.Name, arn.Name)
		}
	}
}

func forkQualifier(from protocol.ARN, req *ForkRequest) string {
	if req.Qualifier != "" {
		return req.Qualifier
	}
	return from.Version
}

// numbered is a name with a number behind it, cut so that it is one.
func numbered(name string, n int) string {
	suffix := fmt.Sprintf("-%d", n)
	return name[:min(len(name), protocol.MaxExecutionName-len(suffix))] + suffix
}

// fork commits one fork under a name, or fails with [store.ErrConflict].
func (e *Engine) fork(t target, arn protocol.ARN, origin *reading, cuts []machine.Cut) (*Started, error) {
	if e.life.closing() {
		return nil, closed()
	}
	id := e.starts.newIdentity(t.function, arn, &InvokeRequest{TenantID: origin.Identity().TenantID, Async: true})
	d, err := origin.Fork(origin.records, &machine.ForkRequest{
		Identity: id, Cuts: cuts, Resolve: e.starts.resolve,
		CallbackID: func(position int) string { return e.seals.callbackID(id.ARN.ID, position) },
	}, e.starts.startOf(id.ARN.ID), e.ledger.rules)
	if err != nil {
		return nil, err
	}
	if err := e.ledger.create(d); err != nil {
		return nil, err
	}
	return &Started{ARN: id.ARN.String(), Version: t.Version, Durable: true}, nil
}

// cutsOf says what of the origin is not copied.
func cutsOf(origin *machine.Execution, req *ForkRequest) ([]machine.Cut, error) {
	var cuts []machine.Cut
	if req.Redrive {
		failed, err := origin.Redrive()
		if err != nil {
			return nil, err
		}
		cuts = failed
	}
	word, keep := req.Before, false
	switch {
	case req.Before != "" && req.After != "":
		return nil, protocol.Errorf(protocol.CodeInvalidParameter, "A fork ends before an operation, or after one, not both")
	case req.After != "":
		word, keep = req.After, true
	case req.Outcome != nil:
		return nil, protocol.Errorf(protocol.CodeInvalidParameter, "An outcome belongs to the operation after which the fork ends, and there is none")
	}
	if word == "" {
		return cuts, nil
	}
	id, err := origin.Named(word)
	if err != nil {
		return nil, err
	}
	cut := machine.Cut{Operation: id, Keep: keep}
	if req.Outcome != nil {
		cut.Outcome = &machine.Outcome{Payload: req.Outcome.Result, Error: req.Outcome.Error}
	}
	return []machine.Cut{cut}, nil
}
