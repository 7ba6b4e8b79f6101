package sqlstore

import (
	"context"
	"os"

	"github.com/perdure/perdure/internal/observe/metrics"
	"github.com/perdure/perdure/protocol"
)

// Stats is what a store has counted since it was opened.
type Stats struct {
	Commit metrics.Distribution // seconds that a transaction took until it was durable
	Group  metrics.Distribution // commits and other changes in one transaction
}

// counters are what the writer counts.
type counters struct{ commit, group *metrics.Histogram }

func newCounters() counters {
	return counters{
		commit: metrics.NewHistogram(metrics.Seconds),
		group:  metrics.NewHistogram([]float64{1, 2, 4, 8, 16, 32, 64, 128, 256}),
	}
}

// Stats returns what the store has counted.
func (s *Store) Stats() Stats {
	c := &s.writer.counters
	return Stats{Commit: c.commit.Read(), Group: c.group.Read()}
}

// Size is how many bytes the database takes on disk, its log included.
func (s *Store) Size() (bytes int64) {
	for _, suffix := range []string{"", "-wal"} {
		if info, err := os.Stat(s.writer.path + suffix); err == nil {
			bytes += info.Size()
		}
	}
	return bytes
}

// openStatuses are those of executions that have not ended.
var openStatuses = []protocol.ExecutionStatus{protocol.ExecutionRunning, protocol.ExecutionPausing, protocol.ExecutionPaused}

// CountOpen counts the executions that have not ended, by status. It looks at
// each of them in an index: 100,000 take some milliseconds.
func (s *Store) CountOpen(ctx context.Context) (map[protocol.ExecutionStatus]int64, error) {
	counts := make(map[protocol.ExecutionStatus]int64, len(openStatuses))
	for _, status := range openStatuses {
		var n int64
		if err := s.readers.db.QueryRowContext(ctx, sqlCount, string(status)).Scan(&n); err != nil {
			return nil, s.writer.fault(err)
		}
		counts[status] = n
	}
	return counts, nil
}
