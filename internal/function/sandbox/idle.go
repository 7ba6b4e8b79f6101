package sandbox

import (
	"context"
	"slices"
	"sync"
	"time"
)

// idleStack is a shelf: it holds idle processes of a pool and knows how many are about to be idle, so that an
// invocation can wait for one of them.
type idleStack struct {
	timeout time.Duration  // how long a process may be idle
	expired func(*process) // called when it has been

	mu       sync.Mutex
	stack    []*process // newest last
	settling int
	waiting  []chan *process // each with room for one value, oldest first
}

// take removes the newest idle process. If there is none it waits up to grace for one that settles, and then
// returns nil.
func (s *idleStack) take(ctx context.Context, grace time.Duration) *process {
	s.mu.Lock()
	if len(s.stack) > 0 || s.settling <= len(s.waiting) {
		defer s.mu.Unlock()
		return s.popLocked()
	}
	turn := make(chan *process, 1)
	s.waiting = append(s.waiting, turn)
	s.mu.Unlock()

	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case proc := <-turn:
		return proc
	case <-timer.C:
	case <-ctx.Done():
	}
	return s.leave(turn)
}

// leave ends a wait; it returns the process that came at the last moment.
func (s *idleStack) leave(turn chan *process) *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.waiting, turn); i >= 0 {
		s.waiting = slices.Delete(s.waiting, i, i+1)
		return nil
	}
	return <-turn
}

// put makes proc idle, or gives it to the longest waiter. It ignores a process that has ended.
func (s *idleStack) put(proc *process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if proc.hasExited() {
		return
	}
	if len(s.waiting) > 0 {
		s.waiting[0] <- proc
		s.waiting = s.waiting[1:]
		return
	}
	proc.idleSince = time.Now()
	proc.idleTimer = time.AfterFunc(s.timeout, func() { s.expired(proc) })
	s.stack = append(s.stack, proc)
}

// remove reports whether proc was idle, and takes it out.
func (s *idleStack) remove(proc *process) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.stack, proc)
	if i < 0 {
		return false
	}
	s.stack = slices.Delete(s.stack, i, i+1)
	proc.idleTimer.Stop()
	return true
}

// popLocked removes the newest idle process; nil if there is none.
func (s *idleStack) popLocked() *process {
	n := len(s.stack)
	if n == 0 {
		return nil
	}
	proc := s.stack[n-1]
	s.stack[n-1] = nil
	s.stack = s.stack[:n-1]
	proc.idleTimer.Stop()
	return proc
}

// len is the number of idle processes.
func (s *idleStack) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.stack)
}

// empty reports whether there is no idle process, and none about to be.
func (s *idleStack) empty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.stack) == 0 && s.settling == 0 && len(s.waiting) == 0
}

// oldest returns the process that has been idle the longest, or nil.
func (s *idleStack) oldest() (*process, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.stack) == 0 {
		return nil, time.Time{}
	}
	return s.stack[0], s.stack[0].idleSince
}

// expect announces a process that will settle: become idle or end.
func (s *idleStack) expect() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settling++
}

// arrived takes an announcement back, after the process was put or ended. It sends away waiters that now wait in
// vain.
func (s *idleStack) arrived() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settling--
	for last := len(s.waiting) - 1; last >= s.settling && last >= 0; last-- {
		s.waiting[last] <- nil
		s.waiting = s.waiting[:last]
	}
}
