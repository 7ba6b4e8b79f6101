package memstore

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// Count implements [store.Store].
func (s *Store) Count(ctx context.Context, statuses []protocol.ExecutionStatus) ([]store.Count, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usableLocked(ctx); err != nil {
		return nil, err
	}
	numbers := map[store.Count]int{}
	for _, e := range s.executions {
		if slices.Contains(statuses, e.row.Status) {
			numbers[store.Count{Function: e.row.Function, Version: e.row.Version, Status: e.row.Status}]++
		}
	}
	var counts []store.Count
	for c, n := range numbers {
		c.N = n
		counts = append(counts, c)
	}
	slices.SortFunc(counts, func(a, b store.Count) int {
		return cmp.Or(strings.Compare(a.Function, b.Function), strings.Compare(a.Version, b.Version), cmp.Compare(a.Status, b.Status))
	})
	return counts, nil
}
