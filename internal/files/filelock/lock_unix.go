//go:build unix

package filelock

import (
	"errors"
	"os"
	"syscall"
)

// noFollow keeps an open from following a link at the end of a path.
const noFollow = syscall.O_NOFOLLOW

func lock(f *os.File, exclusive bool) (bool, error) {
	how := syscall.LOCK_SH
	if exclusive {
		how = syscall.LOCK_EX
	}
	err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
