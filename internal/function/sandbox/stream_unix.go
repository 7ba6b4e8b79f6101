//go:build unix

package sandbox

import (
	"errors"
	"syscall"
)

// The pipe is read through its descriptor, which does not block, with the lock held: so flush, called while pump
// waits, sees everything that pump has not yet split into lines.

// readWhenReady waits for data and reads some; false at the end.
func (s *stream) readWhenReady() bool {
	more := false
	conn, err := s.file.SyscallConn()
	if err != nil {
		return false
	}
	err = conn.Read(func(fd uintptr) bool {
		n, err := s.readFD(fd)
		more = n > 0
		return !errors.Is(err, syscall.EAGAIN)
	})
	return err == nil && more
}

// readNow reads what there is without waiting; false if there is nothing.
func (s *stream) readNow() bool {
	more := false
	conn, err := s.file.SyscallConn()
	if err != nil {
		return false
	}
	err = conn.Control(func(fd uintptr) {
		n, _ := s.readFD(fd)
		more = n > 0
	})
	return err == nil && more
}

func (s *stream) readFD(fd uintptr) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		n, err = syscall.Read(int(fd), s.chunk[:])
		if err != syscall.EINTR {
			break
		}
	}
	if n > 0 {
		s.addLocked(s.chunk[:n])
	}
	return n, err
}
