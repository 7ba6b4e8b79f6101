package pgstore

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

const columns = `id, arn, function, version, name, status, started, closed, due, wanted, expires,
	doing, since, owner, error, message, redriven, tags, input_hash, sum, state_sum`

const (
	sqlRow   = `SELECT ` + columns + ` FROM perdure.executions WHERE id = $1`
	sqlNamed = `SELECT ` + columns + ` FROM perdure.executions WHERE function = $1 AND name = $2`
)

// reader reads: from the pool of a store, or as of one moment from a [Snapshot].
type reader struct {
	*connections
	from querier
}

// read runs a query and hands each row to scan. It tries again on another connection if the one that it got turns out
// to be broken, as all do that idled while the server was restarted.
func (r *reader) read(ctx context.Context, scan func(pgx.Rows) error, sql string, args ...any) error {
	if r.closed.Load() {
		return store.ErrClosed
	}
	for again := r.from == querier(r.Pool); ; again = false {
		n, err := r.readOnce(ctx, scan, sql, args)
		switch {
		case err == nil, errors.Is(err, errEnough):
			return nil
		case code(err) == "22021": // bytes that no text can have: nothing has that name
			return nil
		case ctx.Err() == nil && r.renew(err) && again && n == 0 && !isTimeout(err):
			continue
		}
		return r.fault(ctx, err)
	}
}

// errEnough ends a read early.
var errEnough = errors.New("enough")

// readOnce returns how many rows it handed over, too.
func (r *reader) readOnce(ctx context.Context, scan func(pgx.Rows) error, sql string, args []any) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	rows, err := r.from.Query(ctx, r.in(sql), args...)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for ; rows.Next(); n++ {
		if err := scan(rows); err != nil {
			return n, err
		}
	}
	return n, rows.Err()
}

// all reads rows, each with scan.
func all[T any](
	ctx context.Context, r *reader, scan func(pgx.Rows) (T, error), sql string, args ...any,
) (found []T, err error) {
	err = r.read(ctx, func(rows pgx.Rows) error {
		one, err := scan(rows)
		found = append(found, one)
		return err
	}, sql, args...)
	if err != nil {
		return nil, err
	}
	return found, nil
}

// Row implements [store.Store].
func (r *reader) Row(ctx context.Context, id string) (*store.Row, error) {
	return r.one(ctx, sqlRow, id)
}

// Named implements [store.Store].
func (r *reader) Named(ctx context.Context, function, name string) (*store.Row, error) {
	return r.one(ctx, sqlNamed, function, name)
}

func (r *reader) one(ctx context.Context, sql string, args ...any) (*store.Row, error) {
	found, err := all(ctx, r, scanRow, sql, args...)
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, store.ErrNotFound
	case found[0].Damaged:
		return nil, &store.DamagedError{ID: found[0].ID, What: "the row"}
	}
	return found[0], nil
}

func scanRow(rows pgx.Rows) (*store.Row, error) {
	var r store.Row
	var hash []byte
	var tags string
	var doing, identitySum, stateSum int64
	err := rows.Scan(&r.ID, &r.ARN, &r.Function, &r.Version, &r.Name, (*string)(&r.Status), (*int64)(&r.Started),
		(*int64)(&r.Closed), (*int64)(&r.Due), (*int64)(&r.Wanted), (*int64)(&r.Expires), &doing, (*int64)(&r.Since),
		(*int64)(&r.Owner), &r.Error, &r.Message, &r.Redriven, &tags, &hash, &identitySum, &stateSum)
	if err != nil {
		return nil, err
	}
	r.Doing = uint32(doing)
	r.SetTagText(tags)
	copy(r.InputHash[:], hash)
	identity, state := r.Sums()
	r.Damaged = identitySum != int64(identity) || stateSum != int64(state) || len(hash) != len(r.InputHash) ||
		doing != int64(r.Doing)
	return &r, nil
}

func scanText(rows pgx.Rows) (text string, err error) { return text, rows.Scan(&text) }

func scanNumber(rows pgx.Rows) (n int64, err error) { return n, rows.Scan(&n) }

// number reads the only value of the only row.
func (r *reader) number(ctx context.Context, sql string, args ...any) (int64, error) {
	found, err := all(ctx, r, scanNumber, sql, args...)
	if err != nil || len(found) == 0 {
		return 0, err
	}
	return found[0], nil
}

// distinct returns each status once, without those that no row can have.
func distinct(statuses []protocol.ExecutionStatus) []protocol.ExecutionStatus {
	known := slices.DeleteFunc(slices.Clone(statuses), func(s protocol.ExecutionStatus) bool {
		return !slices.Contains(protocol.ExecutionStatuses, s)
	})
	slices.Sort(known)
	return slices.Compact(known)
}

// literal writes a status into a query: the planner takes an index with a condition only for a value that it knows. It
// is one of the protocol's, so it holds no quote.
func literal(status protocol.ExecutionStatus) string { return "'" + string(status) + "'" }
