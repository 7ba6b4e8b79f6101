package sqlstore

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/perdure/perdure/internal/files/filelock"
)

// intactEvery is how often a store looks by itself whether its files are there.
const intactEvery = 10 * time.Second

// Intact returns an error if the database, or the lock, is not at its path any
// more: somebody removed it, or put another in its place. The store goes on with
// the files that it has open; nobody will find what it writes.
func (s *Store) Intact() error {
	there, err := os.Lstat(s.readers.path)
	if err != nil || !os.SameFile(there, s.opened) {
		return missing(s.readers.path)
	}
	if !filelock.IsAt(s.lock.file, s.lock.file.Name()) {
		return missing(s.lock.file.Name())
	}
	return nil
}

func missing(path string) error {
	return fmt.Errorf("%s was removed or replaced beneath the engine: what is acknowledged now is lost with its end; stop it, and put the file back or restore a backup", path)
}

// watch tells the log when the files are gone, and when they are back.
func (s *Store) watch(ctx context.Context, log *slog.Logger) {
	ticker := time.NewTicker(intactEvery)
	defer ticker.Stop()
	var told bool
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		err := s.Intact()
		switch {
		case err != nil && !told:
			log.Error("the data of this engine is gone", "error", err)
		case err == nil && told:
			log.Info("the data of this engine is back")
		}
		told = err != nil
	}
}

// own returns the file at path as it is known again, and refuses a link: the
// database is where its lock is.
func own(path string) (fs.FileInfo, error) {
	info, err := os.Lstat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a file itself: name the directory in which the database lies", path)
	}
	return info, err
}
