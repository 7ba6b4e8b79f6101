package sqlstore

import (
	"context"
	"iter"
)

// What rows of one table say about rows of another.
const (
	sqlIntegrity = `PRAGMA integrity_check(100)`
	sqlOrphans   = `SELECT DISTINCT 'the journal of ' || id || ' belongs to no execution' FROM journal
		WHERE id NOT IN (SELECT id FROM executions) AND id NOT IN (SELECT id FROM deletions)`
	sqlEmpty = `SELECT 'execution ' || id || ' has no journal' FROM executions
		WHERE NOT EXISTS (SELECT 1 FROM journal WHERE journal.id = executions.id AND seq = 1)`
)

// Check looks for damage of the database, and for what its tables contradict
// each other in; it yields a sentence for each. It reads everything.
func (s *Store) Check(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, query := range []string{sqlIntegrity, sqlOrphans, sqlEmpty} {
			for text, err := range s.readers.texts(ctx, query) {
				if text == "ok" { // says integrity_check
					continue
				}
				if !yield(text, err) || err != nil {
					return
				}
			}
		}
	}
}

// texts yields the only column of a query.
func (r *reader) texts(ctx context.Context, query string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		rows, err := r.db.QueryContext(ctx, query)
		if err != nil {
			yield("", fault(r.path, err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			var text string
			err := rows.Scan(&text)
			if !yield(text, fault(r.path, err)) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield("", fault(r.path, err))
		}
	}
}
