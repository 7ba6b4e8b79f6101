// Package filelock locks files against other processes, and against other open files of this one. The system drops
// a lock when its file is closed, and when the process ends, however it ends: a file without a lock means nothing.
package filelock

import (
	"fmt"
	"os"
)

// Kind is how many may have a lock at one time.
type Kind bool

// The kinds of locks.
const (
	Exclusive Kind = true  // one, and nobody who shares
	Shared    Kind = false // any number of those who share
)

// Take opens the file at path, making it for its owner alone if need be, and locks it. It returns nil and no error
// if another lock is in the way. It refuses anything but a file, such as a link, and leaves it alone.
//
// A file that its locker removes before unlocking is never locked by two: a waiter then has the lock of a removed
// file, and tries again.
func Take(path string, kind Kind) (*os.File, error) {
	for {
		f, err := open(path)
		if err != nil {
			return nil, err
		}
		locked, err := lock(f, bool(kind))
		if err != nil {
			err = fmt.Errorf("cannot lock %s, which must be on a file system that has locks: %w", path, err)
		}
		if err == nil && locked && !IsAt(f, path) {
			f.Close()
			continue
		}
		if err != nil || !locked {
			f.Close()
			return nil, err
		}
		return f, nil
	}
}

func open(path string) (*os.File, error) {
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file itself, and is left alone", path)
	}
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|noFollow, 0o600)
}

// IsAt reports whether path leads to the open file f.
func IsAt(f *os.File, path string) bool {
	open, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(path)
	return err == nil && os.SameFile(open, there)
}
