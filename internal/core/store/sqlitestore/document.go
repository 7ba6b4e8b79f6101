package sqlitestore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/perdure/perdure/internal/core/store"
)

// Documents are few and seldom read, so readers keep no statements for them.
const (
	sqlDocument    = `SELECT key, sum, value FROM documents WHERE kind = $1 AND key = $2`
	sqlDocuments   = `SELECT key, sum, value FROM documents WHERE kind = $1 AND key > $2 ORDER BY key LIMIT $3`
	sqlPutDocument = `INSERT INTO documents (kind, key, sum, value) VALUES ($1, $2, $3, $4)
		ON CONFLICT (kind, key) DO UPDATE SET sum = excluded.sum, value = excluded.value`
	sqlEnsureDocument = `INSERT INTO documents (kind, key, sum, value) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`
	sqlDeleteDocument = `DELETE FROM documents WHERE kind = $1 AND key = $2`
)

// documentStatements belong to the writer.
type documentStatements struct{ read, put, ensure, delete *sql.Stmt }

func (d *documentStatements) prepare(ctx context.Context, s *statements) {
	d.read, d.put = s.of(ctx, sqlDocument), s.of(ctx, sqlPutDocument)
	d.ensure, d.delete = s.of(ctx, sqlEnsureDocument), s.of(ctx, sqlDeleteDocument)
}

// Document implements [store.Store].
func (s *Store) Document(ctx context.Context, kind, key string) (value []byte, err error) {
	d, err := scanDocument(kind, s.readers.db.QueryRowContext(ctx, sqlDocument, kind, key).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, store.ErrNotFound
	}
	if err == nil && d.Damaged {
		err = store.DamagedDocument(kind, key)
	}
	if err != nil {
		return nil, s.readers.fault(err)
	}
	return d.Value, nil
}

func scanDocument(kind string, into func(dest ...any) error) (d store.Document, err error) {
	v := make(values, 3)
	if err := into(v.places()...); err != nil {
		return d, err
	}
	d = store.Document{Key: v.text(0), Value: v.blob(2)}
	d.Damaged = v.int(1) != int64(d.Sum(kind))
	return d, nil
}

// Documents implements [store.Store].
func (s *Store) Documents(ctx context.Context, kind, after string, limit int) ([]store.Document, error) {
	rows, err := s.readers.db.QueryContext(ctx, sqlDocuments, kind, after, limit)
	if err != nil {
		return nil, s.readers.fault(err)
	}
	defer rows.Close()
	var found []store.Document
	for rows.Next() {
		d, err := scanDocument(kind, rows.Scan)
		if err != nil {
			return nil, s.readers.fault(err)
		}
		found = append(found, d)
	}
	return found, s.readers.fault(rows.Err())
}

// Kinds returns the kinds of all documents, in order.
func (s *Store) Kinds(ctx context.Context) (kinds []string, err error) {
	for kind, err := range s.readers.texts(ctx, sqlKinds) {
		if err != nil {
			return nil, err
		}
		kinds = append(kinds, kind)
	}
	return kinds, nil
}

// PutDocument implements [store.Store].
func (s *Store) PutDocument(ctx context.Context, kind, key string, value []byte) error {
	if err := store.CheckDocument(kind, key, value); err != nil {
		return err
	}
	return s.writer.do(ctx, len(value), func(tx *transaction) error {
		d := store.Document{Key: key, Value: value}
		_, err := tx.documents.put.Exec(kind, key, d.Sum(kind), blob(value))
		return err
	})
}

// EnsureDocument implements [store.Store].
func (s *Store) EnsureDocument(ctx context.Context, kind, key string, value []byte) (stored []byte, err error) {
	if err := store.CheckDocument(kind, key, value); err != nil {
		return nil, err
	}
	err = s.writer.do(ctx, len(value), func(tx *transaction) error {
		d := store.Document{Key: key, Value: value}
		if _, err := tx.documents.ensure.Exec(kind, key, d.Sum(kind), blob(value)); err != nil {
			return err
		}
		d, err := scanDocument(kind, tx.documents.read.QueryRow(kind, key).Scan)
		if err == nil && d.Damaged {
			err = store.DamagedDocument(kind, key)
		}
		stored = d.Value
		return err
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
