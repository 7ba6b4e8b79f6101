package pgstore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/sqlwhere"
	"github.com/perdure/perdure/protocol"
)

// A list walks one index in the order of ids and stops when it has enough. Names are looked up first, if few executions
// have them.

// List implements [store.Store].
func (r *reader) List(ctx context.Context, q store.Query) ([]*store.Row, error) {
	if err := q.Check(); err != nil {
		return nil, err
	}
	candidates, few, err := r.few(ctx, &q, false)
	if err != nil || few && len(candidates) == 0 {
		return nil, err
	}
	return r.list(ctx, &q, candidates)
}

// All functions, found one after the other in an index.
const sqlFunctions = `WITH RECURSIVE functions (function) AS (
		(SELECT function FROM perdure.executions ORDER BY function LIMIT 1)
		UNION ALL
		SELECT (SELECT e.function FROM perdure.executions e WHERE e.function > f.function ORDER BY e.function LIMIT 1)
		FROM functions f WHERE f.function IS NOT NULL)`

const (
	sqlCandidatesOf = `SELECT id FROM perdure.executions WHERE function = $5 AND name >= $2 AND name <= $3
		AND name LIKE $4 ESCAPE '\' ORDER BY function, name LIMIT $1`
	sqlCandidates = sqlFunctions + ` SELECT named.id FROM functions f, LATERAL (
		SELECT id FROM perdure.executions e WHERE e.function = f.function AND e.name >= $2 AND e.name <= $3
		AND e.name LIKE $4 ESCAPE '\' ORDER BY e.function, e.name LIMIT $1) named LIMIT $1`
	sqlTagged = `SELECT execution FROM perdure.tags WHERE key = $2 AND value = $3
		ORDER BY key, value, execution LIMIT $1`
	sqlErring = `SELECT id FROM perdure.executions WHERE (` + failures + `) AND error = $2
		ORDER BY error, function, version, status, id LIMIT $1`
)

// failures is the condition of the index by errors.
const failures = "status = 'FAILED' OR status = 'TIMED_OUT' OR status = 'STOPPED'"

var lookups = sqlwhere.Lookups{
	Named: sqlCandidates, NamedOf: sqlCandidatesOf, Tagged: sqlTagged, Erring: sqlErring,
}

// few looks for a member of q that few executions have, and returns the ids of these. Without one, few is false.
func (r *reader) few(ctx context.Context, q *store.Query, counts bool) (ids []string, few bool, err error) {
	return lookups.Few(q, counts, func(sql string, args ...any) ([]string, error) {
		return all(ctx, r, scanText, sql, args...)
	})
}

// list reads the rows that q selects, among the candidates if there are any. In the index by status, several statuses
// together are not in order, so each is read by itself.
func (r *reader) list(ctx context.Context, q *store.Query, candidates []string) ([]*store.Row, error) {
	statuses := distinct(q.Statuses)
	if len(q.Statuses) > 0 && len(statuses) == 0 {
		return nil, nil
	}
	if len(candidates) > 0 || len(statuses) == 0 {
		sql, args := listing(q, candidates, statuses)
		return all(ctx, r, scanRow, sql, args...)
	}
	var found []*store.Row
	for i := range statuses {
		sql, args := listing(q, nil, statuses[i:i+1])
		rows, err := all(ctx, r, scanRow, sql, args...)
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

// listing writes q in SQL. What is not among candidates is found in an index alone, and looked up then: otherwise the
// server would look up also what it passes over. The condition of an error is one for which no index is taken: what
// many have is soon met in the order of ids, and need not be sorted.
func listing(q *store.Query, candidates []string, statuses []protocol.ExecutionStatus) (string, []any) {
	walk := *q
	walk.Error = ""
	c := conditionsOf(&walk, candidates, statuses)
	if q.Error != "" {
		c.Add("error || '' = $%d", q.Error)
	}
	order := c.Order(q)
	c.Args = append(c.Args, int64(q.Limit))
	tail := fmt.Sprintf("FROM perdure.executions WHERE %s ORDER BY %s LIMIT $%d", c, order, len(c.Args))
	if len(candidates) == 0 {
		return fmt.Sprintf("SELECT %s FROM perdure.executions WHERE id = ANY (ARRAY(SELECT id %s)) ORDER BY %s",
			columns, tail, order), c.Args
	}
	return "SELECT " + columns + " " + tail, c.Args
}

func conditionsOf(
	q *store.Query, candidates []string, statuses []protocol.ExecutionStatus,
) *sqlwhere.Conditions {
	c := sqlwhere.Of(q, "perdure.tags")
	if len(candidates) > 0 {
		c.Add("id = ANY ($%d::text[])", candidates)
	}
	if len(statuses) > 0 {
		var literals []string
		for _, status := range statuses {
			literals = append(literals, literal(status))
		}
		c.All = append(c.All, "status IN ("+strings.Join(literals, ", ")+")")
	}
	return c
}

// Count implements [store.Store]. It reads only indexes, unless q asks for a name or a tag that many have.
func (r *reader) Count(ctx context.Context, q store.Query, by store.Grouping) ([]store.Count, error) {
	statuses := distinct(q.Statuses)
	if len(q.Statuses) > 0 && len(statuses) == 0 {
		return nil, nil
	}
	candidates, few, err := r.few(ctx, &q, true)
	if err != nil || few && len(candidates) == 0 {
		return nil, err
	}
	sql, args := counting(&q, by, candidates, statuses)
	found, err := all(ctx, r, func(rows pgx.Rows) (c store.Count, err error) {
		var doing int64
		err = rows.Scan((*string)(&c.Status), &c.Error, &c.Function, &c.Version, &doing, &c.N)
		c.Doing = uint32(doing)
		return c, err
	}, sql, args...)
	return store.Sum(found), err
}

// counting writes a count in SQL: what runs is in an index of its own.
func counting(
	q *store.Query, by store.Grouping, candidates []string, statuses []protocol.ExecutionStatus,
) (string, []any) {
	selected, grouped := sqlwhere.Groups(by)
	c := conditionsOf(q, candidates, statuses)
	c.Order(q)
	count := func(condition string) string {
		return fmt.Sprintf("SELECT %s, count(*) FROM perdure.executions WHERE %s AND %s%s", selected, condition, c,
			grouped)
	}
	running := q.Doing != 0 || q.Since != 0 || q.Ranked()
	switch {
	case running, len(candidates) > 0:
		return count("TRUE"), c.Args
	case store.Failed(q.Statuses):
		return count("(" + failures + ")"), c.Args
	}
	return count("status = 'RUNNING'") + " UNION ALL " + count("status <> 'RUNNING'"), c.Args
}
