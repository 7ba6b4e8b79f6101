package dev

import (
	"context"
	"sync"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/host"
)

// switching is the invoker of a function whose code is replaced while it is in use: new invocations get the newest
// code, those under way end with their own.
type switching struct {
	invoked func(*engine.Invocation) // hears of each invocation before it begins; may be nil

	mu      sync.Mutex
	current *inUse
}

// inUse is code in use, with the number of its invocations.
type inUse struct {
	host.Running
	users   int
	retired func() // called once nobody uses it; nil while it is the current one
}

var _ engine.Freezer = (*switching)(nil)

// replace gives later invocations r. The old code is handed to retire, in a goroutine, when its last invocation has
// ended.
func (s *switching) replace(r host.Running, retire func(host.Running)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endLocked(retire)
	s.current = &inUse{Running: r}
}

// end retires the code, with nothing in its place.
func (s *switching) end(retire func(host.Running)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endLocked(retire)
}

func (s *switching) endLocked(retire func(host.Running)) {
	if old := s.current; old != nil {
		old.retired = func() { retire(old.Running) }
		old.endIfUnusedLocked()
	}
}

func (u *inUse) endIfUnusedLocked() {
	if u.users == 0 && u.retired != nil {
		go u.retired()
	}
}

func (s *switching) take() *inUse {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current.users++
	return s.current
}

func (s *switching) give(u *inUse) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u.users--
	u.endIfUnusedLocked()
}

// Invoke implements [engine.Invoker].
func (s *switching) Invoke(ctx context.Context, inv *engine.Invocation) engine.Outcome {
	if s.invoked != nil {
		s.invoked(inv)
	}
	u := s.take()
	defer s.give(u)
	return u.Invoke(ctx, inv)
}

// Code implements [engine.Freezer].
func (s *switching) Code(ctx context.Context) (sha256 string, size int64, err error) {
	u := s.take()
	defer s.give(u)
	return u.Code(ctx)
}

// Freeze implements [engine.Freezer].
func (s *switching) Freeze(ctx context.Context) (*engine.Image, error) {
	u := s.take()
	defer s.give(u)
	return u.Freeze(ctx)
}
