package sqlitestore

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/sqlwhere"
	"github.com/perdure/perdure/protocol"
)

// A list walks one index in the order of ids and stops when it has enough. The index holds most members of a row
// that a query may restrict, so rows that do not match need no look-up. What few executions have, a name, a tag or an
// error, is looked up first.

// List implements [store.Store].
func (s *Store) List(ctx context.Context, q store.Query) ([]*store.Row, error) {
	if err := q.Check(); err != nil {
		return nil, err
	}
	candidates, few, err := s.readers.few(ctx, &q, false)
	if err != nil || few && len(candidates) == 0 {
		return nil, s.readers.fault(err)
	}
	return s.readers.list(ctx, &q, candidates)
}

// All functions, found one after the other in an index.
const sqlFunctions = `WITH RECURSIVE functions (function) AS (
		SELECT min(function) FROM executions
		UNION ALL
		SELECT (SELECT min(function) FROM executions e WHERE e.function > functions.function)
		FROM functions WHERE functions.function IS NOT NULL)`

const (
	sqlCandidates = sqlFunctions + ` SELECT id FROM functions
		CROSS JOIN executions INDEXED BY executions_name ON executions.function = functions.function
		WHERE name >= $2 AND name <= $3 AND name LIKE $4 ESCAPE '\' LIMIT $1`
	sqlCandidatesOf = `SELECT id FROM executions INDEXED BY executions_name
		WHERE name >= $2 AND name <= $3 AND name LIKE $4 ESCAPE '\' AND function = $5 LIMIT $1`
	sqlTagged = `SELECT execution FROM tags WHERE key = $2 AND value = $3 LIMIT $1`
	sqlErring = `SELECT id FROM executions INDEXED BY executions_error
		WHERE status IN ('FAILED', 'TIMED_OUT', 'STOPPED') AND error = $2 LIMIT $1`
)

var lookups = sqlwhere.Lookups{
	Named: sqlCandidates, NamedOf: sqlCandidatesOf, Tagged: sqlTagged, Erring: sqlErring,
}

// few looks for a member of q that few executions have, and returns the ids of these. Without one, few is false.
func (r *reader) few(ctx context.Context, q *store.Query, counts bool) (ids []string, few bool, err error) {
	return lookups.Few(q, counts, func(query string, args ...any) ([]string, error) {
		return r.ids(ctx, query, args...)
	})
}

func (r *reader) ids(ctx context.Context, query string, args ...any) (ids []string, err error) {
	rows, err := r.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
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
	"executions_error":   "status IN ('FAILED', 'TIMED_OUT', 'STOPPED')",
}

// indexed is the rows of an index, for more conditions.
func indexed(index string) string {
	return "executions INDEXED BY " + index + " WHERE " + cmp.Or(partial[index], "TRUE")
}

// walked names the index that a list without candidates walks; empty is the table itself. Most executions end
// SUCCEEDED, so a function's are found sooner in its own index than in that of the status. What has a tag is found
// sooner by its status, or by what it does, if that is asked for, too.
func walked(q *store.Query) string {
	switch {
	case q.Doing != 0 || q.Since != 0 || q.Ranked() || slices.Equal(q.Statuses, runs):
		return "executions_running"
	case len(q.Statuses) > 0 && !slices.Contains(q.Statuses, protocol.ExecutionSucceeded),
		len(q.Statuses) > 0 && q.Function == "" && len(q.Tags) == 0:
		return "executions_status"
	case len(q.Tags) > 0:
		return "tags"
	case q.Function != "":
		return "executions_function"
	}
	return ""
}

// listing writes q in SQL. The walk of an index is a query of its own, so that SQLite does not look up rows that do
// not match.
func listing(q *store.Query, candidates []string) (string, []any) {
	c := conditionsOf(q)
	order := c.Order(q)
	index := walked(q)
	if len(candidates) > 0 {
		index = ""
		ids, _ := json.Marshal(candidates) // strings cannot fail
		c.Add("id IN (SELECT value FROM json_each($%d))", string(ids))
	}
	if index == "tags" {
		return walkingTag(q, c), c.Args
	}
	c.Args = append(c.Args, q.Limit)
	tail := fmt.Sprintf("%s ORDER BY %s LIMIT $%d", c, order, len(c.Args))
	if index == "" {
		return "SELECT " + columns + " FROM executions WHERE " + tail, c.Args
	}
	return fmt.Sprintf("SELECT %s FROM executions WHERE id IN (SELECT id FROM %s AND %s) ORDER BY %s",
		columns, indexed(index), tail, order), c.Args
}

// walkingTag writes a list of what has a tag, and perhaps others.
func walkingTag(q *store.Query, c *sqlwhere.Conditions) string {
	direction := " DESC"
	if q.OldestFirst {
		direction = ""
	}
	key := slices.Min(slices.Collect(maps.Keys(q.Tags)))
	c.Add("first.key = $%d", key)
	c.Add("first.value = $%d", q.Tags[key])
	c.Bounds("first.execution", q)
	c.Args = append(c.Args, q.Limit)
	return fmt.Sprintf("SELECT %s FROM tags first CROSS JOIN executions ON id = first.execution WHERE %s "+
		"ORDER BY first.execution%s LIMIT $%d", columns, c, direction, len(c.Args))
}

func conditionsOf(q *store.Query) *sqlwhere.Conditions {
	c := sqlwhere.Of(q, "tags")
	if len(q.Statuses) == 1 { // with equality SQLite sees the index's order
		c.Add("status = $%d", string(q.Statuses[0]))
		return c
	}
	var places []string
	for _, status := range q.Statuses {
		c.Args = append(c.Args, string(status))
		places = append(places, fmt.Sprintf("$%d", len(c.Args)))
	}
	if len(places) > 0 {
		c.All = append(c.All, "status IN ("+strings.Join(places, ", ")+")")
	}
	return c
}
