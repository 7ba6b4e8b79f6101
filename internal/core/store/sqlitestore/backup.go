package sqlitestore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/files/fresh"
)

// Backup copies the database as it is now into a new file, without blocking anybody. The file is a complete
// database; named [Database] in a directory of its own, it can be opened. It exists only if Backup succeeds. Backup
// fails if the file exists, and if the database is not [Store.Intact]: the file at its path is then not the
// store's. [Store.BackupLogs] copies the logs.
func (s *Store) Backup(ctx context.Context, path string) error {
	if err := s.Intact(); err != nil {
		return err
	}
	return backup(ctx, s.readers.path, path, s.Intact)
}

// Logs is the name of the database of functions' output.
const Logs = "logs.db"

// BackupLogs is Backup for functions' output; written is false if there is none. Nothing depends on logs, so a log
// that cannot be read is left out, with a line in the store's log.
func (s *Store) BackupLogs(ctx context.Context, path string) (written bool, err error) {
	if _, err := os.Lstat(s.logs.path); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	err = backup(ctx, s.logs.path, path, func() error { return nil })
	if errors.Is(err, store.ErrCorrupt) || errors.Is(err, store.ErrDisk) {
		s.logs.logger.Warn("the logs of functions cannot be read, and are not in the backup", "error", err)
		return false, nil
	}
	return err == nil, err
}

// backup copies the database at from, then asks same whether that was the right one.
func backup(ctx context.Context, from, path string, same func() error) error {
	f, err := fresh.File(path, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(copyInto(ctx, from, path), f.Sync(), same()); err != nil {
		return errors.Join(fmt.Errorf("copying the database: %w", newFile(from).fault(err)), fresh.Discard(f))
	}
	return f.Close()
}

// IsDatabase reports whether the head of r is that of a database of this package: executions or logs, or a backup
// of them.
func IsDatabase(r io.ReaderAt) bool {
	head := make([]byte, 72)
	if _, err := r.ReadAt(head, 0); err != nil {
		return false
	}
	const idAt = 68 // where SQLite keeps the application id
	id := binary.BigEndian.Uint32(head[idAt:])
	return string(head[:16]) == "SQLite format 3\x00" && (id == applicationID || id == logsID)
}

// copyInto fills the empty file at path, in one read transaction.
func copyInto(ctx context.Context, from, path string) error {
	db, err := sqlite{file: newFile(from)}.connect(1)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, "VACUUM INTO $1", path)
	return err
}
