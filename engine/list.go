package engine

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// Activity is one of the things that an execution may be doing.
type Activity string

// What executions do. One may do several things at a time.
const (
	Running  Activity = "running"  // an invocation is in flight
	Queued   Activity = "queued"   // an invocation waits for a place, or for its function to be registered
	Retrying Activity = "retrying" // a step or an invocation failed and is tried again
	Waiting  Activity = "waiting"  // for a moment
	Callback Activity = "callback" // for a callback
	Invoke   Activity = "invoke"   // for another function
	Paused   Activity = "paused"   // until somebody resumes it

	// Unregistered is Queued for a function that is not registered.
	Unregistered Activity = "unregistered"
)

// Activities are all of them, the more telling ones first.
var Activities = []Activity{Running, Paused, Unregistered, Retrying, Queued, Callback, Invoke, Waiting}

// doings are their names in the state machine.
var doings = map[Activity]machine.Doing{
	Running: machine.Running, Queued: machine.Queued, Retrying: machine.Retrying,
	Waiting: machine.Waiting, Paused: machine.Paused, Callback: machine.Callback, Invoke: machine.Invoke,
	Unregistered: machine.Queued, // and activities asks the functions
}

// activities returns what an execution is doing, by its row.
func (fs *Functions) activities(row *store.Row) []Activity {
	var all []Activity
	for _, a := range Activities {
		isDoing := machine.Doing(row.Doing)&doings[a] != 0
		if isDoing && (a != Unregistered || fs.runnable(row.Function, row.Version) == nil) {
			all = append(all, a)
		}
	}
	return all
}

// List returns a page of executions, newest first unless asked otherwise. next is empty on the last page. A function
// that is not registered and has no executions is a ResourceNotFoundException.
func (e *Engine) List(ctx context.Context, req *ListRequest) (items []Summary, next string, err error) {
	q, err := e.query(ctx, &req.Filter)
	if err != nil {
		return nil, "", err
	}
	q.OldestFirst = req.OldestFirst
	l, err := e.seals.readListMarker(req, &q)
	if err != nil {
		return nil, "", err
	}
	max := pageSize(req.MaxItems)
	for {
		q := l.page(max + 1)
		rows, err := e.ledger.store.List(ctx, q)
		if err != nil {
			return nil, "", err
		}
		for _, row := range rows {
			if len(items) == max {
				return items, e.seals.listMarker(l), nil
			}
			stored := row
			if row.Damaged || !isExecutionID(row.ID) {
				if row, err = e.ledger.rebuilt(ctx, row.ID); err != nil {
					continue // lists go on without it
				}
			}
			if s := e.functions.summary(row); l.wants(row) && wanted(req.Doing, s.Doing) {
				s.Stage = l.shown()
				items = append(items, s)
				l.passed(stored)
			}
		}
		if len(rows) == q.Limit && l.passed(rows[len(rows)-1]) {
			continue
		}
		if !l.nextStage() {
			return items, "", nil
		}
	}
}

// Named returns the execution of a function that has a name, or a ResourceNotFoundException.
func (e *Engine) Named(ctx context.Context, function, name string) (Summary, error) {
	function, _, err := e.functions.home.parseRef(function, "")
	if err != nil {
		return Summary{}, err
	}
	row, err := e.ledger.store.Named(ctx, function, name)
	if damaged, ok := errors.AsType[*store.DamagedError](err); ok {
		row, err = e.ledger.rebuilt(ctx, damaged.ID)
	}
	if errors.Is(err, store.ErrNotFound) {
		err = protocol.Errorf(protocol.CodeNotFound, "There is no execution %s of function %s.", clip(name), function)
	}
	if err != nil {
		return Summary{}, err
	}
	return e.functions.summary(row), nil
}

// wanted reports whether an execution does one of the wanted things. The store does not know which functions are
// registered.
func wanted(want, doing []Activity) bool {
	return len(want) == 0 || slices.ContainsFunc(want, func(a Activity) bool { return slices.Contains(doing, a) })
}

// query turns a filter into a query of the store.
func (e *Engine) query(ctx context.Context, f *Filter) (store.Query, error) {
	q := store.Query{
		Name: f.Name, Statuses: f.Statuses, Since: f.Since, Error: oneLine(f.Error, maxRowError), Tags: f.Tags,
	}
	if err := f.check(); err != nil {
		return q, err
	}
	if strings.Trim(q.Name, "*") == "" {
		q.Name = ""
	}
	if f.Redriven != "" {
		q.Redriven = new(f.Redriven == RedrivenYes)
	}
	if (q.Error != "" || f.Redriven == RedrivenYes) && len(q.Statuses) == 0 {
		q.Statuses = []protocol.ExecutionStatus{
			protocol.ExecutionFailed, protocol.ExecutionTimedOut, protocol.ExecutionStopped,
		}
	}
	for _, a := range f.Doing {
		q.Doing |= uint32(doings[a])
	}
	between(&q, f)
	if f.Function == "" {
		q.Version = f.Qualifier
		isVersion := q.Version == protocol.LatestVersion || strings.Trim(q.Version, "0123456789") == ""
		if !isVersion {
			return q, invalid("An alias belongs to a function: %q is no version, and no Function is given",
				clip(q.Version))
		}
		return q, nil
	}
	var err error
	if q.Function, q.Version, err = e.functions.home.parseRef(f.Function, f.Qualifier); err != nil {
		return q, err
	}
	if a := e.functions.alias(q.Function, q.Version); a != nil {
		q.Version = a.Version
	}
	return q, e.functions.mustBeKnown(ctx, q.Function, q.Version)
}

// between restricts q, newest first, to executions that started within the filter's bounds. Both are ids.
func between(q *store.Query, f *Filter) {
	if f.StartedAfter != 0 {
		q.Until = lastBefore(f.StartedAfter + 1)
	}
	if f.StartedBefore != 0 {
		q.After = lastBefore(f.StartedBefore)
	}
}

func (fs *Functions) summary(row *store.Row) Summary {
	s := Summary{
		ARN: row.ARN, Name: row.Name, Status: row.Status, Started: row.Started, Closed: row.Closed,
		Doing: fs.activities(row), Since: row.Since, Error: errorOf(row.Error), Message: row.Message, Tags: row.Tags,
		Redriven: row.Redriven,
	}
	if arn, err := protocol.ParseARN(row.ARN); err == nil {
		s.FunctionARN = arn.FunctionARN()
	}
	return s
}

// mustBeKnown refuses a function that is not registered and has no executions.
func (fs *Functions) mustBeKnown(ctx context.Context, name, version string) error {
	if err := fs.documents.fresh(ctx); err != nil {
		return err
	}
	t, err := fs.lookup(name, version, primary)
	if _, unknown := errors.AsType[*protocol.Error](err); !unknown {
		return err
	}
	rows, err := fs.store.List(ctx, store.Query{Function: name, Version: version, Limit: 1})
	if err == nil && len(rows) == 0 {
		return functionNotFound(t.arn)
	}
	return err
}

// OpenCount is how many executions of a function version are open.
type OpenCount struct {
	Function string
	Version  string
	N        int
}

// CountOpen counts the open executions of each function version that has any, registered or not. Who asks again within
// ten times as long as it takes to count gets the same answer, which nobody may change.
func (e *Engine) CountOpen(ctx context.Context) ([]OpenCount, error) {
	return e.open.get(ctx, "", func() ([]OpenCount, error) { return e.countOpen(ctx) })
}

func (e *Engine) countOpen(ctx context.Context) (open []OpenCount, err error) {
	counts, err := e.ledger.store.Count(ctx, store.Query{Statuses: openStatuses()}, store.Grouping{Function: true})
	for _, c := range counts {
		open = append(open, OpenCount{c.Function, c.Version, c.N})
	}
	return open, err
}
