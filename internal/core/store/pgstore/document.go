package pgstore

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/perdure/perdure/internal/core/store"
)

const (
	sqlDocument  = `SELECT key, sum, value FROM perdure.documents WHERE kind = $1 AND key = $2`
	sqlDocuments = `SELECT key, sum, value FROM perdure.documents WHERE kind = $1 AND key > $2 ORDER BY kind, key
		LIMIT $3`
	sqlRevision = `SELECT documents FROM perdure.perdure WHERE single`
)

var (
	sqlPutDocument = counted(`INSERT INTO perdure.documents (kind, key, sum, value) VALUES ($1, $2, $3, $4)
		ON CONFLICT (kind, key) DO UPDATE SET sum = excluded.sum, value = excluded.value`, "$5")
	sqlEnsureDocument = counted(`INSERT INTO perdure.documents (kind, key, sum, value) VALUES ($1, $2, $3, $4)
		ON CONFLICT DO NOTHING`, "$5")
	sqlDeleteDocument = counted(`DELETE FROM perdure.documents WHERE kind = $1 AND key = $2`, "$3")
)

// counted counts a change of a document in the same transaction, unless its kind is private. So whoever knows the
// number knows all documents up to it. The counter is touched only after the document, so no two wait for each other.
func counted(change, private string) string {
	return "WITH changed AS (" + change + ` RETURNING 1) UPDATE perdure.perdure SET documents = documents + 1
		WHERE single AND NOT ` + private + ` AND (SELECT count(*) FROM changed) > 0`
}

// Document implements [store.Store].
func (r *reader) Document(ctx context.Context, kind, key string) ([]byte, error) {
	found, err := all(ctx, r, documentOf(kind), sqlDocument, kind, key)
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, store.ErrNotFound
	case found[0].Damaged:
		return nil, store.DamagedDocument(kind, key)
	}
	return found[0].Value, nil
}

// Documents implements [store.Store].
func (r *reader) Documents(ctx context.Context, kind, after string, limit int) ([]store.Document, error) {
	return all(ctx, r, documentOf(kind), sqlDocuments, kind, after, limit)
}

func documentOf(kind string) func(pgx.Rows) (store.Document, error) {
	return func(rows pgx.Rows) (d store.Document, err error) {
		var sum int64
		err = rows.Scan(&d.Key, &sum, &d.Value)
		d.Damaged = sum != int64(d.Sum(kind))
		return d, err
	}
}

// PutDocument implements [store.Store].
func (s *Store) PutDocument(ctx context.Context, kind, key string, value []byte) error {
	return s.setDocument(ctx, sqlPutDocument, kind, key, value)
}

// EnsureDocument implements [store.Store].
func (s *Store) EnsureDocument(ctx context.Context, kind, key string, value []byte) ([]byte, error) {
	for {
		if err := s.setDocument(ctx, sqlEnsureDocument, kind, key, value); err != nil {
			return nil, err
		}
		stored, err := s.Document(ctx, kind, key)
		if !errors.Is(err, store.ErrNotFound) { // somebody has deleted it meanwhile
			return stored, err
		}
	}
}

func (s *Store) setDocument(ctx context.Context, sql, kind, key string, value []byte) error {
	if err := store.CheckDocument(kind, key, value); err != nil {
		return err
	}
	d := store.Document{Key: key, Value: value}
	return s.change(ctx, sql, kind, key, int64(d.Sum(kind)), blob(value), !store.Counts(kind))
}

// DeleteDocument implements [store.Store].
func (s *Store) DeleteDocument(ctx context.Context, kind, key string) error {
	return s.change(ctx, sqlDeleteDocument, kind, key, !store.Counts(kind))
}

// DocumentsRevision implements [store.Fleet].
func (s *Store) DocumentsRevision(ctx context.Context) (int64, error) {
	return s.number(ctx, sqlRevision)
}
