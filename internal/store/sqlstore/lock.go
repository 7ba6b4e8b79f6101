package sqlstore

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/perdure/perdure/internal/store"
)

// dirLock keeps a directory to one Store. The operating system drops the lock
// when the process ends, however it ends; the file stays and means nothing.
type dirLock struct{ file *os.File }

func lockDir(dir, owner string) (*dirLock, error) {
	f, err := os.OpenFile(filepath.Join(dir, "perdure.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot write to the data directory: %w", err)
	}
	locked, err := tryLock(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("cannot lock %s, which must be on a file system that has locks: %w", f.Name(), err)
	}
	if !locked {
		defer f.Close()
		return nil, &store.LockedError{Path: dir, Owner: readOwner(f)}
	}
	l := &dirLock{f}
	if err := l.setOwner(owner); err != nil {
		f.Close()
		return nil, err
	}
	return l, nil
}

// readOwner is for a message: whatever goes wrong, the owner is unknown.
func readOwner(r io.Reader) string {
	text, _ := io.ReadAll(io.LimitReader(r, 1000))
	return strings.TrimSpace(string(text))
}

func (l *dirLock) setOwner(owner string) error {
	if owner != "" {
		owner += "\n"
	}
	if _, err := l.file.WriteAt([]byte(owner), 0); err != nil {
		return fault(l.file.Name(), err)
	}
	return l.file.Truncate(int64(len(owner)))
}

func (l *dirLock) release() error {
	_ = l.file.Truncate(0) // nobody owns it now; the text is only a courtesy
	return l.file.Close()
}
