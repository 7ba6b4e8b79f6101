package pgstore

import (
	"context"
	"iter"

	"github.com/jackc/pgx/v5"

	"github.com/perdure/perdure/internal/core/store"
)

const (
	sqlJournal = `SELECT seq, sum, data FROM perdure.journal WHERE id = $1 AND seq >= $2 AND seq <= $3
		AND (SELECT id FROM perdure.executions WHERE id = $1) IS NOT NULL ORDER BY id, seq LIMIT $4`
	sqlJournalDescending = `SELECT seq, sum, data FROM perdure.journal WHERE id = $1 AND seq >= $2 AND seq <= $3
		AND (SELECT id FROM perdure.executions WHERE id = $1) IS NOT NULL ORDER BY id DESC, seq DESC LIMIT $4`
)

// Journal implements [store.Store].
func (r *reader) Journal(ctx context.Context, id string, part store.Range) iter.Seq2[store.Entry, error] {
	return store.ReadPieces(id, part, func(p store.Piece, take func(store.Entry, int64) bool) error {
		sql := sqlJournal
		if p.Reverse {
			sql = sqlJournalDescending
		}
		return r.read(ctx, func(rows pgx.Rows) error {
			var e store.Entry
			var sum int64
			if err := rows.Scan(&e.Seq, &sum, &e.Data); err != nil {
				return err
			}
			if !take(e, sum) {
				return errEnough
			}
			return nil
		}, sql, p.ID, p.From, p.To, int64(p.Most))
	}, func() error {
		_, err := r.Row(ctx, id)
		return err
	})
}
