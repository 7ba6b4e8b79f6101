//go:build !unix

package sandbox

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
