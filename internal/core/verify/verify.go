// Package verify checks a store against the state machine: can every journal be read and folded, does it keep the
// rules and agree with its row, and do executions that wait for each other do so on both sides?
package verify

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// Problem is a fault in a store.
type Problem struct {
	// Execution is the ARN of the execution, or its id; empty if the problem is the store's.
	Execution string
	Text      string
}

// Summary counts what was checked.
type Summary struct {
	Executions, Open, Entries, Events, Problems int64
}

// Options say how to look. The zero value is for a store that nobody writes to.
type Options struct {
	// Rules are those under which the executions ran.
	Rules *machine.Rules
	// Hold keeps an execution from changing until release is called; nil if nobody would change it.
	Hold func(id string) (release func())
}

// A checker is a store that can look for damage of its own kind.
type checker interface {
	// Check yields each damaged thing. An error ends the sequence.
	Check(ctx context.Context) iter.Seq2[string, error]
}

// Store checks everything in a store and calls found for each problem. The error is one of reading; data that
// cannot be understood is a problem.
func Store(ctx context.Context, st store.Reader, opts Options, found func(Problem)) (Summary, error) {
	v := &verifier{ctx: ctx, store: st, opts: opts, found: found}
	if v.opts.Hold == nil {
		v.opts.Hold = func(string) func() { return func() {} }
	}
	if err := v.checkStore(); err != nil {
		return v.summary, err
	}
	const page = 500
	for q := (store.Query{OldestFirst: true, Limit: page}); ; {
		rows, err := st.List(ctx, q)
		if err != nil {
			return v.summary, err
		}
		for _, row := range rows {
			q.After = row.ID
			if row.Damaged {
				v.problem(row.ID, "the row is damaged")
				continue
			}
			if err := v.execution(row.ID); err != nil {
				return v.summary, err
			}
		}
		if len(rows) < page {
			return v.summary, nil
		}
	}
}

type verifier struct {
	ctx     context.Context
	store   store.Reader
	opts    Options
	found   func(Problem)
	summary Summary
}

func (v *verifier) problem(execution, format string, args ...any) {
	v.summary.Problems++
	v.found(Problem{execution, fmt.Sprintf(format, args...)})
}

func (v *verifier) checkStore() error {
	c, ok := v.store.(checker)
	if !ok {
		return nil
	}
	for text, err := range c.Check(v.ctx) {
		if err != nil {
			return err
		}
		v.problem("", "%s", text)
	}
	return nil
}

// execution checks one execution. One that is gone by now is no problem.
func (v *verifier) execution(id string) error {
	row, x, problems, err := v.read(id)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	v.summary.Executions++
	for _, text := range problems {
		v.problem(row.ARN, "%s", text)
	}
	if x == nil {
		return nil
	}
	v.summary.Entries += x.Entries()
	v.summary.Events += x.Events()
	if !x.Status().Closed() {
		v.summary.Open++
	}
	for opID, child := range x.Children() {
		if err := v.child(id, row.ARN, opID, child); err != nil {
			return err
		}
	}
	return nil
}

// read reads an execution while it cannot change, and its problems in itself. The execution is nil if its journal
// cannot be understood.
func (v *verifier) read(id string) (*store.Row, *machine.Execution, []string, error) {
	defer v.opts.Hold(id)()
	row, err := v.store.Row(v.ctx, id)
	if err != nil {
		return nil, nil, nil, err
	}
	loader, auditor := machine.Load(v.opts.Rules), machine.Auditor{}
	last := int64(0)
	for entry, err := range v.store.Journal(v.ctx, id, store.Range{}) {
		if damaged, ok := errors.AsType[*store.DamagedError](err); ok {
			return row, nil, []string{damaged.What + " is damaged"}, nil
		}
		if err != nil {
			return nil, nil, nil, err
		}
		if last++; entry.Seq != last {
			return row, nil, []string{fmt.Sprintf("entry %d of the journal is missing", last)}, nil
		}
		if err := loader.Add(entry.Data); err != nil {
			return row, nil, []string{fmt.Sprintf("the journal cannot be understood: %v", err)}, nil
		}
		records, err := machine.Decode(entry.Data)
		if err != nil {
			return nil, nil, nil, err // the loader has just read it
		}
		for i := range records {
			auditor.Add(&records[i])
		}
	}
	x, err := loader.Execution()
	if err != nil {
		return row, nil, []string{fmt.Sprintf("the journal cannot be understood: %v", err)}, nil
	}
	calls, err := v.store.Calls(v.ctx, id)
	if err != nil {
		return nil, nil, nil, err
	}
	return row, x, slices.Concat(auditor.Problems(x), compare(row, x), compareCalls(calls, x)), nil
}

// compareCalls says where the stored calls differ from the calls that the execution waits for.
func compareCalls(stored []store.Call, x *machine.Execution) (problems []string) {
	awaited := x.Calls()
	for _, c := range stored {
		target := awaited[c.Operation]
		delete(awaited, c.Operation)
		switch {
		case target == nil:
			problems = append(problems, fmt.Sprintf("a call of function %s is to be made for operation %s, which "+
				"waits for none", c.Function, c.Operation))
		case target.Version != c.Version || !strings.Contains(":"+target.Function+":", ":"+c.Function+":"):
			problems = append(problems, fmt.Sprintf("operation %s calls %s in version %s, and is to call %s:%s",
				c.Operation, target.Function, target.Version, c.Function, c.Version))
		}
	}
	for _, opID := range slices.Sorted(maps.Keys(awaited)) {
		problems = append(problems, fmt.Sprintf("operation %s waits for a call of %s that nobody will make", opID,
			awaited[opID].Function))
	}
	return problems
}

// compare says where a row differs from its journal.
func compare(row *store.Row, x *machine.Execution) []string {
	var problems []string
	differ := func(what string, got, want any) {
		if got != want {
			problems = append(problems, fmt.Sprintf("%s is %v in the index, and %v by the journal", what, got, want))
		}
	}
	arn := x.Identity().ARN
	differ("the ARN", row.ARN, arn.String())
	differ("the id", row.ID, arn.ID)
	differ("the function", row.Function+":"+row.Version, arn.Function+":"+arn.Version)
	differ("the name", row.Name, arn.Name)
	differ("the tags", row.TagText(), (&store.Row{Tags: x.Identity().Tags}).TagText())
	differ("the status", row.Status, x.Status())
	differ("the start", row.Started, x.Started())
	differ("the end", row.Closed, x.Closed())
	differ("what it does", machine.Doing(row.Doing), x.Doing())
	differ("since when it does so", row.Since, x.Since())
	differ("when it is due", row.Due, x.Due())
	differ("from when on an invocation is wanted", row.Wanted, x.Wanted())
	differ("when it expires", row.Expires, x.Expires())
	differ("whether it was redriven", row.Redriven, x.Redriven())
	differ("the hash of the input", fmt.Sprintf("%x", row.InputHash), fmt.Sprintf("%x", x.InputHash()))
	return problems
}

func isDamaged(err error) bool {
	_, ok := errors.AsType[*store.DamagedError](err)
	return ok
}

// child checks the other side of an open chained invoke.
func (v *verifier) child(parentID, parentARN, opID, childARN string) error {
	wrong, err := v.wrongWithChild(parentARN, opID, childARN)
	if wrong == "" || err != nil {
		return err
	}
	// The parent may have heard of the outcome meanwhile: it hears of it before the child knows.
	_, x, _, err := v.read(parentID)
	if errors.Is(err, store.ErrNotFound) || err == nil && (x == nil || x.Children()[opID] != childARN) {
		return nil
	}
	if err == nil {
		v.problem(parentARN, "operation %s waits for %s, which %s", opID, childARN, wrong)
	}
	return err
}

func (v *verifier) wrongWithChild(parentARN, opID, childARN string) (string, error) {
	arn, err := protocol.ParseARN(childARN)
	if err != nil {
		return "is not the name of an execution", nil
	}
	_, x, _, err := v.read(arn.ID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return "does not exist", nil
	case err == nil && x == nil, isDamaged(err): // it has its own problem
		return "", nil
	case err != nil:
		return "", err
	case x.Identity().ParentARN != parentARN || x.Identity().ParentOperation != opID:
		return "was not started by it", nil
	case x.Status().Closed() && !x.OwesParent():
		return "has ended and told of it", nil
	}
	return "", nil
}
