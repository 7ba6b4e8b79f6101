package pgstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"

	"github.com/jackc/pgx/v5"

	"github.com/perdure/perdure/internal/core/store"
)

// A file comes in parts, each in a transaction of its own, so nothing is locked for long. It has its name once all are
// there; until then it has no parts.
const (
	sqlBeginFile = `INSERT INTO perdure.files (content, name, parts, at) VALUES ($1, $2, 0, ` + now + `)`
	sqlPutPart   = `INSERT INTO perdure.parts (content, part, sum, data) VALUES ($1, $2, $3, $4)`
	sqlNameFile  = `UPDATE perdure.files SET parts = $2 WHERE content = $1
		AND (SELECT 1 FROM perdure.files f WHERE f.name = files.name AND f.parts > 0) IS NULL RETURNING parts`
	sqlFile      = `SELECT content, parts FROM perdure.files WHERE name = $1 AND parts > 0`
	sqlPart      = `SELECT sum, data FROM perdure.parts WHERE content = $1 AND part = $2`
	sqlFileNames = `SELECT name FROM perdure.files WHERE parts > 0 ORDER BY name`
	sqlDropFile  = `DELETE FROM perdure.files WHERE name = $1 AND parts > 0 RETURNING content`
	sqlDropOld   = `DELETE FROM perdure.files WHERE parts = 0 AND at < ` + now + ` - $1 RETURNING content`
	sqlDrop      = `DELETE FROM perdure.files WHERE content = $1`
	sqlDropParts = `WITH gone AS (DELETE FROM perdure.parts WHERE (content, part) IN (
			SELECT content, part FROM perdure.parts WHERE content = $1 ORDER BY content, part LIMIT 16) RETURNING 1)
		SELECT count(*) FROM gone`
)

const partSize = 1 << 20

// PutFile implements [store.Files].
func (s *Store) PutFile(ctx context.Context, name string, content io.Reader) error {
	if _, err := s.findFile(ctx, name); !errors.Is(err, store.ErrNotFound) {
		return err
	}
	id := rand.Int64()
	if err := s.change(ctx, sqlBeginFile, id, name); err != nil {
		return err
	}
	parts, err := s.putParts(ctx, id, content)
	if err == nil {
		var named []int64
		named, err = changed(ctx, s, scanNumber, sqlNameFile, id, parts)
		if err == nil && len(named) == 1 {
			return nil
		}
		if code(err) == "23505" { // somebody else was first, with the same content
			err = nil
		}
	}
	return errors.Join(err, s.dropFile(context.WithoutCancel(ctx), id))
}

func (s *Store) putParts(ctx context.Context, id int64, content io.Reader) (parts int64, err error) {
	data := make([]byte, partSize)
	for {
		n, err := io.ReadFull(content, data)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return 0, err
		}
		if n == 0 && parts > 0 {
			return parts, nil
		}
		parts++ // an empty file has one
		if err := s.change(ctx, sqlPutPart, id, parts, partSum(id, parts, data[:n]), data[:n]); err != nil {
			return 0, err
		}
	}
}

// partSum is the sum of a part: that of an entry in its place.
func partSum(id, part int64, data []byte) int64 {
	e := store.Entry{Seq: part, Data: data}
	return int64(e.Sum(fmt.Sprint("file ", id)))
}

func (s *Store) dropFile(ctx context.Context, id int64) error {
	if err := s.change(ctx, sqlDrop, id); err != nil {
		return err
	}
	return s.dropParts(ctx, id)
}

func (s *Store) dropParts(ctx context.Context, id int64) error {
	for {
		n, err := changed(ctx, s, scanNumber, sqlDropParts, id)
		if err != nil || n[0] == 0 {
			return err
		}
	}
}

// file reads the parts of a file.
type file struct {
	ctx         context.Context
	s           *Store
	name        string
	id          int64
	next, parts int64
	rest        []byte
}

func (s *Store) findFile(ctx context.Context, name string) (*file, error) {
	f := &file{ctx: ctx, s: s, name: name, next: 1}
	err := s.read(ctx, func(rows pgx.Rows) error { return rows.Scan(&f.id, &f.parts) }, sqlFile, name)
	if err == nil && f.parts == 0 {
		err = store.ErrNotFound
	}
	return f, err
}

// File implements [store.Files]. The reader asks for a part at a time, with the same ctx.
func (s *Store) File(ctx context.Context, name string) (io.ReadCloser, error) {
	f, err := s.findFile(ctx, name)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (f *file) Read(b []byte) (int, error) {
	for len(f.rest) == 0 {
		if f.next > f.parts {
			return 0, io.EOF
		}
		if err := f.fetch(); err != nil {
			return 0, err
		}
	}
	n := copy(b, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

func (f *file) fetch() error {
	var sum int64
	var found bool
	err := f.s.read(f.ctx, func(rows pgx.Rows) error {
		found = true
		return rows.Scan(&sum, &f.rest)
	}, sqlPart, f.id, f.next)
	switch {
	case err != nil:
		return err
	case !found:
		return fmt.Errorf("part %d of file %s is gone: somebody has deleted the file: %w", f.next, f.name,
			store.ErrNotFound)
	case sum != partSum(f.id, f.next, f.rest):
		return &store.DamagedError{What: fmt.Sprintf("part %d of file %s", f.next, f.name)}
	}
	f.next++
	return nil
}

func (f *file) Close() error { return nil }

// FileNames implements [store.Files].
func (s *Store) FileNames(ctx context.Context) ([]string, error) {
	return all(ctx, &s.reader, scanText, sqlFileNames)
}

// DeleteFile implements [store.Files].
func (s *Store) DeleteFile(ctx context.Context, name string) error {
	return s.dropAll(ctx, sqlDropFile, name)
}

// uploadFor is how long a file may take to become whole, in milliseconds.
const uploadFor = 24 * 60 * 60 * 1000

// purgeFiles removes files whose makers did not finish them.
func (s *Store) purgeFiles(ctx context.Context) error {
	return s.dropAll(ctx, sqlDropOld, int64(uploadFor))
}

func (s *Store) dropAll(ctx context.Context, sql string, arg any) error {
	ids, err := changed(ctx, s, scanNumber, sql, arg)
	for _, id := range ids {
		err = errors.Join(err, s.dropParts(ctx, id))
	}
	return err
}
