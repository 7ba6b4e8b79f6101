package pgstore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// A list walks one index in the order of ids and stops when it has enough. Names are looked up first, if few executions
// have them.

// List implements [store.Store].
func (r *reader) List(ctx context.Context, q store.Query) ([]*store.Row, error) {
	if err := q.Check(); err != nil {
		return nil, err
	}
	var candidates []string
	if q.Name != "" || q.NamePrefix != "" {
		var err error
		if candidates, err = r.candidates(ctx, &q); err != nil || len(candidates) == 0 {
			return nil, err
		}
	}
	if len(candidates) > maxCandidates {
		candidates = nil // too many
	}
	return r.list(ctx, &q, candidates)
}

// maxCandidates is the largest number of executions of a name that are looked at one by one. With more, a walk in
// the order of ids soon meets enough of them.
const maxCandidates = 1000

// All functions, found one after the other in an index.
const sqlFunctions = `WITH RECURSIVE functions (function) AS (
		(SELECT function FROM perdure.executions ORDER BY function LIMIT 1)
		UNION ALL
		SELECT (SELECT e.function FROM perdure.executions e WHERE e.function > f.function ORDER BY e.function LIMIT 1)
		FROM functions f WHERE f.function IS NOT NULL)`

const (
	sqlCandidatesOf = `SELECT id FROM perdure.executions WHERE function = $4 AND name >= $1 AND name <= $2
		ORDER BY function, name LIMIT $3`
	sqlCandidates = sqlFunctions + ` SELECT named.id FROM functions f, LATERAL (
		SELECT id FROM perdure.executions e WHERE e.function = f.function AND e.name >= $1 AND e.name <= $2
		ORDER BY e.function, e.name LIMIT $3) named LIMIT $3`
)

// candidates returns the ids of executions with the name that q asks for: at most maxCandidates and one more.
// Without a function in q, of all functions.
func (r *reader) candidates(ctx context.Context, q *store.Query) ([]string, error) {
	first, last := q.Name, q.Name
	if q.Name == "" {
		first, last = q.NamePrefix, q.NamePrefix+"\U0010FFFF"
	}
	sql, args := sqlCandidates, []any{first, last, int64(maxCandidates + 1)}
	if q.Function != "" {
		sql, args = sqlCandidatesOf, append(args, q.Function)
	}
	return all(ctx, r, scanText, sql, args...)
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

// listing writes q in SQL.
func listing(q *store.Query, candidates []string, statuses []protocol.ExecutionStatus) (string, []any) {
	c := conditionsOf(q)
	if len(candidates) > 0 {
		c.add("id = ANY ($%d::text[])", candidates)
	}
	if len(statuses) > 0 {
		var literals []string
		for _, status := range statuses {
			literals = append(literals, literal(status))
		}
		c.all = append(c.all, "status IN ("+strings.Join(literals, ", ")+")")
	}
	order := "DESC"
	if q.OldestFirst {
		order = "ASC"
	}
	c.args = append(c.args, int64(q.Limit))
	return fmt.Sprintf("SELECT %s FROM perdure.executions WHERE %s ORDER BY id %s LIMIT $%d", columns,
		strings.Join(c.all, " AND "), order, len(c.args)), c.args
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
	c := &conditions{all: []string{"true"}}
	for _, text := range []struct{ condition, value string }{
		{"function = $%d", q.Function}, {"version = $%d", q.Version}, {"name = $%d", q.Name},
		{"left(name, length($%[1]d)) = $%[1]d", q.NamePrefix},
	} {
		if text.value != "" {
			c.add(text.condition, text.value)
		}
	}
	if q.Doing != 0 || q.Since != 0 {
		c.all = append(c.all, "doing > 0")
	}
	if q.Doing != 0 {
		c.add("doing & $%d <> 0", int64(q.Doing))
	}
	if q.Since != 0 {
		c.add("since < $%d", int64(q.Since))
	}
	c.bounds(q)
	return c
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
