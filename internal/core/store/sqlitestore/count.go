package sqlitestore

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/sqlwhere"
	"github.com/perdure/perdure/protocol"
)

// Count implements [store.Store]. It reads only indexes, unless q asks for a name or a tag that many have. Groups come
// from an index in its order wherever one has it: SQLite would sort what it counts, which takes ten times as long.
func (s *Store) Count(ctx context.Context, q store.Query, by store.Grouping) ([]store.Count, error) {
	candidates, few, err := s.readers.few(ctx, &q, true)
	if err != nil || few && len(candidates) == 0 {
		return nil, s.readers.fault(err)
	}
	var counts []store.Count
	for _, c := range countings(&q, by, candidates) {
		if counts, err = s.readers.count(ctx, counts, c); err != nil {
			return nil, s.readers.fault(err)
		}
	}
	return store.Sum(counts), nil
}

// counting is a count in SQL.
type counting struct {
	query string
	args  []any
}

// countings writes a count in SQL: what runs is in an index of its own.
func countings(q *store.Query, by store.Grouping, candidates []string) []counting {
	selected, grouped := sqlwhere.Groups(by)
	count := func(from, more string) counting {
		c := conditionsOf(q)
		c.Order(q)
		if len(candidates) > 0 {
			ids, _ := json.Marshal(candidates) // strings cannot fail
			c.Add("id IN (SELECT value FROM json_each($%d))", string(ids))
		}
		return counting{fmt.Sprintf("SELECT %s, count(*) FROM %s AND %s%s%s", selected, from, c, more, grouped), c.Args}
	}
	switch {
	case len(candidates) > 0:
		return []counting{count("executions WHERE TRUE", "")}
	case len(q.Tags) > 0: // from those that have one of the tags
		c := conditionsOf(q)
		c.Order(q)
		key := slices.Min(slices.Collect(maps.Keys(q.Tags)))
		c.Add("first.key = $%d", key)
		c.Add("first.value = $%d", q.Tags[key])
		return []counting{{fmt.Sprintf("SELECT %s, count(*) FROM tags first CROSS JOIN executions ON id = "+
			"first.execution WHERE %s%s", selected, c, grouped), c.Args}}
	case q.Doing != 0 || q.Since != 0 || q.Ranked():
		return []counting{count(indexed("executions_running"), "")}
	case store.Failed(q.Statuses) && !by.Doing:
		return []counting{count(indexed("executions_error"), "")}
	}
	var all []counting
	if len(q.Statuses) == 0 || slices.Contains(q.Statuses, protocol.ExecutionRunning) {
		all = append(all, count(indexed("executions_running"), " AND status = 'RUNNING'"))
	}
	if !slices.Equal(q.Statuses, runs) {
		all = append(all, count(indexed("executions_status"), ""))
	}
	return all
}

func (r *reader) count(ctx context.Context, counts []store.Count, c counting) ([]store.Count, error) {
	rows, err := r.db.QueryContext(ctx, c.query, c.args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var one store.Count
		if err := rows.Scan(&one.Status, &one.Error, &one.Function, &one.Version, &one.Doing, &one.N); err != nil {
			return nil, err
		}
		counts = append(counts, one)
	}
	return counts, rows.Err()
}
