package page

import (
	"context"
	"sync"
	"time"
)

// soon is what takes too long to find out for a page to wait for it. A page waits a little, shows what is known by
// then, or was known before, and asks for itself again. What is found serves all who look.
type soon[T any] struct {
	mu   sync.Mutex
	all  map[string]*finding[T]
	keys []string      // the longest unused first
	turn chan struct{} // holds one value for each finding under way
	most int           // findings that are kept
}

// finding is one of them.
type finding[T any] struct {
	done  chan struct{} // closed at the end of what is under way; nil if nothing is
	known bool
	value T
	err   error
	until time.Time // until when it need not be found again
}

func newSoon[T any](most, atOnce int) *soon[T] {
	return &soon[T]{all: map[string]*finding[T]{}, most: most, turn: make(chan struct{}, atOnce)}
}

const (
	// patience is how long a page waits for what takes long.
	patience = 100 * time.Millisecond
	// findTime bounds how long one finding may take.
	findTime = 30 * time.Second
	// restFactor is for how many times as long as it took a finding stays good at least, so finding takes a small part
	// of the time however long it takes.
	restFactor = 5
)

// begin finds what a key stands for, unless it is under way, or was found within the time for which it stays good. The
// channel is closed at its end; nil is no need to wait.
func (s *soon[T]) begin(
	ctx context.Context, key string, good time.Duration, find func(context.Context) (T, error),
) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.use(key)
	if f == nil || f.done != nil {
		return f.wait()
	}
	if f.known && time.Now().Before(f.until) {
		return nil
	}
	f.done = make(chan struct{})
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), findTime)
	go func() {
		defer cancel()
		s.turn <- struct{}{}
		began := time.Now()
		value, err := find(ctx)
		took := time.Since(began)
		<-s.turn
		s.mu.Lock()
		defer s.mu.Unlock()
		f.known, f.value, f.err, f.until = true, value, err, time.Now().Add(max(good, restFactor*took))
		close(f.done)
		f.done = nil
	}()
	return f.done
}

func (f *finding[T]) wait() <-chan struct{} {
	if f == nil {
		return nil
	}
	return f.done
}

// use returns the finding of a key, and makes it the last that is dropped; nil if all that are kept are under way.
func (s *soon[T]) use(key string) *finding[T] {
	f := s.all[key]
	if f == nil {
		if len(s.keys) >= s.most && !s.drop() {
			return nil
		}
		f = &finding[T]{}
		s.all[key] = f
	} else {
		s.forget(key)
	}
	s.keys = append(s.keys, key)
	return f
}

// drop drops the longest unused finding that is not under way.
func (s *soon[T]) drop() bool {
	for _, key := range s.keys {
		if s.all[key].done == nil {
			s.forget(key)
			delete(s.all, key)
			return true
		}
	}
	return false
}

func (s *soon[T]) forget(key string) {
	for i, k := range s.keys {
		if k == key {
			s.keys = append(s.keys[:i], s.keys[i+1:]...)
			return
		}
	}
}

// known returns what was found last, which may be old.
func (s *soon[T]) known(key string) (value T, err error, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.all[key]
	if f == nil || !f.known {
		return value, nil, false
	}
	return f.value, f.err, true
}

// await waits until all have ended, and reports whether they have before the deadline.
func await(deadline <-chan time.Time, all ...<-chan struct{}) bool {
	for _, done := range all {
		if done == nil {
			continue
		}
		select {
		case <-done:
		case <-deadline:
			return false
		}
	}
	return true
}
