package pgstore

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/perdure/perdure/internal/core/store"
)

// Each agenda walks an index of its own, from the end of the page before.
const sqlRemovals = `SELECT expires, id, '' FROM perdure.executions
	WHERE (expires, id) > ($1, $2) AND expires > 0 ORDER BY expires, id LIMIT $3`

// The other agendas are in order for each owner.
var (
	moments = owned{
		from: "perdure.executions WHERE due > 0", lead: "owner",
		sql: `SELECT due AS at, id, '' AS operation FROM perdure.executions
			WHERE owner = $owner AND (due, id) > ($1, $2) AND due > 0 ORDER BY owner, due, id LIMIT $3`,
	}
	invocations = owned{
		from: "perdure.executions WHERE function = $4 AND version = $5 AND wanted > 0",
		lead: "function, version, owner",
		sql: `SELECT wanted AS at, id, '' AS operation FROM perdure.executions
			WHERE function = $4 AND version = $5 AND owner = $owner AND (wanted, id) > ($1, $2) AND wanted > 0
			ORDER BY function, version, owner, wanted, id LIMIT $3`,
	}
	calls = owned{
		from: "perdure.calls WHERE function = $4 AND version = $5", lead: "function, version, owner",
		sql: `SELECT wanted AS at, id, operation FROM perdure.calls
			WHERE function = $4 AND version = $5 AND owner = $owner AND (wanted, id, operation) > ($1, $2, $6)
			ORDER BY function, version, owner, wanted, id, operation LIMIT $3`,
	}
)

// owned is an agenda of one owner, $owner, in SQL.
type owned struct {
	sql  string
	from string // where all owners of its items are
	lead string // what its index begins with, up to the owner
}

// of is the agenda of the owner in a parameter.
func (o owned) of(parameter string) string { return strings.ReplaceAll(o.sql, "$owner", parameter) }

// ofAll merges the agendas of all owners. There are as many as nodes.
func (o owned) ofAll() string {
	return "WITH RECURSIVE " + o.owners() + ` SELECT item.* FROM owners o, LATERAL (` + o.of("o.owner") + `) item
		WHERE o.owner IS NOT NULL ORDER BY at, id, operation LIMIT $3`
}

// owners finds the owners one after the other in an index.
func (o owned) owners() string {
	return `owners (owner) AS (
		(SELECT owner FROM ` + o.from + ` ORDER BY ` + o.lead + ` LIMIT 1)
		UNION ALL
		SELECT (SELECT owner FROM ` + o.from + ` AND owner > o.owner ORDER BY ` + o.lead + ` LIMIT 1)
		FROM owners o WHERE o.owner IS NOT NULL)`
}

// Agenda implements [store.Store].
func (r *reader) Agenda(ctx context.Context, agenda store.Agenda, after store.Item, limit int) ([]store.Item, error) {
	args := []any{int64(after.At), after.ID, int64(max(limit, 0))}
	order := moments
	switch agenda.Kind {
	case store.Removals:
		return all(ctx, r, scanItem, sqlRemovals, args...)
	case store.Invocations:
		order, args = invocations, append(args, agenda.Function, agenda.Version)
	case store.Calls:
		order, args = calls, append(args, agenda.Function, agenda.Version, after.Operation)
	}
	if agenda.Owner == 0 {
		return all(ctx, r, scanItem, order.ofAll(), args...)
	}
	args = append(args, int64(agenda.Owner))
	return all(ctx, r, scanItem, order.of(parameter(len(args))), args...)
}

func scanItem(rows pgx.Rows) (i store.Item, err error) {
	return i, rows.Scan((*int64)(&i.At), &i.ID, &i.Operation)
}

const sqlCalls = `SELECT operation, function, version, wanted, owner FROM perdure.calls WHERE id = $1
	ORDER BY id, operation`

// Calls implements [store.Store].
func (r *reader) Calls(ctx context.Context, id string) ([]store.Call, error) {
	return all(ctx, r, func(rows pgx.Rows) (c store.Call, err error) {
		return c, rows.Scan(&c.Operation, &c.Function, &c.Version, (*int64)(&c.Wanted), (*int64)(&c.Owner))
	}, sqlCalls, id)
}
