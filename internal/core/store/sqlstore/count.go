package sqlstore

import (
	"context"
	"fmt"
	"strings"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// Count implements [store.Store]. It reads an index that has all it needs.
func (s *Store) Count(ctx context.Context, statuses []protocol.ExecutionStatus) ([]store.Count, error) {
	query, args := counting(statuses)
	rows, err := s.readers.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, s.readers.fault(err)
	}
	defer rows.Close()
	var counts []store.Count
	for rows.Next() {
		var c store.Count
		if err := rows.Scan(&c.Function, &c.Version, &c.Status, &c.N); err != nil {
			return nil, s.readers.fault(err)
		}
		counts = append(counts, c)
	}
	return counts, s.readers.fault(rows.Err())
}

// counting writes a count in SQL.
func counting(statuses []protocol.ExecutionStatus) (string, []any) {
	places, args := []string{"NULL"}, []any(nil)
	for _, status := range statuses {
		args = append(args, string(status))
		places = append(places, fmt.Sprintf("$%d", len(args)))
	}
	return "SELECT function, version, status, count(*) FROM executions WHERE status IN (" + strings.Join(places, ", ") +
		") GROUP BY function, version, status ORDER BY function, version, status", args
}
