package engine

import (
	"context"
	"errors"
	"iter"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
)

// reading is an execution as a copy that nobody else has, with all that led to
// it.
type reading struct {
	*machine.Execution
	entries  [][]byte
	records  []machine.Record
	problems []string // rules that the records break, once it was audited
}

// read reads an execution from the store. An unknown one is a
// ResourceNotFoundException.
func (e *Engine) read(ctx context.Context, arn string) (*reading, error) {
	id, err := parseExecution(arn)
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	for entry, err := range e.journal(ctx, id, store.Range{}) {
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry.Data)
	}
	if len(entries) == 0 {
		return nil, executionNotFound()
	}
	r, err := e.fold(entries)
	if err != nil {
		return nil, &damagedError{id, err}
	}
	if r.Identity().ARN.String() != arn {
		return nil, executionNotFound()
	}
	return r, nil
}

// journal yields entries of an execution. What is damaged is a [damagedError].
func (e *Engine) journal(ctx context.Context, id string, part store.Range) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		for entry, err := range e.store.Journal(ctx, id, part) {
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

// fold makes an execution of the entries of a journal.
func (e *Engine) fold(entries [][]byte) (*reading, error) {
	r := &reading{entries: entries}
	loader := machine.Load(e.rules)
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
	x, err := loader.Execution()
	if err != nil {
		return nil, err
	}
	r.Execution = x
	return r, nil
}

// audit looks for rules that the records break.
func (r *reading) audit() {
	var auditor machine.Auditor
	for i := range r.records {
		auditor.Add(&r.records[i])
	}
	r.problems = auditor.Problems(r.Execution)
}
