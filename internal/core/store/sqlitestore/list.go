package sqlitestore

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// A list walks one index in the order of ids and stops when it has enough. The index holds most members of a row
// that a query may restrict, so rows that do not match need no look-up. Names are looked up first, if few
// executions have them.

// List implements [store.Store].
func (s *Store) List(ctx context.Context, q store.Query) ([]*store.Row, error) {
	if err := q.Check(); err != nil {
		return nil, err
	}
	var candidates []string
	if q.Name != "" || q.NamePrefix != "" {
		var err error
		if candidates, err = s.readers.candidates(ctx, &q); err != nil {
			return nil, s.readers.fault(err)
		}
		if len(candidates) == 0 {
			return nil, nil
		}
	}
	if len(candidates) > maxCandidates {
		candidates = nil // too many
	}
	return s.readers.list(ctx, &q, candidates)
}

// maxCandidates is the largest number of executions of a name that are looked at one by one. With more, a walk in
// the order of ids soon meets enough of them.
const maxCandidates = 1000

// All functions, found one after the other in an index.
const sqlFunctions = `WITH RECURSIVE functions (function) AS (
		SELECT min(function) FROM executions
		UNION ALL
		SELECT (SELECT min(function) FROM executions e WHERE e.function > functions.function)
		FROM functions WHERE functions.function IS NOT NULL)`

const (
	sqlCandidates = sqlFunctions + ` SELECT id FROM functions
		CROSS JOIN executions INDEXED BY executions_name ON executions.function = functions.function
		WHERE name >= $1 AND name <= $2 LIMIT $3`
	sqlCandidatesOf = `SELECT id FROM executions INDEXED BY executions_name
		WHERE name >= $1 AND name <= $2 AND function = $4 LIMIT $3`
)

// candidates returns the ids of executions with the name that q asks for: at most maxCandidates and one more.
// Without a function in q, of all functions.
func (r *reader) candidates(ctx context.Context, q *store.Query) ([]string, error) {
	first, last := q.Name, q.Name
	if q.Name == "" {
		first, last = q.NamePrefix, q.NamePrefix+"\U0010FFFF"
	}
	query, args := sqlCandidates, []any{first, last, maxCandidates + 1}
	if q.Function != "" {
		query, args = sqlCandidatesOf, append(args, q.Function)
	}
	rows, err := r.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// list reads the rows that q selects, among the candidates if there are any. In the index by status, several
// statuses together are not in order, and those that run are not in it, so each status is read by itself.
func (r *reader) list(ctx context.Context, q *store.Query, candidates []string) ([]*store.Row, error) {
	if len(q.Statuses) < 2 || len(candidates) > 0 || walked(q) != "executions_status" {
		query, args := listing(q, candidates)
		rows, err := r.db.QueryContext(ctx, query, args...)
		return r.all(rows, err)
	}
	var found []*store.Row
	for _, status := range slices.Compact(slices.Sorted(slices.Values(q.Statuses))) {
		one := *q
		one.Statuses = []protocol.ExecutionStatus{status}
		rows, err := r.list(ctx, &one, nil)
		if err != nil {
			return nil, err
		}
		found = append(found, rows...)
	}
	slices.SortFunc(found, func(a, b *store.Row) int { return strings.Compare(a.ID, b.ID) })
	if !q.OldestFirst {
		slices.Reverse(found)
	}
	return found[:min(q.Limit, len(found))], nil
}

// runs are the statuses of rows that are in executions_running whatever they do.
var runs = []protocol.ExecutionStatus{protocol.ExecutionRunning}

// partial are the conditions of partial indexes. With the same literals in a query the planner may use the index.
var partial = map[string]string{
	"executions_running": "(status = 'RUNNING' OR doing > 0)",
	"executions_status":  "status <> 'RUNNING'",
}

// indexed is the rows of an index, for more conditions.
func indexed(index string) string {
	return "executions INDEXED BY " + index + " WHERE " + cmp.Or(partial[index], "TRUE")
}

// walked names the index that a list without candidates walks; empty is the table itself. Most executions end
// SUCCEEDED, so a function's are found sooner in its own index than in that of the status.
func walked(q *store.Query) string {
	switch {
	case q.Doing != 0 || q.Since != 0 || slices.Equal(q.Statuses, runs):
		return "executions_running"
	case len(q.Statuses) > 0 && (q.Function == "" || !slices.Contains(q.Statuses, protocol.ExecutionSucceeded)):
		return "executions_status"
	case q.Function != "":
		return "executions_function"
	}
	return ""
}

// listing writes q in SQL. The walk of an index is a query of its own, so that SQLite does not look up rows that do
// not match.
func listing(q *store.Query, candidates []string) (string, []any) {
	c := conditionsOf(q)
	order := "DESC"
	if q.OldestFirst {
		order = "ASC"
	}
	index := walked(q)
	if len(candidates) > 0 {
		index = ""
		ids, _ := json.Marshal(candidates) // strings cannot fail
		c.add("id IN (SELECT value FROM json_each($%d))", string(ids))
	}
	c.args = append(c.args, q.Limit)
	tail := fmt.Sprintf("%s ORDER BY id %s LIMIT $%d", strings.Join(c.all, " AND "), order, len(c.args))
	if index == "" {
		return "SELECT " + columns + " FROM executions WHERE " + tail, c.args
	}
	return fmt.Sprintf("SELECT %s FROM executions WHERE id IN (SELECT id FROM %s AND %s) ORDER BY id %s",
		columns, indexed(index), tail, order), c.args
}

type conditions struct {
	all  []string
	args []any
}

// add appends a condition with one argument, whose number is its %d.
func (c *conditions) add(condition string, arg any) {
	c.args = append(c.args, arg)
	c.all = append(c.all, fmt.Sprintf(condition, len(c.args)))
}

func conditionsOf(q *store.Query) *conditions {
	c := &conditions{all: []string{"TRUE"}}
	for _, text := range []struct{ condition, value string }{
		{"function = $%d", q.Function}, {"version = $%d", q.Version}, {"name = $%d", q.Name},
	} {
		if text.value != "" {
			c.add(text.condition, text.value)
		}
	}
	if q.NamePrefix != "" {
		c.add("substr(name, 1, length($%[1]d)) = $%[1]d", q.NamePrefix)
	}
	c.statuses(q.Statuses)
	if q.Doing != 0 || q.Since != 0 {
		c.all = append(c.all, "doing > 0")
	}
	if q.Doing != 0 {
		c.add("doing & $%d != 0", int64(q.Doing))
	}
	if q.Since != 0 {
		c.add("since < $%d", int64(q.Since))
	}
	c.bounds(q)
	return c
}

func (c *conditions) statuses(statuses []protocol.ExecutionStatus) {
	if len(statuses) == 1 { // with equality SQLite sees the index's order
		c.add("status = $%d", string(statuses[0]))
		return
	}
	var places []string
	for _, status := range statuses {
		c.args = append(c.args, string(status))
		places = append(places, fmt.Sprintf("$%d", len(c.args)))
	}
	if len(places) > 0 {
		c.all = append(c.all, "status IN ("+strings.Join(places, ", ")+")")
	}
}

func (c *conditions) bounds(q *store.Query) {
	behind, before := "id < $%d", "id > $%d"
	if q.OldestFirst {
		behind, before = before, behind
	}
	if q.After != "" {
		c.add(behind, q.After)
	}
	if q.Until != "" {
		c.add(before, q.Until)
	}
}
