package runtimeapi

import (
	"time"

	"github.com/perdure/perdure/engine"
)

// DecodeError is decodeError, for the fuzz target.
var DecodeError = decodeError

// Poll begins a poll of s that ends, when end is called, as one whose client is gone.
func Poll(s *Session) (end func()) {
	p := s.beginPoll()
	return func() { s.endPoll(p) }
}

// Taken is how many invocations polls have got, and not answered.
func Taken(s *Session) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.current)
}

// PollFor polls, as a request does, and echoes the invocation that comes within patience.
func PollFor(s *Session, patience time.Duration) {
	p := s.beginPoll()
	if p == nil {
		return
	}
	select {
	case c := <-p.calls:
		s.finish(c, engine.Outcome{Payload: c.inv.Payload})
	case <-p.superseded:
		s.endPoll(p)
	case <-time.After(patience):
		s.endPoll(p)
	}
}
