package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/portable"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// Export writes an execution, open or closed, as it is now to w, in a file for [Engine.Import] of this engine or
// another. An unknown one is a ResourceNotFoundException; nothing is written then.
func (e *Engine) Export(ctx context.Context, arn string, w io.Writer) error {
	r, err := e.ledger.read(ctx, arn)
	if err != nil {
		return err
	}
	file := portable.File{ARN: arn, Status: r.Status(), Exported: e.life.now(), Entries: r.entries}
	if err := file.Write(w); err != nil {
		return fmt.Errorf("exporting execution %s: %w", arn, err)
	}
	return nil
}

// ImportRequest says how an exported execution comes in.
type ImportRequest struct {
	// Fork starts a new execution with the whole history of the exported one, in place of the execution itself.
	Fork bool
	// Name and Qualifier go with Fork, and are as in [ForkRequest].
	Name, Qualifier string
}

// Import takes in an exported execution. It keeps its ARN and its history, so it must be closed, within its retention,
// and of this engine's region and account. An open one comes in as a fork only: its callbacks and children belong to
// the engine where it is. Import refuses a damaged file, and one whose execution or name is here already.
func (e *Engine) Import(ctx context.Context, file io.Reader, req *ImportRequest) (*Started, error) {
	f, err := portable.Read(file)
	if err != nil {
		return nil, notImported(err)
	}
	r, err := e.ledger.admitted(f)
	if err != nil {
		return nil, notImported(err)
	}
	if req.Fork {
		by, err := caller(ctx, "")
		if err != nil {
			return nil, err
		}
		fork := &ForkRequest{Name: req.Name, Qualifier: req.Qualifier, By: by}
		return e.forkOf(r, fork, func(d *machine.Draft, f *machine.Fork) error {
			err := e.ledger.fork(ctx, d, f, false)
			if protocol.HasCode(err, protocol.CodeNotFound) { // the execution is not here
				err = e.ledger.create(d)
			}
			return err
		})
	}
	if req.Name != "" || req.Qualifier != "" {
		return nil, protocol.Errorf(protocol.CodeInvalidParameter,
			"An imported execution keeps its name and version, unless it is imported as a fork.")
	}
	return e.takeIn(ctx, r)
}

func notImported(err error) error {
	return protocol.Errorf(protocol.CodeInvalidParameter, "The file cannot be imported: %v.", err)
}

// admitted returns the execution in a file, which anybody may have written. It believes nothing unchecked: an execution
// that passes is one that an engine could have made.
func (g *ledger) admitted(f *portable.File) (*reading, error) {
	records := 0
	for _, data := range f.Entries {
		if records += machine.CountRecords(data); records > machine.MaxForeignRecords {
			return nil, fmt.Errorf("it has more than %d records", machine.MaxForeignRecords)
		}
	}
	r, err := g.fold(f.Entries)
	if err != nil {
		return nil, fmt.Errorf("its journal cannot be understood: %w", err)
	}
	if err := machine.Vet(r.records, g.now(), g.rules); err != nil {
		return nil, fmt.Errorf("its journal is not one that an engine writes: %w", err)
	}
	if r.audit(); len(r.problems) > 0 {
		return nil, errors.New(strings.Join(r.problems[:min(len(r.problems), 3)], "; "))
	}
	id := r.Identity()
	switch {
	case f.ARN != id.ARN.String():
		return nil, fmt.Errorf("it says that it is of execution %.200q, and its journal is of another one", f.ARN)
	case f.Status != r.Status():
		return nil, fmt.Errorf("it says that the status is %.40q, and by its journal it is %s",
			string(f.Status), r.Status())
	}
	if err := CheckTags(id.Tags); err != nil {
		return nil, err
	}
	return r, checkForeignID(id.ARN.ID, r.Started(), g.now())
}

// takeIn stores an execution as it is. Nothing happened to it here, so no subscriber hears of it.
func (e *Engine) takeIn(ctx context.Context, r *reading) (*Started, error) {
	arn := r.Identity().ARN
	here := e.functions.home.functionARN(arn.Function, arn.Version)
	switch expires := r.Expires(); {
	case !r.Status().Closed():
		return nil, protocol.Errorf(protocol.CodeConflict,
			"Execution %s has not ended: its callbacks and the executions that it invoked belong to the engine "+
				"that it was exported from. It can be imported as a fork.", arn.Name)
	case arn.FunctionARN() != here.FunctionARN():
		return nil, protocol.Errorf(protocol.CodeInvalidParameter,
			"Execution %s belongs to region %s and account %s, and this engine to %s and %s. "+
				"It can be imported as a fork.",
			arn.Name, arn.Region, arn.Account, here.Region, here.Account)
	case r.Status() == protocol.ExecutionDeleting || !r.OwesParent() && expires <= e.life.now():
		return nil, protocol.Errorf(protocol.CodeConflict,
			"The retention of execution %s is over. It can be imported as a fork.", arn.Name)
	}
	var writes []store.Write
	for i, data := range r.entries {
		writes = append(writes, store.Write{ID: arn.ID, Entry: store.Entry{Seq: int64(i + 1), Data: data}})
	}
	writes[0].Row = row(r.Draft(e.life.now()))
	err := e.ledger.store.Commit(ctx, writes...)
	if errors.Is(err, store.ErrConflict) {
		return nil, protocol.Errorf(protocol.CodeAlreadyStarted,
			"Execution %s is here already, or another one of function %s with its name.", arn.Name, arn.Function)
	}
	if err != nil {
		e.plans.missed(writes)
		return nil, fmt.Errorf("importing execution %s: %w", arn, err)
	}
	e.plans.plan(writes[0].Row)
	return &Started{ARN: arn.String(), Version: arn.Version, Durable: true}, nil
}
