package engine

import (
	"cmp"
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
	q, err := e.query(ctx, req)
	if err != nil {
		return nil, "", err
	}
	last, max := "", pageSize(req.MaxItems)
	q.Limit = max + 1
	for {
		rows, err := e.ledger.store.List(ctx, q)
		if err != nil {
			return nil, "", err
		}
		for _, row := range rows {
			if len(items) == max {
				return items, e.seals.listMarker(last, &q), nil
			}
			if row.Damaged || !isExecutionID(row.ID) {
				if row, err = e.ledger.rebuilt(ctx, row.ID); err != nil {
					continue // lists go on without it
				}
			}
			if s := e.functions.summary(row); wanted(req.Doing, s.Doing) {
				items = append(items, s)
				last = row.ID
			}
		}
		if len(rows) < q.Limit {
			return items, "", nil
		}
		q.After = rows[len(rows)-1].ID
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

// query turns a request into one of the store.
func (e *Engine) query(ctx context.Context, req *ListRequest) (store.Query, error) {
	q := store.Query{Name: req.Name, Statuses: req.Statuses, Since: req.Since, OldestFirst: req.OldestFirst}
	if err := req.check(); err != nil {
		return q, err
	}
	if prefix, isPattern := strings.CutSuffix(req.Name, "*"); isPattern {
		q.Name, q.NamePrefix = "", prefix
	}
	for _, a := range req.Doing {
		q.Doing |= uint32(doings[a])
	}
	if req.Function != "" {
		var err error
		if q.Function, q.Version, err = e.functions.home.parseRef(req.Function, req.Qualifier); err != nil {
			return q, err
		}
		if a := e.functions.alias(q.Function, q.Version); a != nil {
			q.Version = a.Version
		}
	}
	last, err := e.seals.readListMarker(req.Marker, &q)
	if err != nil {
		return q, err
	}
	between(&q, req, last)
	if q.Function == "" {
		return q, nil
	}
	return q, e.functions.mustBeKnown(ctx, q.Function, q.Version)
}

// between restricts q to executions that started within the request's bounds and stand behind the last one of the
// page before. All three bounds are ids.
func between(q *store.Query, req *ListRequest, before string) {
	var first, last string // exclusive, ascending; empty is unbounded
	if req.StartedAfter != 0 {
		first = lastBefore(req.StartedAfter + 1)
	}
	if req.StartedBefore != 0 {
		last = lastBefore(req.StartedBefore)
	}
	if q.OldestFirst {
		q.After, q.Until = max(first, before), last
		return
	}
	q.After, q.Until = cmp.Or(last, before), first
	if before != "" {
		q.After = min(q.After, before)
	}
}

func (fs *Functions) summary(row *store.Row) Summary {
	s := Summary{
		ARN: row.ARN, Name: row.Name, Status: row.Status, Started: row.Started, Closed: row.Closed,
		Doing: fs.activities(row), Since: row.Since,
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

// CountOpen counts the open executions of each function version that has any, registered or not.
func (e *Engine) CountOpen(ctx context.Context) ([]OpenCount, error) {
	counts, err := e.ledger.store.Count(ctx, openStatuses())
	if err != nil {
		return nil, err
	}
	var open []OpenCount
	for _, c := range counts {
		if last := len(open) - 1; last >= 0 && open[last].Function == c.Function && open[last].Version == c.Version {
			open[last].N += c.N // another status
			continue
		}
		open = append(open, OpenCount{c.Function, c.Version, c.N})
	}
	return open, nil
}
