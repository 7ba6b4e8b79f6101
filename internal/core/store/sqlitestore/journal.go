package sqlitestore

import (
	"context"
	"iter"

	"github.com/perdure/perdure/internal/core/store"
)

// Journal implements [store.Store].
func (s *Store) Journal(ctx context.Context, id string, part store.Range) iter.Seq2[store.Entry, error] {
	return store.ReadPieces(id, part, func(p store.Piece, take func(store.Entry, int64) bool) error {
		return s.readers.fault(s.readers.piece(ctx, p, take))
	}, func() error {
		_, err := s.Row(ctx, id)
		return err
	})
}

func (r *reader) piece(ctx context.Context, p store.Piece, take func(store.Entry, int64) bool) error {
	stmt := r.journal
	if p.Reverse {
		stmt = r.journalDescending
	}
	rows, err := stmt.QueryContext(ctx, p.ID, p.From, p.To, p.Most)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		v := make(values, 3)
		if err := rows.Scan(v.places()...); err != nil {
			return err
		}
		if !take(store.Entry{Seq: v.int(0), Data: v.blob(2)}, v.int(1)) {
			break
		}
	}
	return rows.Err()
}
