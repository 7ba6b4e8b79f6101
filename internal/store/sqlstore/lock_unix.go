//go:build unix

package sqlstore

import (
	"errors"
	"os"
	"syscall"
)

// tryLock reports whether f is now locked by its open file, and so by neither
// another process nor another open file of this one.
func tryLock(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
