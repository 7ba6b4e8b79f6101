package sqlitestore

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/files/filelock"
)

// LockFile is the file in a data directory whose lock names the owner. The file stays and means nothing without a
// lock.
const LockFile = "perdure.lock"

// Lock keeps a data directory to one owner: a Store, or a program that touches its files without one. The system
// drops the lock when the process ends, however it ends.
type Lock struct {
	dir  string // absolute
	file *os.File
}

// TakeLock locks the directory dir, which it makes if need be. owner is told to others who find it locked, such as
// "pid 4711, http://127.0.0.1:3001". While somebody else has the lock it fails with a [store.LockedError].
func TakeLock(dir, owner string) (*Lock, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the data directory: %w", err)
	}
	path := filepath.Join(dir, LockFile)
	file, err := filelock.Take(path, filelock.Exclusive)
	if err != nil {
		return nil, fmt.Errorf("cannot write to the data directory: %w", err)
	}
	if file == nil {
		return nil, &store.LockedError{Path: dir, Owner: readOwner(path)}
	}
	l := &Lock{dir, file}
	if err := l.SetOwner(owner); err != nil {
		file.Close()
		return nil, err
	}
	return l, nil
}

// readOwner reads for a message only: after any error the owner is unknown.
func readOwner(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	text, _ := io.ReadAll(io.LimitReader(f, 1000))
	return strings.TrimSpace(string(text))
}

// SetOwner replaces the text for others who find the directory locked: an owner may learn its address only later.
func (l *Lock) SetOwner(owner string) error {
	if owner != "" {
		owner += "\n"
	}
	if _, err := l.file.WriteAt([]byte(owner), 0); err != nil {
		return newFile(l.file.Name()).fault(err)
	}
	return l.file.Truncate(int64(len(owner)))
}

// Release gives the directory back.
func (l *Lock) Release() error {
	_ = l.file.Truncate(0) // a courtesy: nobody owns it now
	return l.file.Close()
}
