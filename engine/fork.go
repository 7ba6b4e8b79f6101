package engine

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// ForkRequest asks for a new execution that begins with a part of the history of another. That one, open or closed,
// stays as it is.
type ForkRequest struct {
	ARN string
	// Before is the id, or the unique name, of an operation that is left out, with all that its context did after it.
	// After is that of the last operation of its context that is copied. Without either everything is copied.
	Before, After string
	// Outcome, with After, replaces the operation's outcome.
	Outcome *ForkOutcome
	// Input replaces the event; nil leaves it. Without Before, After and Redrive nothing is copied then: the new
	// execution begins anew. With them, what was recorded for the other event counts, and code that does something
	// else with the new one before the end of the copy fails with a NonDeterminismError.
	Input *string
	// Redrive, without Before and After, leaves out the operations with which a failed, timed out or stopped
	// execution ended.
	Redrive bool
	// Once, with Redrive, refuses an execution that was redriven before.
	Once bool
	Name string // the new execution's; empty is the other's name with a number
	// Qualifier is the version, or alias, of the function that runs the new execution; empty is the other's version.
	Qualifier string
	// Token names the new execution, in place of Name, and so makes the act safe to repeat, as in StopRequest: a
	// repeat finds the execution.
	Token string
	By    string // who asks, for people; the default is what [AskedBy] says
}

// ForkOutcome is how an operation ends in a fork: with a result, nil for none, or with an error.
type ForkOutcome struct {
	Result *string               `json:",omitempty"`
	Error  *protocol.ErrorObject `json:",omitempty"`
}

// maxForkNames bounds how many names are tried for a fork without one.
const maxForkNames = 1000

// Fork starts a copy of an execution, and returns when it is durable, and the execution remembers it: both are one
// commit. It refuses names and versions as [Engine.Start] does, an unknown operation, and one that cannot end so.
func (e *Engine) Fork(ctx context.Context, req *ForkRequest) (*Started, error) {
	own := *req
	var err error
	if own.By, err = caller(ctx, req.By); err != nil {
		return nil, err
	}
	if own.Token == "" {
		return e.forkOnce(ctx, &own)
	}
	own.Name = tokenName(req.ARN, req.Token)
	if started, err := e.ledger.forked(ctx, &own); started != nil || err != nil {
		return started, err
	}
	started, err := e.forkOnce(ctx, &own)
	if err != nil { // a repeat at the same time may have been first
		if first, _ := e.ledger.forked(ctx, &own); first != nil {
			return first, nil
		}
	}
	return started, err
}

func (e *Engine) forkOnce(ctx context.Context, req *ForkRequest) (*Started, error) {
	origin, err := e.ledger.read(ctx, req.ARN)
	if err == nil {
		err = e.functions.documents.fresh(ctx)
	}
	if err != nil {
		return nil, err
	}
	return e.forkOf(origin, req, func(d *machine.Draft, f *machine.Fork) error {
		return e.ledger.fork(ctx, d, f, req.Once)
	})
}

// fork makes a fork durable, and has its origin remember it. It fails with [store.ErrConflict] if the name is taken;
// once refuses an origin that was redriven.
func (g *ledger) fork(ctx context.Context, made *machine.Draft, f *machine.Fork, once bool) error {
	_, err := updateNamed(ctx, g, made.Identity().OriginARN, func(d *machine.Draft) (none, error) {
		if once && d.Redriven() {
			return none{}, protocol.Errorf(protocol.CodeConflict, "The execution was redriven before; a filter with "+
				"Redriven=yes redrives it again")
		}
		d.KeepFork(f)
		d.BeginWith(made)
		return none{}, nil
	}, nothing)
	return err
}

// tokenName is the name of the fork of an execution that a token acts by.
func tokenName(arn, token string) string {
	sum := sha256.Sum256([]byte(token + "\n" + arn))
	a, _ := protocol.ParseARN(arn) // whoever reads it refuses what is none
	return suffixed(a.Name, "-"+hex.EncodeToString(sum[:8]))
}

// forked returns the fork of an execution that has the name already; nil if there is none.
func (g *ledger) forked(ctx context.Context, req *ForkRequest) (*Started, error) {
	a, err := protocol.ParseARN(req.ARN)
	if err != nil {
		return nil, nil
	}
	row, err := g.store.Named(ctx, a.Function, req.Name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &Started{ARN: row.ARN, Version: row.Version, Durable: true, Existing: true}, nil
}

// forkOf makes a fork of an execution that was read from the store or from a file; commit makes it durable, or fails
// with [store.ErrConflict] if its name is taken.
func (e *Engine) forkOf(origin *reading, req *ForkRequest, commit func(*machine.Draft, *machine.Fork) error) (
	*Started, error,
) {
	if err := checkInput(req.Input); err != nil {
		return nil, err
	}
	cuts, err := cutsOf(origin.Execution, req)
	if err != nil {
		return nil, err
	}
	from := origin.Identity().ARN
	t, err := e.functions.lookup(from.Function, cmp.Or(req.Qualifier, from.Version), shareOf(req.Name))
	if err != nil {
		return nil, err
	}
	if t.Durable == nil {
		return nil, protocol.Errorf(protocol.CodeInvalidParameter, "Function %s is not durable", t.Name)
	}
	for n := 2; ; n++ {
		arn := t.arn
		arn.Name = cmp.Or(req.Name, numbered(from.Name, n))
		if !protocol.ValidID(arn.Name, protocol.MaxExecutionName) {
			return nil, protocol.Errorf(protocol.CodeInvalidParameter, "%q is not a name for an execution", arn.Name)
		}
		d, err := e.draftFork(t, arn, origin, &machine.ForkRequest{Cuts: cuts, Input: req.Input})
		if err != nil {
			return nil, err
		}
		err = commit(d, &machine.Fork{ARN: d.ARN(), Redrive: req.Redrive, By: req.By})
		if err == nil {
			return &Started{ARN: d.ARN(), Version: t.Version, Durable: true}, nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return nil, err
		}
		if req.Name != "" || n > maxForkNames {
			return nil, protocol.Errorf(protocol.CodeAlreadyStarted,
				"Function %s has an execution of the name %s already", t.Name, arn.Name)
		}
	}
}

// numbered is a name with a number, shortened so that it is valid.
func numbered(name string, n int) string { return suffixed(name, fmt.Sprintf("-%d", n)) }

func suffixed(name, suffix string) string {
	return name[:min(len(name), protocol.MaxExecutionName-len(suffix))] + suffix
}

// checkInput refuses an event that a start could not have.
func checkInput(input *string) error {
	switch {
	case input == nil:
		return nil
	case len(*input) > protocol.MaxSyncPayload:
		return protocol.Errorf(protocol.CodeRequestTooLarge, "The event of a fork must be smaller than %d bytes",
			protocol.MaxSyncPayload)
	case !utf8.ValidString(*input):
		return protocol.Errorf(protocol.CodeInvalidParameter, "The event of the fork is not valid UTF-8")
	}
	return nil
}

// draftFork is a fork under a name.
func (e *Engine) draftFork(t target, arn protocol.ARN, origin *reading, fork *machine.ForkRequest) (
	*machine.Draft, error,
) {
	if e.life.closing() {
		return nil, closed()
	}
	id := e.starts.newIdentity(t.function, arn, &InvokeRequest{
		TenantID: origin.Identity().TenantID, Tags: origin.Identity().Tags, Async: true,
	})
	fork.Identity, fork.Resolve = id, e.starts.resolve
	fork.CallbackID = func(position int) string { return e.seals.callbackID(id.ARN.ID, position) }
	return origin.Fork(origin.records, fork, e.starts.startOf(id.ARN.ID), e.ledger.rules)
}

// cutsOf says what of the origin is not copied.
func cutsOf(origin *machine.Execution, req *ForkRequest) (cuts []machine.Cut, err error) {
	if req.Redrive {
		if cuts, err = origin.Redrive(); err != nil {
			return nil, err
		}
	}
	word, keep := req.Before, false
	switch {
	case req.Before != "" && req.After != "":
		return nil, protocol.Errorf(protocol.CodeInvalidParameter,
			"A fork ends before an operation, or after one, not both")
	case req.After != "":
		word, keep = req.After, true
	case req.Outcome != nil:
		return nil, protocol.Errorf(protocol.CodeInvalidParameter,
			"An outcome belongs to the operation after which the fork ends, and there is none")
	}
	switch {
	case word != "":
	case req.Input != nil && !req.Redrive:
		return origin.All(), nil
	default:
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
