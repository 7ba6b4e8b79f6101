package memstore

import (
	"context"
	"iter"
	"slices"

	"github.com/perdure/perdure/internal/core/store"
)

// selectedLocked yields copies of the rows that q selects, in the order of ids, whatever its limit.
func (s *Store) selectedLocked(q *store.Query) iter.Seq[*store.Row] {
	return func(yield func(*store.Row) bool) {
		for id := range resumed(&s.started, q.After, q.OldestFirst) {
			if passed(id, q.Until, q.OldestFirst) {
				return
			}
			if e := s.executions[id]; selects(q, &e.row) && !yield(e.copyRow()) {
				return
			}
		}
	}
}

// stuckLocked lists what is stuck.
func (s *Store) stuckLocked(q *store.Query) []*store.Row {
	place := func(row *store.Row) store.StuckPlace {
		p, _ := q.Stuck.Place(row)
		return p
	}
	var rows []*store.Row
	for row := range s.selectedLocked(q) {
		if after := q.Stuck.After; after == nil || place(row).Compare(*after) > 0 {
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, func(a, b *store.Row) int { return place(a).Compare(place(b)) })
	return rows[:min(q.Limit, len(rows))]
}

func selects(q *store.Query, row *store.Row) bool {
	for key, value := range q.Tags {
		if got, has := row.Tags[key]; !has || got != value {
			return false
		}
	}
	if q.Stuck != nil {
		if _, is := q.Stuck.Place(row); is == q.Stuck.None {
			return false
		}
	}
	return (q.Function == "" || row.Function == q.Function) &&
		(q.Version == "" || row.Version == q.Version) &&
		(len(q.Statuses) == 0 || slices.Contains(q.Statuses, row.Status)) &&
		(q.Name == "" || store.MatchName(q.Name, row.Name)) &&
		(q.Error == "" || row.Error == q.Error) &&
		(q.Redriven == nil || row.Redriven == *q.Redriven) &&
		(q.Doing == 0 || row.Doing&q.Doing != 0) &&
		(q.Since == 0 || row.Doing != 0 && row.Since < q.Since)
}

// Count implements [store.Store].
func (s *Store) Count(ctx context.Context, q store.Query, by store.Grouping) ([]store.Count, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usableLocked(ctx); err != nil {
		return nil, err
	}
	numbers := map[store.Count]int{}
	for row := range s.selectedLocked(&q) {
		numbers[by.Of(row)]++
	}
	var counts []store.Count
	for c, n := range numbers {
		c.N = n
		counts = append(counts, c)
	}
	return store.Sum(counts), nil
}
