package sqlitestore

import (
	"context"
	"database/sql"

	"github.com/perdure/perdure/internal/core/store"
)

// Each agenda walks an index of its own, from the end of the page before. With the literal in "due>0" the planner uses
// the partial index. It stands behind the comparison of pairs: otherwise the planner would seek by the time alone, and
// a page would begin with all rows of that time.
var sqlAgendas = [...]string{
	store.Moments: `SELECT due, id, '' FROM executions INDEXED BY executions_due
		WHERE (due, id) > ($1, $2) AND due > 0 ORDER BY due, id LIMIT $3`,
	store.Invocations: `SELECT wanted, id, '' FROM executions INDEXED BY executions_wanted
		WHERE function = $4 AND version = $5 AND (wanted, id) > ($1, $2) AND wanted > 0 ORDER BY wanted, id LIMIT $3`,
	store.Calls: `SELECT wanted, id, operation FROM calls INDEXED BY calls_wanted
		WHERE function = $4 AND version = $5 AND (wanted, id, operation) > ($1, $2, $6)
		ORDER BY wanted, id, operation LIMIT $3`,
	store.Removals: `SELECT expires, id, '' FROM executions INDEXED BY executions_expires
		WHERE (expires, id) > ($1, $2) AND expires > 0 ORDER BY expires, id LIMIT $3`,
}

// Agenda implements [store.Store].
func (s *Store) Agenda(ctx context.Context, agenda store.Agenda, after store.Item, limit int) ([]store.Item, error) {
	args := []any{int64(after.At), after.ID, max(limit, 0)}
	switch agenda.Kind {
	case store.Invocations:
		args = append(args, agenda.Function, agenda.Version)
	case store.Calls:
		args = append(args, agenda.Function, agenda.Version, after.Operation)
	}
	rows, err := s.readers.agendas[agenda.Kind].QueryContext(ctx, args...)
	if err != nil {
		return nil, s.readers.fault(err)
	}
	items, err := scanItems(rows)
	return items, s.readers.fault(err)
}

func scanItems(rows *sql.Rows) ([]store.Item, error) {
	defer rows.Close()
	var items []store.Item
	for rows.Next() {
		var item store.Item
		if err := rows.Scan(&item.At, &item.ID, &item.Operation); err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, rows.Err()
}

// Calls implements [store.Store].
func (s *Store) Calls(ctx context.Context, id string) ([]store.Call, error) {
	rows, err := s.readers.db.QueryContext(ctx, sqlCallsOf, id)
	if err != nil {
		return nil, s.readers.fault(err)
	}
	defer rows.Close()
	var calls []store.Call
	for rows.Next() {
		var c store.Call
		if err := rows.Scan(&c.Operation, &c.Function, &c.Version, &c.Wanted); err != nil {
			return nil, s.readers.fault(err)
		}
		calls = append(calls, c)
	}
	return calls, s.readers.fault(rows.Err())
}

const (
	sqlCallsOf = `SELECT operation, function, version, wanted FROM calls WHERE id = $1 ORDER BY operation`
	sqlCall    = `INSERT INTO calls (id, operation, function, version, wanted) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET function = excluded.function, version = excluded.version, wanted = excluded.wanted`
	sqlCallOver  = `DELETE FROM calls WHERE id = ? AND operation = ?`
	sqlCallsOver = `DELETE FROM calls WHERE id = $1`
)

// setCalls applies the calls of a write.
func (tx *transaction) setCalls(id string, calls []store.Call) error {
	for _, c := range calls {
		var err error
		if c.Wanted == 0 {
			_, err = tx.callOver.Exec(id, c.Operation)
		} else {
			_, err = tx.call.Exec(id, c.Operation, c.Function, c.Version, int64(c.Wanted))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
