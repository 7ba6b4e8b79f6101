package pgstore

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/perdure/perdure/internal/core/store"
)

// A claim picks rows that nobody else is picking, and makes $1 their owner, if it lives. The number of rows is $2.
const (
	isAlive = `(SELECT n.id FROM perdure.nodes n WHERE n.id = $1 AND n.until > ` + now + `) IS NOT NULL`

	sqlClaimDue = `WITH picked AS MATERIALIZED (SELECT id, owner FROM perdure.executions
			WHERE owner = 0 AND due > 0 AND due <= $3 AND ` + isAlive + `
			ORDER BY owner, due, id LIMIT $2 FOR UPDATE SKIP LOCKED)` + sqlTake
	sqlClaimWanted = `WITH picked AS MATERIALIZED (SELECT id, owner FROM perdure.executions
			WHERE function = $3 AND version = $4 AND owner = 0 AND wanted > 0 AND wanted <= ` + now + ` AND ` + isAlive + `
			ORDER BY function, version, owner, wanted, id LIMIT $2 FOR UPDATE SKIP LOCKED)` + sqlTake
	sqlTake = ` UPDATE perdure.executions e SET owner = $1 FROM picked WHERE e.id = picked.id
		RETURNING e.id, arn, function, version, name, status, started, closed, due, wanted, expires,
			doing, since, picked.owner, error, message, redriven, tags, input_hash, sum, state_sum`
)

// What the dead own is found owner by owner, those first that died first. Whoever is not among the nodes is dead, too.
var (
	left = owned{from: "perdure.executions WHERE owner > 0", lead: "owner"}

	sqlClaimLeft = `WITH RECURSIVE ` + left.owners() + sqlDead + `,
		picked AS MATERIALIZED (SELECT e.id, e.owner FROM dead d, LATERAL (SELECT id, owner FROM perdure.executions
			WHERE owner = d.owner AND owner > 0 AND ` + isAlive + ` ORDER BY owner, id LIMIT $2 FOR UPDATE SKIP LOCKED) e
			LIMIT $2)` + sqlTake

	callers       = owned{from: "perdure.calls WHERE function = $3 AND version = $4", lead: "function, version, owner"}
	sqlClaimCalls = `WITH RECURSIVE ` + callers.owners() + sqlDead + `,
		picked AS MATERIALIZED (SELECT c.id, c.operation FROM dead d, LATERAL (SELECT id, operation FROM perdure.calls
			WHERE function = $3 AND version = $4 AND owner = d.owner AND wanted <= ` + now + ` AND ` + isAlive + `
			ORDER BY function, version, owner, wanted, id, operation LIMIT $2 FOR UPDATE SKIP LOCKED) c LIMIT $2)
		UPDATE perdure.calls c SET owner = $1 FROM picked WHERE c.id = picked.id AND c.operation = picked.operation
		RETURNING c.wanted, c.id, c.operation`
)

const sqlDead = `, dead AS MATERIALIZED (SELECT o.owner FROM owners o LEFT JOIN perdure.nodes n ON n.id = o.owner
	WHERE o.owner IS NOT NULL AND (n.until > ` + now + `) IS NOT TRUE ORDER BY n.until NULLS FIRST)`

// ClaimExecutions implements [store.Fleet].
func (s *Store) ClaimExecutions(
	ctx context.Context, node store.NodeID, claim store.Claim, limit int,
) (rows []*store.Row, err error) {
	args := []any{int64(node), int64(max(limit, 0))}
	at := func(r *store.Row) int64 { return 0 }
	switch {
	case claim.Left:
		rows, err = changed(ctx, s, scanRow, sqlClaimLeft, args...)
	case claim.Function != "":
		rows, err = changed(ctx, s, scanRow, sqlClaimWanted, append(args, claim.Function, claim.Version)...)
		at = func(r *store.Row) int64 { return int64(r.Wanted) }
	case claim.Due > 0:
		rows, err = changed(ctx, s, scanRow, sqlClaimDue, append(args, int64(claim.Due))...)
		at = func(r *store.Row) int64 { return int64(r.Due) }
	default:
		err = errors.New("store: a claim of nothing")
	}
	slices.SortFunc(rows, func(a, b *store.Row) int {
		return cmp.Or(cmp.Compare(at(a), at(b)), cmp.Compare(a.ID, b.ID))
	})
	return rows, err
}

// ClaimCalls implements [store.Fleet]. Calls of dead nodes are among them.
func (s *Store) ClaimCalls(
	ctx context.Context, node store.NodeID, function, version string, limit int,
) ([]store.Item, error) {
	items, err := changed(ctx, s, scanItem, sqlClaimCalls, int64(node), int64(max(limit, 0)), function, version)
	slices.SortFunc(items, store.Item.Compare)
	return items, err
}

const (
	sqlRelease = `WITH c AS (UPDATE perdure.calls SET owner = 0 WHERE id = ANY ($2::text[]) AND owner = $1)
		UPDATE perdure.executions SET owner = 0 WHERE id = ANY ($2::text[]) AND owner = $1 AND doing & $3 = 0`
	sqlOwned = `SELECT ` + columns + ` FROM perdure.executions WHERE owner = $1 AND owner > 0 AND id > $2
		ORDER BY owner, id LIMIT $3`
)

// maxReleased bounds how many executions one transaction releases.
const maxReleased = 1000

// Release implements [store.Fleet].
func (s *Store) Release(ctx context.Context, node store.NodeID, ids ...string) error {
	for some := range slices.Chunk(slices.Sorted(slices.Values(ids)), maxReleased) {
		if err := s.change(ctx, sqlRelease, int64(node), some, int64(store.Invoking)); err != nil {
			return err
		}
	}
	return nil
}

// Owned implements [store.Fleet].
func (s *Store) Owned(ctx context.Context, node store.NodeID, after string, limit int) ([]*store.Row, error) {
	return all(ctx, &s.reader, scanRow, sqlOwned, int64(node), after, int64(max(limit, 0)))
}
