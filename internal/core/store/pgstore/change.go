package pgstore

import (
	"slices"
	"strings"

	"github.com/perdure/perdure/internal/core/store"
)

// change is what a job does to one execution.
type change struct {
	id      string
	entries []store.Entry
	created *store.Row // with entry 1, as it is after the job
	row     *store.Row // otherwise; nil leaves it
	calls   []store.Call
}

// changesOf gathers writes by execution. It fails with a conflict if they contradict each other.
func changesOf(writes []store.Write) ([]change, error) {
	changes := make([]change, 0, len(writes))
	var places map[string]int // of ids in changes
	var names map[[2]string]bool
	if len(writes) > 1 {
		places, names = make(map[string]int, len(writes)), map[[2]string]bool{}
	}
	for i := range writes {
		w := &writes[i]
		at, known := places[w.ID]
		if !known {
			if at = len(changes); places != nil {
				places[w.ID] = at
			}
			changes = append(changes, change{id: w.ID})
		}
		if w.Entry.Seq == 1 && names != nil {
			name := [2]string{w.Row.Function, w.Row.Name}
			if names[name] {
				return nil, store.ErrConflict
			}
			names[name] = true
		}
		if err := changes[at].add(w); err != nil {
			return nil, err
		}
	}
	return changes, nil
}

// add adds a write of the same execution.
func (c *change) add(w *store.Write) error {
	if n := len(c.entries); n > 0 && w.Entry.Seq != c.entries[n-1].Seq+1 {
		return store.ErrConflict
	}
	c.entries = append(c.entries, w.Entry)
	switch {
	case w.Row == nil:
	case w.Entry.Seq == 1:
		row := *w.Row
		c.created = &row
	case c.created != nil:
		setState(c.created, w.Row)
	default:
		c.row = w.Row
	}
	for _, call := range w.Calls {
		c.setCall(call)
	}
	return nil
}

// setState takes over what later rows change.
func setState(r, from *store.Row) {
	r.Status, r.Closed, r.Due, r.Wanted, r.Expires = from.Status, from.Closed, from.Due, from.Wanted, from.Expires
	r.Doing, r.Since = from.Doing, from.Since
	r.Error, r.Message, r.Redriven = from.Error, from.Message, from.Redriven
	if from.Owner != store.KeepOwner {
		r.Owner = from.Owner
	}
}

// setCall adds a call, in place of an earlier one of the same operation.
func (c *change) setCall(call store.Call) {
	for i := range c.calls {
		if c.calls[i].Operation == call.Operation {
			c.calls[i] = call
			return
		}
	}
	c.calls = append(c.calls, call)
}

// outcome is that of a job, given the executions to which something was appended.
func (j *job) outcome(appended map[string]bool) error {
	if !appended[j.changes[0].id] {
		return store.ErrConflict
	}
	return nil
}

// arrays are the values of a group.
type arrays struct {
	entries struct {
		job          []int64
		id           []string
		seq, before  []int64
		sum          []int64
		data         [][]byte
		fresh, whole []bool
	}
	creations struct {
		job                               []int64
		id, arn, function, version, named []string
		started                           []int64
		tags                              []string
		inputHash                         [][]byte
		sum                               []int64
		states
	}
	rows struct {
		id []string
		states
	}
	calls struct {
		id, operation, function, version []string
		wanted, owner                    []int64
	}
	tags struct{ key, value, id []string }
}

// states are the changeable members of rows.
type states struct {
	status                                                    []string
	closed, due, wanted, expires, doing, since, owner, sumNow []int64
	err, message                                              []string
	redriven                                                  []bool
}

func (s *states) add(r *store.Row, state uint32) {
	s.status = append(s.status, string(r.Status))
	s.closed, s.due = append(s.closed, int64(r.Closed)), append(s.due, int64(r.Due))
	s.wanted, s.expires = append(s.wanted, int64(r.Wanted)), append(s.expires, int64(r.Expires))
	s.doing, s.since = append(s.doing, int64(r.Doing)), append(s.since, int64(r.Since))
	s.err, s.message = append(s.err, r.Error), append(s.message, r.Message)
	s.redriven = append(s.redriven, r.Redriven)
	s.owner, s.sumNow = append(s.owner, int64(r.Owner)), append(s.sumNow, int64(state))
}

func (s *states) args() []any {
	return []any{s.status, s.closed, s.due, s.wanted, s.expires, s.doing, s.since, s.owner, s.err, s.message,
		s.redriven, s.sumNow}
}

// arraysOf gathers the values of a group, ordered by execution, so that two transactions lock in one order.
func arraysOf(group []*job) *arrays {
	group = slices.Clone(group) // the leader's is the first
	for _, j := range group {
		slices.SortFunc(j.changes, func(a, b change) int { return strings.Compare(a.id, b.id) })
	}
	slices.SortFunc(group, func(a, b *job) int { return strings.Compare(a.changes[0].id, b.changes[0].id) })
	a := &arrays{}
	for n, j := range group {
		whole := len(j.changes) > 1 || len(j.changes[0].entries) > 1 || j.changes[0].created != nil
		for i := range j.changes {
			a.add(int64(n), &j.changes[i], whole)
		}
	}
	return a
}

func (a *arrays) add(job int64, c *change, whole bool) {
	e := &a.entries
	for i := range c.entries {
		entry := &c.entries[i]
		before := int64(0)
		if i == 0 {
			before = entry.Seq - 1
		}
		e.job, e.id = append(e.job, job), append(e.id, c.id)
		e.seq, e.before = append(e.seq, entry.Seq), append(e.before, before)
		e.sum, e.data = append(e.sum, int64(entry.Sum(c.id))), append(e.data, blob(entry.Data))
		e.fresh, e.whole = append(e.fresh, c.created != nil), append(e.whole, whole)
	}
	if r := c.created; r != nil {
		identity, state := r.Sums()
		n := &a.creations
		n.job, n.id, n.arn = append(n.job, job), append(n.id, r.ID), append(n.arn, r.ARN)
		n.function, n.version = append(n.function, r.Function), append(n.version, r.Version)
		n.named, n.started = append(n.named, r.Name), append(n.started, int64(r.Started))
		n.tags = append(n.tags, r.TagText())
		for key, value := range r.Tags {
			g := &a.tags
			g.key, g.value, g.id = append(g.key, key), append(g.value, value), append(g.id, r.ID)
		}
		n.inputHash, n.sum = append(n.inputHash, r.InputHash[:]), append(n.sum, int64(identity))
		n.states.add(r, state)
	}
	if r := c.row; r != nil {
		_, state := r.Sums()
		a.rows.id = append(a.rows.id, r.ID)
		a.rows.states.add(r, state)
	}
	for _, call := range c.calls {
		k := &a.calls
		k.id, k.operation = append(k.id, c.id), append(k.operation, call.Operation)
		k.function, k.version = append(k.function, call.Function), append(k.version, call.Version)
		k.wanted, k.owner = append(k.wanted, int64(call.Wanted)), append(k.owner, int64(call.Owner))
	}
}

// args are the parameters of the statement, in the order of its tables and their columns.
func (a *arrays) args() []any {
	e := &a.entries
	args := []any{e.job, e.id, e.seq, e.before, e.sum, e.data, e.fresh, e.whole}
	if n := &a.creations; len(n.id) > 0 {
		args = append(args, n.job, n.id, n.arn, n.function, n.version, n.named, n.started, n.tags, n.inputHash,
			n.sum)
		args = append(args, n.states.args()...)
	}
	if r := &a.rows; len(r.id) > 0 {
		args = append(append(args, r.id), r.states.args()...)
	}
	if k := &a.calls; len(k.id) > 0 {
		args = append(args, k.id, k.operation, k.function, k.version, k.wanted, k.owner)
	}
	if g := &a.tags; len(g.id) > 0 {
		args = append(args, g.key, g.value, g.id)
	}
	return args
}
