package sqlstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// Backup writes a copy of the database as it is now into a new file, without
// holding anybody up: a single file, which is a database by itself. Under the
// name perdure.db in a directory of its own it can be opened. What functions
// wrote, which nothing depends on, is not in it. The file exists only if Backup
// succeeds; that it exists already is an error.
func (s *Store) Backup(ctx context.Context, path string) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(path)
		}
	}()
	if err := errors.Join(s.copyInto(ctx, path), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("copying the database: %w", fault(s.readers.path, err))
	}
	return nil
}

// IsDatabase reports whether r holds a database of this package, or a backup of
// one, by the head of the file.
func IsDatabase(r io.ReaderAt) bool {
	head := make([]byte, 72)
	if _, err := r.ReadAt(head, 0); err != nil {
		return false
	}
	const idAt = 68 // where SQLite keeps the application id
	return string(head[:16]) == "SQLite format 3\x00" && binary.BigEndian.Uint32(head[idAt:]) == applicationID
}

// copyInto fills the empty file at path, in one read transaction.
func (s *Store) copyInto(ctx context.Context, path string) error {
	db, err := sqlite{path: s.readers.path}.connect(1)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, "VACUUM INTO $1", path)
	return err
}
