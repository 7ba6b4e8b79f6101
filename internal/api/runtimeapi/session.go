package runtimeapi

import (
	"context"
	"errors"
	"sync"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

var (
	// ErrNotTaken says that an invocation ended before the process asked for it: the function knows nothing of it.
	ErrNotTaken = errors.New("the function process did not take the invocation")
	// ErrUnanswered says that an invocation ended after the process took it and before it answered.
	ErrUnanswered = errors.New("the function process did not answer the invocation")
	// ErrBusy says that the process has an unanswered invocation.
	ErrBusy = errors.New("the function process has an invocation under way")
	// ErrClosed says that the session or its server was closed.
	ErrClosed = errors.New("the session is closed")
)

// InitError is a process's report of a failed initialisation.
type InitError struct {
	Object   *protocol.ErrorObject
	Document []byte // as the process sent it
}

func (e *InitError) Error() string {
	return "the function reported an error of its initialisation: " + e.Object.ErrorMessage
}

// Session is the Runtime API of one function process, which runs one
// invocation at a time. Its methods may be called concurrently.
type Session struct {
	server *Server
	secret string
	port   *port           // nil if the session uses the server's port
	ctx    context.Context // done when the session is closed
	cancel context.CancelFunc
	failed chan struct{} // closed when initError is set

	mu        sync.Mutex
	polled    bool // the process has asked for an invocation at least once
	initError *InitError
	poll      *poll         // the request that waits for an invocation, if any
	idle      chan struct{} // closed while poll is set
	queued    *call         // offered, and not taken
	current   *call         // taken, and not answered
	answered  string        // the request id answered last
}

// poll is one waiting request for the next invocation.
type poll struct {
	calls      chan *call    // receives one call
	superseded chan struct{} // closed when a newer poll takes its place
}

// call is one invocation on its way through the process.
type call struct {
	inv    *engine.Invocation
	ctx    context.Context     // done when nobody waits for the outcome
	answer chan engine.Outcome // receives at most one outcome, under the lock
}

func newSession(server *Server, secret string) *Session {
	ctx, cancel := context.WithCancel(context.Background())
	return &Session{
		server: server,
		secret: secret,
		ctx:    ctx,
		cancel: cancel,
		failed: make(chan struct{}),
		idle:   make(chan struct{}),
	}
}

// Endpoint is the value of AWS_LAMBDA_RUNTIME_API for the process.
func (s *Session) Endpoint() string {
	if s.port != nil {
		return s.port.address
	}
	return s.server.address + "/" + s.secret
}

// Close ends the session: requests under way are answered with an error, later
// ones are refused. It may be called more than once.
func (s *Session) Close() {
	s.cancel()
	s.server.detach(s)
	if s.port != nil {
		s.port.close()
	}
}

// WaitIdle returns nil once the process asks for an invocation. It returns an
// [*InitError] if the process reported one instead, [ErrClosed], or ctx's error.
func (s *Session) WaitIdle(ctx context.Context) error {
	s.mu.Lock()
	idle := s.idle
	s.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-s.failed:
	case <-s.ctx.Done():
	case <-ctx.Done():
	}
	// Several may be true at once. The process's own word comes first: after the report of an error it may exit.
	select {
	case <-idle:
		return nil
	case <-s.failed:
		return s.initError
	default:
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return ErrClosed
}

// Invoke hands inv to the process at its next poll and returns the answer. It returns [ErrNotTaken] or
// [ErrUnanswered] when ctx is done or the session is closed before, and [ErrBusy] if another invocation is
// unanswered. A received answer wins over the end of ctx.
func (s *Session) Invoke(ctx context.Context, inv *engine.Invocation) (engine.Outcome, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := &call{inv: inv, ctx: ctx, answer: make(chan engine.Outcome, 1)}
	if !s.offer(c) {
		return engine.Outcome{}, ErrBusy
	}
	select {
	case out := <-c.answer:
		return out, nil
	case <-ctx.Done():
	case <-s.ctx.Done():
	}
	return s.withdraw(c)
}

func (s *Session) offer(c *call) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queued != nil || s.current != nil {
		return false
	}
	s.queued = c
	s.matchLocked()
	return true
}

// withdraw ends a call that nobody waits for.
func (s *Session) withdraw(c *call) (engine.Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queued == c {
		s.queued = nil
		return engine.Outcome{}, ErrNotTaken
	}
	if s.current == c {
		s.current = nil
		return engine.Outcome{}, ErrUnanswered
	}
	return <-c.answer, nil
}

// finish records the answer to c; false if c has ended.
func (s *Session) finish(c *call, out engine.Outcome) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != c {
		return false
	}
	s.current = nil
	s.answered = c.inv.RequestID
	c.answer <- out
	return true
}

// find returns the call under way if it has this request id. Otherwise again says whether the id was answered last.
func (s *Session) find(id string) (c *call, again bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil && s.current.inv.RequestID == id {
		return s.current, false
	}
	return nil, s.answered == id
}

// beginPoll registers a request for the next invocation; nil if the process has an unanswered one. A newer poll
// takes the place of an older one, whose connection may have broken without notice.
func (s *Session) beginPoll() *poll {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil {
		return nil
	}
	if s.poll != nil {
		close(s.poll.superseded)
	} else {
		close(s.idle)
	}
	s.polled = true
	p := &poll{calls: make(chan *call, 1), superseded: make(chan struct{})}
	s.poll = p
	s.matchLocked()
	return p
}

// endPoll gives up p. It offers a call again that p received and cannot deliver.
func (s *Session) endPoll(p *poll) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.poll == p {
		s.poll = nil
		s.idle = make(chan struct{})
		return
	}
	select {
	case c := <-p.calls:
		if s.current == c {
			s.current, s.queued = nil, c
			s.matchLocked()
		}
	default:
	}
}

// matchLocked hands the queued call to the waiting poll, if there are both.
func (s *Session) matchLocked() {
	if s.queued == nil || s.poll == nil {
		return
	}
	s.poll.calls <- s.queued
	s.current = s.queued
	s.queued, s.poll = nil, nil
	s.idle = make(chan struct{})
}

// failInit records the report of a failed initialisation. It is refused after the first poll or report.
func (s *Session) failInit(e *InitError) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.polled || s.initError != nil {
		return false
	}
	s.initError = e
	close(s.failed)
	return true
}
