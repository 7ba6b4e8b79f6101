package pgstore

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/perdure/perdure/internal/core/store"
)

// The versions that anything waits for are found one after the other in an index. There are few, however much waits.
var sqlWaiting = func() string {
	versions := func(table, rows string) string {
		next := "SELECT function, version FROM perdure." + table + " WHERE " + rows
		return fmt.Sprintf(`((%[1]s ORDER BY function, version LIMIT 1) UNION ALL
			SELECT n.function, n.version FROM %[2]s_versions v, LATERAL (%[1]s AND (function, version) > (v.function, v.version)
				ORDER BY function, version LIMIT 1) n)`, next, table)
	}
	return `WITH RECURSIVE executions_versions AS ` + versions("executions", "wanted > 0") + `,
		calls_versions AS ` + versions("calls", "true") + `
		SELECT $1::bigint, function, version FROM executions_versions v WHERE (
			SELECT e.id FROM perdure.executions e WHERE e.function = v.function AND e.version = v.version AND e.owner = 0
			AND e.wanted > 0 AND e.wanted <= ` + now + `
			ORDER BY e.function, e.version, e.owner, e.wanted, e.id LIMIT 1) IS NOT NULL
		UNION ALL SELECT $2::bigint, function, version FROM calls_versions`
}()

// Waiting implements [store.Fleet]. Calls that living nodes are making are among them.
func (s *Store) Waiting(ctx context.Context) ([]store.Agenda, error) {
	return all(ctx, &s.reader, func(rows pgx.Rows) (a store.Agenda, err error) {
		var kind int64
		err = rows.Scan(&kind, &a.Function, &a.Version)
		a.Kind = store.AgendaKind(kind)
		return a, err
	}, sqlWaiting, int64(store.Invocations), int64(store.Calls))
}
