package sqlstore

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/files/filelock"
)

// LockFile is the name of the file in a data directory by whose lock its owner
// is known. The file stays and means nothing.
const LockFile = "perdure.lock"

// Lock keeps a data directory to one owner: a Store, or whoever touches its
// files without one. The system drops it when the process ends, however it ends.
type Lock struct {
	dir  string // absolute
	file *os.File
}

// TakeLock makes the directory dir, if need be, and locks it. Others who find it locked are told owner, such as
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
	if err := l.setOwner(owner); err != nil {
		file.Close()
		return nil, err
	}
	return l, nil
}

// readOwner is for a message: whatever goes wrong, the owner is unknown.
func readOwner(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	text, _ := io.ReadAll(io.LimitReader(f, 1000))
	return strings.TrimSpace(string(text))
}

func (l *Lock) setOwner(owner string) error {
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
	_ = l.file.Truncate(0) // nobody owns it now; the text is only a courtesy
	return l.file.Close()
}
