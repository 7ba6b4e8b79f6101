package main

import (
	"context"
	"sync"

	"github.com/perdure/perdure/engine"
)

// switching is the invoker of a function whose code is replaced while it is in
// use: invocations that begin get the newest, those under way end with what
// they began with.
type switching struct {
	mu      sync.Mutex
	current *inUse
}

// inUse is what a switching invoker uses, with the number of invocations in it.
type inUse struct {
	*deployed
	users   int
	retired func() // called once nobody uses it; nil while it is the current one
}

var _ engine.Freezer = (*switching)(nil)

// replace makes d what later invocations get. What was there is handed to
// retire, in a goroutine, when its last invocation has ended.
func (s *switching) replace(d *deployed, retire func(*deployed)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.current
	s.current = &inUse{deployed: d}
	if old == nil {
		return
	}
	old.retired = func() { retire(old.deployed) }
	old.endIfUnusedLocked()
}

// end hands over what there is to retire, with nothing in its place.
func (s *switching) end(retire func(*deployed)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.current; old != nil {
		old.retired = func() { retire(old.deployed) }
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
