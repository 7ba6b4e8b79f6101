package sqlstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/perdure/perdure/internal/store"
)

// Documents are few and seldom read, so readers do not keep statements for them.
const (
	sqlDocument       = `SELECT value FROM documents WHERE kind = $1 AND key = $2`
	sqlDocuments      = `SELECT key, value FROM documents WHERE kind = $1 ORDER BY key`
	sqlPutDocument    = `INSERT INTO documents (kind, key, value) VALUES ($1, $2, $3) ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value`
	sqlEnsureDocument = `INSERT INTO documents (kind, key, value) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
	sqlDeleteDocument = `DELETE FROM documents WHERE kind = $1 AND key = $2`
)

// documentStatements are those of the writer.
type documentStatements struct{ read, put, ensure, delete *sql.Stmt }

func (d *documentStatements) prepare(ctx context.Context, s *statements) {
	d.read, d.put = s.of(ctx, sqlDocument), s.of(ctx, sqlPutDocument)
	d.ensure, d.delete = s.of(ctx, sqlEnsureDocument), s.of(ctx, sqlDeleteDocument)
}

// Document implements [store.Store].
func (s *Store) Document(ctx context.Context, kind, key string) (value []byte, err error) {
	err = s.readers.db.QueryRowContext(ctx, sqlDocument, kind, key).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, store.ErrNotFound
	}
	return value, fault(s.readers.path, err)
}

// Documents implements [store.Store].
func (s *Store) Documents(ctx context.Context, kind string) ([]store.Document, error) {
	rows, err := s.readers.db.QueryContext(ctx, sqlDocuments, kind)
	if err != nil {
		return nil, fault(s.readers.path, err)
	}
	defer rows.Close()
	var found []store.Document
	for rows.Next() {
		var d store.Document
		if err := rows.Scan(&d.Key, &d.Value); err != nil {
			return nil, fault(s.readers.path, err)
		}
		found = append(found, d)
	}
	return found, fault(s.readers.path, rows.Err())
}

// PutDocument implements [store.Store].
func (s *Store) PutDocument(ctx context.Context, kind, key string, value []byte) error {
	if err := store.CheckDocument(kind, key, value); err != nil {
		return err
	}
	return s.writer.do(ctx, len(value), func(tx *transaction) error {
		_, err := tx.documents.put.Exec(kind, key, blob(value))
		return err
	})
}

// EnsureDocument implements [store.Store].
func (s *Store) EnsureDocument(ctx context.Context, kind, key string, value []byte) (stored []byte, err error) {
	if err := store.CheckDocument(kind, key, value); err != nil {
		return nil, err
	}
	err = s.writer.do(ctx, len(value), func(tx *transaction) error {
		if _, err := tx.documents.ensure.Exec(kind, key, blob(value)); err != nil {
			return err
		}
		return tx.documents.read.QueryRow(kind, key).Scan(&stored)
	})
	if err != nil {
		return nil, err
	}
	return stored, nil
}

// DeleteDocument implements [store.Store].
func (s *Store) DeleteDocument(ctx context.Context, kind, key string) error {
	return s.writer.do(ctx, 0, func(tx *transaction) error {
		_, err := tx.documents.delete.Exec(kind, key)
		return err
	})
}
