package runtimeapi

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

var (
	// ErrNotTaken says that an invocation ended before the process asked for it: the function knows nothing of it.
	ErrNotTaken = errors.New("the function process did not take the invocation")
	// ErrUnanswered says that an invocation ended after the process took it and before it answered.
	ErrUnanswered = errors.New("the function process did not answer the invocation")
	// ErrBroken says that the poll which got an invocation broke off before it was delivered: the function knows
	// nothing of it, and the process is busy with others.
	ErrBroken = errors.New("the function process broke off its request for an invocation")
	// ErrBusy says that the process has an unanswered invocation at each of its places.
	ErrBusy = errors.New("the function process has as many invocations under way as it may")
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

// Event is what the owner of a session hears of the process's places, in the order in which it happens.
type Event int

const (
	Polled   Event = iota // a poll came
	Unpolled              // a poll ended without an invocation
	Answered              // an invocation was answered: its place will poll again, and may work on until then
	Overdue               // an invocation was withdrawn that the process has: its place will poll again, perhaps
)

// Session is the Runtime API of one function process. It has so many places: invocations that may be under way at one
// time, each with a poll of its own. Its methods may be called concurrently.
type Session struct {
	server *Server
	secret string
	places int
	hear   func(Event, *engine.Invocation)
	port   *port           // nil if the session uses the server's port
	ctx    context.Context // done when the session is closed
	cancel context.CancelFunc
	ready  chan struct{} // closed at the first poll
	failed chan struct{} // closed when initError is set

	mu        sync.Mutex
	initError *InitError
	polls     []*poll             // that wait for an invocation, oldest first
	queued    []*call             // offered, and not taken, oldest first
	current   map[string]*call    // taken, and not answered, by request id
	late      map[string]struct{} // withdrawn, and not answered since; at most as many as there are places
	answered  string              // the request id answered last
}

// poll is one waiting request for the next invocation.
type poll struct {
	calls      chan *call    // receives one call
	superseded chan struct{} // closed when a newer poll takes its place
}

// call is one invocation on its way through the process.
type call struct {
	inv    *engine.Invocation
	ctx    context.Context // done when nobody waits for the outcome
	answer chan reply      // receives at most one, under the lock
}

// reply is what Invoke returns.
type reply struct {
	out engine.Outcome
	err error
}

func newSession(server *Server, secret string, places int, hear func(Event, *engine.Invocation)) *Session {
	ctx, cancel := context.WithCancel(context.Background())
	return &Session{
		server:  server,
		secret:  secret,
		places:  places,
		hear:    hear,
		ctx:     ctx,
		cancel:  cancel,
		ready:   make(chan struct{}),
		failed:  make(chan struct{}),
		current: make(map[string]*call, places),
		late:    make(map[string]struct{}),
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

// WaitReady returns nil once the process has asked for an invocation. It returns an [*InitError] if the process
// reported one instead, [ErrClosed], or ctx's error.
func (s *Session) WaitReady(ctx context.Context) error {
	select {
	case <-s.ready:
	case <-s.failed:
	case <-s.ctx.Done():
	case <-ctx.Done():
	}
	// Several may be true at once. The process's own word comes first: after the report of an error it may exit.
	select {
	case <-s.ready:
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

// Invoke hands inv to the process at one of its polls and returns the answer. It returns [ErrNotTaken] or
// [ErrUnanswered] when ctx is done or the session is closed before, [ErrBroken], and [ErrBusy] if there is an
// invocation at each place. A received answer wins over the end of ctx.
func (s *Session) Invoke(ctx context.Context, inv *engine.Invocation) (engine.Outcome, error) {
	if s.ctx.Err() != nil {
		return engine.Outcome{}, ErrNotTaken
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := &call{inv: inv, ctx: ctx, answer: make(chan reply, 1)}
	if !s.offer(c) {
		return engine.Outcome{}, ErrBusy
	}
	select {
	case r := <-c.answer:
		return r.out, r.err
	case <-ctx.Done():
	case <-s.ctx.Done():
	}
	return s.withdraw(c)
}

func (s *Session) offer(c *call) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queued)+len(s.current) >= s.places {
		return false
	}
	s.queued = append(s.queued, c)
	s.matchLocked()
	return true
}

// withdraw ends a call that nobody waits for.
func (s *Session) withdraw(c *call) (engine.Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := c.inv.RequestID
	if i := slices.Index(s.queued, c); i >= 0 {
		s.queued = slices.Delete(s.queued, i, i+1)
		return engine.Outcome{}, ErrNotTaken
	}
	if s.current[id] == c {
		delete(s.current, id)
		if len(s.late) < s.places {
			s.late[id] = struct{}{}
		}
		s.hear(Overdue, c.inv)
		return engine.Outcome{}, ErrUnanswered
	}
	r := <-c.answer
	return r.out, r.err
}

// finish records the answer to c; false if c has ended.
func (s *Session) finish(c *call, out engine.Outcome) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current[c.inv.RequestID] != c {
		return false
	}
	delete(s.current, c.inv.RequestID)
	s.answered = c.inv.RequestID
	s.hear(Answered, c.inv)
	c.answer <- reply{out: out}
	return true
}

// standing is how a call stands when an answer to it comes.
type standing int

const (
	unknown  standing = iota
	underWay          // its answer is awaited
	overdue           // its time was over
	answered          // it was the last that was answered
)

// find returns the call with this request id, if it is under way, and how it stands.
func (s *Session) find(id string) (*call, standing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.current[id]; c != nil {
		return c, underWay
	}
	if _, ok := s.late[id]; ok {
		delete(s.late, id)
		return nil, overdue
	}
	if s.answered == id {
		return nil, answered
	}
	return nil, unknown
}

// beginPoll registers a request for the next invocation; nil if the process has an unanswered one at each place. With
// more polls than places are free, a newer one takes the place of the oldest, whose connection may have broken
// without notice.
func (s *Session) beginPoll() *poll {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.current) >= s.places {
		return nil
	}
	if len(s.polls) > 0 && len(s.current)+len(s.polls) >= s.places {
		close(s.polls[0].superseded)
		s.polls = slices.Delete(s.polls, 0, 1)
		s.hear(Unpolled, nil)
	}
	select {
	case <-s.ready:
	default:
		close(s.ready)
	}
	p := &poll{calls: make(chan *call, 1), superseded: make(chan struct{})}
	s.polls = append(s.polls, p)
	s.hear(Polled, nil)
	s.matchLocked()
	return p
}

// endPoll gives up p, which delivered nothing. A call that p received is handed to another poll. If there is none, it
// waits for the next; but when other calls are under way their client may be ending, so then its Invoke returns
// [ErrBroken].
func (s *Session) endPoll(p *poll) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.polls, p); i >= 0 {
		s.polls = slices.Delete(s.polls, i, i+1)
		s.hear(Unpolled, nil)
		return
	}
	select {
	case c := <-p.calls:
		if id := c.inv.RequestID; s.current[id] == c {
			delete(s.current, id)
			s.hear(Unpolled, nil)
			if len(s.polls) == 0 && len(s.current) > 0 {
				c.answer <- reply{err: ErrBroken}
				return
			}
			s.queued = slices.Insert(s.queued, 0, c)
			s.matchLocked()
		}
	default:
	}
}

// matchLocked hands queued calls to waiting polls while there are both; the newest poll first, whose connection and
// thread are warm.
func (s *Session) matchLocked() {
	for len(s.queued) > 0 && len(s.polls) > 0 {
		c, last := s.queued[0], len(s.polls)-1
		s.polls[last].calls <- c
		s.current[c.inv.RequestID] = c
		s.queued, s.polls = slices.Delete(s.queued, 0, 1), slices.Delete(s.polls, last, last+1)
	}
}

// failInit records the report of a failed initialisation. It is refused after the first poll or report.
func (s *Session) failInit(e *InitError) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.ready:
		return false
	default:
	}
	if s.initError != nil {
		return false
	}
	s.initError = e
	close(s.failed)
	return true
}
