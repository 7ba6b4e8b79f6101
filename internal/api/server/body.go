package server

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/perdure/perdure/internal/api/plainhttp"
	"github.com/perdure/perdure/protocol"
)

const (
	// progress is how much of a body has to arrive, or of an answer to leave, within Limits.SteadyTime, unless that
	// is its end. The whole has no time limit: a slow line may take long, if it makes progress.
	progress = 256 << 10
	// share is the part of the budget that a body takes at a time.
	share = 16 << 10
)

// budget bounds the memory of all bodies.
type budget struct {
	taken atomic.Int64
	most  int64
}

// take takes n bytes, or none.
func (b *budget) take(n int64) bool {
	if b.taken.Add(n) <= b.most {
		return true
	}
	b.taken.Add(-n)
	return false
}

func (b *budget) give(n int64) { b.taken.Add(-n) }

// body is a request's body that must keep arriving. It counts as long as somebody may keep it: until the request is
// answered, or refused.
type body struct {
	io.ReadCloser
	conn    *http.ResponseController
	time    time.Duration
	budget  *budget
	arrived int64
	allowed int64 // may arrive until the present deadline
	taken   int64 // of the budget
	unkept  bool
	ended   bool
	stalled bool // the deadline has passed
}

// watchBody returns r with a body that must keep arriving, and a function to call when it has been answered. r
// itself stays as it is, because its body tells net/http how to go on with the connection. Most checkpoints have
// arrived whole, and need none of this.
func (s *Server) watchBody(w http.ResponseWriter, r *http.Request) (watched *http.Request, answered func()) {
	if r.Body == nil || plainhttp.HasArrived(r) {
		return r, func() {}
	}
	b := &body{ReadCloser: r.Body, conn: http.NewResponseController(w), time: s.limits.SteadyTime,
		budget: &s.load.bodies}
	watched = r.WithContext(r.Context())
	watched.Body = b
	return watched, b.Discard
}

// Read reads from the body. An error is a refusal that says what went wrong.
func (b *body) Read(p []byte) (int, error) {
	if b.arrived >= b.allowed && !b.ended && !b.unkept {
		b.allowed = b.arrived + progress
		_ = b.conn.SetReadDeadline(time.Now().Add(b.time))
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), 4*share)])
	b.arrived += int64(n)
	switch {
	case !b.count():
		return 0, protocol.Errorf(protocol.CodeTooManyRequests, "Rate Exceeded.")
	case err == io.EOF:
		b.end()
	case errors.Is(err, os.ErrDeadlineExceeded):
		b.stalled = true
		err = protocol.Errorf(protocol.CodeRequestTimeout, "The body of the request did not keep arriving.")
	case err != nil:
		err = protocol.Errorf(protocol.CodeInvalidContent, "The body of the request broke off.")
	}
	return n, err
}

// count takes the arrived bytes from the budget, if that has enough left.
func (b *body) count() bool {
	more := b.arrived - b.taken
	if more <= 0 || b.unkept {
		return true
	}
	more = (more + share - 1) / share * share
	if !b.budget.take(more) {
		return false
	}
	b.taken += more
	return true
}

// end lifts the deadline, because net/http reads on to learn whether the client hangs up.
func (b *body) end() {
	if !b.ended {
		b.ended = true
		_ = b.conn.SetReadDeadline(time.Time{})
	}
}

// Discard says that nobody keeps the rest of the body. What is still read, by us or by net/http, has to arrive
// soon; after that the connection is closed.
func (b *body) Discard() {
	if b.unkept {
		return
	}
	b.unkept = true
	b.budget.give(b.taken)
	if !b.ended && !b.stalled { // before it answers, net/http waits for the rest, up to the deadline
		_ = b.conn.SetReadDeadline(time.Now().Add(b.time))
	}
}
