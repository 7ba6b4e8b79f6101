//go:build !unix

package sandbox

import (
	"log/slog"
	"os"
	"syscall"
)

// signalGroup kills the process, whatever the signal; there are no groups.
func signalGroup(proc *os.Process, _ syscall.Signal) { proc.Kill() }

func processGroup() *syscall.SysProcAttr { return nil }

// readWhenReady waits for data and reads some; false at the end.
func (s *stream) readWhenReady() bool {
	n, err := s.file.Read(s.chunk[:]) // only pump uses chunk
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addLocked(s.chunk[:n])
	return err == nil
}

// readNow does nothing: lines at the edge of an invocation may count towards its neighbour.
func (s *stream) readNow() bool { return false }

// guardian does nothing here.
type guardian struct{ log *slog.Logger }

func (*guardian) add(int)    {}
func (*guardian) remove(int) {}
func (*guardian) dismiss()   {}

func keepDescriptors() {}
