// Package transfer copies everything that one store holds into an empty one, of whatever kind: executions with their
// journals, calls and logs, and documents. It changes nothing but who owns what.
//
// The target is marked from [Begin] to [Transfer.Finish], so that nobody takes a part for the whole: see [Check].
package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/perdure/perdure/internal/core/store"
)

// Source is what is copied: one moment of a store, or a store that nobody writes to. One goroutine reads it.
type Source interface {
	store.Reader
	// Kinds returns the kinds of all documents, in order.
	Kinds(ctx context.Context) ([]string, error)
}

// Target is an empty store.
type Target interface {
	store.Store
	Kinds(ctx context.Context) ([]string, error)
}

// The marks are documents. No transfer copies them.
const (
	markKind = "transfer"
	arriving = "arriving" // in a target: not all is there
	departed = "departed" // in a source: it goes on elsewhere, as the value says
)

var (
	// ErrNotEmpty says that the target holds something.
	ErrNotEmpty = errors.New("transfer: the target is not empty")
	// ErrIncomplete says that a transfer into the store was interrupted.
	ErrIncomplete = errors.New("transfer: not everything is there: a restore or a move into it was interrupted")
)

// DepartedError says that what is in a store goes on elsewhere.
type DepartedError struct{ To string }

func (e *DepartedError) Error() string { return "transfer: the executions were moved to " + e.To }

// Check returns [ErrIncomplete] or a [DepartedError] if no engine may go on with what is in the store.
func Check(ctx context.Context, st store.Store) error {
	marks, err := st.Documents(ctx, markKind, "", 1)
	switch {
	case err != nil || len(marks) == 0:
		return err
	case marks[0].Key == departed:
		return &DepartedError{string(marks[0].Value)}
	}
	return ErrIncomplete
}

// Depart marks a store whose content goes on elsewhere.
func Depart(ctx context.Context, st store.Store, to string) error {
	return st.PutDocument(ctx, markKind, departed, []byte(to))
}

// Return removes the mark of [Depart].
func Return(ctx context.Context, st store.Store) error {
	return st.DeleteDocument(ctx, markKind, departed)
}

// Summary counts what was copied.
type Summary struct {
	Executions, Entries, Lines, Documents int64
}

// Transfer is one that has begun.
type Transfer struct {
	to     Target
	told   func(Summary)
	copied Summary
	counts map[store.Count]int // of rows, by all but N
}

// Begin marks the target, which must be empty: [ErrNotEmpty], or [ErrIncomplete]. told hears from time to time how much
// was copied; it may be nil.
func Begin(ctx context.Context, to Target, told func(Summary)) (*Transfer, error) {
	if err := Check(ctx, to); err != nil {
		return nil, err
	}
	kinds, err := to.Kinds(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := to.List(ctx, store.Query{Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(rows) > 0 || len(kinds) > 0 {
		return nil, ErrNotEmpty
	}
	if told == nil {
		told = func(Summary) {}
	}
	return &Transfer{to: to, told: told, counts: map[store.Count]int{}}, to.PutDocument(ctx, markKind, arriving, nil)
}

// Copy copies everything. It refuses a source that is damaged, with an error that names what is. Afterwards it compares
// how many executions there are with how many it copied.
func (t *Transfer) Copy(ctx context.Context, from Source) (Summary, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	batches := make(chan *batch) // one is written while the next is read
	go func() {
		defer close(batches)
		r := reader{ctx: ctx, from: from, to: batches}
		if err := r.all(); err != nil {
			cancel(err)
		}
	}()
	var failed error
	for b := range batches {
		if failed != nil {
			continue
		}
		if failed = t.write(ctx, b); failed != nil {
			cancel(failed)
		}
	}
	if cause := context.Cause(ctx); cause != nil { // the first error; of reading, it also ends writing
		failed = cause
	}
	if failed == nil {
		failed = t.compare(ctx)
	}
	return t.copied, failed
}

// Finish removes the mark: all is there.
func (t *Transfer) Finish(ctx context.Context) error {
	return t.to.DeleteDocument(ctx, markKind, arriving)
}

// write writes a batch, all of it durable.
func (t *Transfer) write(ctx context.Context, b *batch) error {
	for _, d := range b.documents {
		stored, err := t.to.EnsureDocument(ctx, d.kind, d.Key, d.Value)
		if err == nil && !bytes.Equal(stored, d.Value) {
			err = fmt.Errorf("%w: somebody wrote document %q of kind %q meanwhile", ErrNotEmpty, d.Key, d.kind)
		}
		if err != nil {
			return err
		}
	}
	if len(b.writes) > 0 {
		err := t.to.Commit(ctx, b.writes...)
		if errors.Is(err, store.ErrConflict) {
			err = fmt.Errorf("%w: somebody wrote to it meanwhile", ErrNotEmpty)
		}
		if err != nil {
			return err
		}
	}
	if len(b.logs) > 0 {
		if err := t.to.AppendLog(ctx, b.logs...); err != nil {
			return err
		}
	}
	for _, l := range b.logs {
		t.copied.Lines += int64(len(l.Lines))
	}
	for _, w := range b.writes {
		t.copied.Entries++
		if r := w.Row; r != nil {
			t.copied.Executions++
			t.counts[store.Count{Function: r.Function, Version: r.Version, Status: r.Status}]++
		}
	}
	t.copied.Documents += int64(len(b.documents))
	t.told(t.copied)
	return nil
}

// compare compares the number of executions in the target with those that were copied.
func (t *Transfer) compare(ctx context.Context) error {
	got, err := t.to.Count(ctx, store.Query{}, store.Grouping{Function: true, Status: true})
	if err != nil {
		return err
	}
	want := maps.Clone(t.counts)
	for _, c := range got {
		n := c.N
		c.N = 0
		if want[c] != n {
			return fmt.Errorf("%s:%s has %d executions that are %s, and should have %d", c.Function, c.Version, n,
				c.Status, want[c])
		}
		delete(want, c)
	}
	for _, c := range slices.Collect(maps.Keys(want)) {
		return fmt.Errorf("%d executions of %s:%s that are %s did not arrive", want[c], c.Function, c.Version, c.Status)
	}
	return nil
}
