package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
)

// damagedError says that an execution's journal cannot be understood.
type damagedError struct {
	id  string
	err error
}

func (e *damagedError) Error() string {
	return fmt.Sprintf("the journal of execution %s cannot be understood: %v", e.id, e.err)
}

// unreadError says that the store did not give an execution's journal.
type unreadError struct {
	id  string
	err error
}

func (e *unreadError) Error() string { return fmt.Sprintf("reading execution %s: %v", e.id, e.err) }
func (e *unreadError) Unwrap() error { return e.err }

// load reads l.x unless it is there. l.mu is held. An unknown execution is [store.ErrNotFound].
func (g *ledger) load(ctx context.Context, l *live) (err error) {
	if l.x == nil {
		l.x, err = g.replay(ctx, l.id, machine.Load(g.rules))
	}
	return err
}

// replay reads an execution's journal into a loader. An unknown execution is [store.ErrNotFound]. A journal that cannot
// be understood, or belongs to another execution, is a [damagedError].
func (g *ledger) replay(ctx context.Context, id string, loader *machine.Loader) (*machine.Execution, error) {
	found := false
	for entry, err := range g.journal(ctx, id, store.Range{}) {
		if err != nil {
			return nil, err
		}
		found = true
		if err := loader.Add(entry.Data); err != nil {
			return nil, &damagedError{id, err}
		}
	}
	if !found {
		return nil, store.ErrNotFound
	}
	x, err := loader.Execution()
	if err == nil {
		err = checkID(id, x)
	}
	if err != nil {
		return nil, &damagedError{id, err}
	}
	return x, nil
}

// reading is an execution as a copy of one's own, with its journal.
type reading struct {
	*machine.Execution
	entries  [][]byte
	records  []machine.Record
	problems []string // rules that the records break; audit finds them
}

// read reads an execution from the store. An unknown one is a ResourceNotFoundException.
func (g *ledger) read(ctx context.Context, arn string) (*reading, error) {
	id, err := parseExecution(arn)
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	for entry, err := range g.journal(ctx, id, store.Range{}) {
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry.Data)
	}
	if len(entries) == 0 {
		return nil, executionNotFound()
	}
	r, err := g.fold(entries)
	if err != nil {
		return nil, &damagedError{id, err}
	}
	if r.ARN() != arn {
		return nil, executionNotFound()
	}
	return r, nil
}

// journal yields entries of an execution. Its errors are [damagedError] and [unreadError].
func (g *ledger) journal(ctx context.Context, id string, part store.Range) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		for entry, err := range g.store.Journal(ctx, id, part) {
			if damaged, ok := errors.AsType[*store.DamagedError](err); ok {
				err = &damagedError{id, damaged}
			} else if err != nil {
				err = &unreadError{id, err}
			}
			if !yield(entry, err) || err != nil {
				return
			}
		}
	}
}

func (g *ledger) fold(entries [][]byte) (*reading, error) {
	r := &reading{entries: entries}
	loader := machine.Load(g.rules)
	for _, data := range entries {
		if err := loader.Add(data); err != nil {
			return nil, err
		}
		records, err := machine.Decode(data)
		if err != nil {
			return nil, err
		}
		r.records = append(r.records, records...)
	}
	var err error
	if r.Execution, err = loader.Execution(); err != nil {
		return nil, err
	}
	return r, nil
}

// audit finds the rules that the records break.
func (r *reading) audit() {
	var auditor machine.Auditor
	for i := range r.records {
		auditor.Add(&r.records[i])
	}
	r.problems = auditor.Problems(r.Execution)
}

// known returns the row of an execution that exists, without its journal.
func (g *ledger) known(ctx context.Context, arn string) (*store.Row, error) {
	id, err := parseExecution(arn)
	if err != nil {
		return nil, err
	}
	row, err := g.store.Row(ctx, id)
	if _, damaged := errors.AsType[*store.DamagedError](err); damaged || err == nil && !isExecutionID(id) {
		if row, err = g.rebuilt(ctx, id); err != nil {
			return nil, err
		}
	}
	if errors.Is(err, store.ErrNotFound) || err == nil && row.ARN != arn {
		return nil, executionNotFound()
	}
	return row, err
}

// rebuilt makes the row of an execution, which is damaged, from the journal. The error says that this is damaged, too.
func (g *ledger) rebuilt(ctx context.Context, id string) (*store.Row, error) {
	x, err := g.replay(ctx, id, machine.Load(g.rules))
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	g.log.Error("the row of an execution is damaged; perdure verify tells more",
		"execution", id, "journal", cmp.Or(err, errors.New("in order")))
	if err != nil {
		return nil, err
	}
	return row(x.Draft(g.now())), nil
}
