package server

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/perdure/perdure/internal/wire"
)

const (
	// progress is how much of a body has to arrive, or of an answer to leave,
	// within Limits.SteadyTime, unless that is its end. The whole has no time
	// limit: a client with a slow line may take as long as it gets on.
	progress = 256 << 10
	// share is what a body takes of the budget at a time.
	share = 16 << 10
)

// budget is what all bodies may take of memory.
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

// body is a request's body that must keep arriving. It counts for as long as
// somebody may keep it: until the request is answered, or refused.
type body struct {
	io.ReadCloser
	conn    *http.ResponseController
	time    time.Duration
	budget  *budget
	arrived int64
	allowed int64 // may arrive until the deadline that is set
	taken   int64 // of the budget
	unkept  bool
	ended   bool
}

// watchBody makes r's body one that must keep arriving, and returns what is to
// be called when r has been answered.
func (s *Server) watchBody(w http.ResponseWriter, r *http.Request) (answered func()) {
	if r.Body == nil || r.Body == http.NoBody {
		return func() {}
	}
	b := &body{ReadCloser: r.Body, conn: http.NewResponseController(w), time: s.limits.SteadyTime, budget: &s.bodies}
	r.Body = b
	return b.Discard
}

// Read reads from the body. An error is a refusal that says what went wrong.
func (b *body) Read(p []byte) (int, error) {
	if err := b.admit(); err != nil {
		return 0, err
	}
	n, err := b.ReadCloser.Read(p)
	b.arrived += int64(n)
	switch {
	case err == io.EOF:
		b.end()
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = wire.Errorf(wire.CodeRequestTimeout, "The body of the request did not keep arriving.")
	case err != nil:
		err = wire.Errorf(wire.CodeInvalidContent, "The body of the request broke off.")
	}
	return n, err
}

// admit sees to the deadline and the budget of what arrives next.
func (b *body) admit() error {
	if b.ended || b.unkept {
		return nil
	}
	if b.arrived >= b.taken {
		if !b.budget.take(share) {
			return wire.Errorf(wire.CodeTooManyRequests, "Rate Exceeded.")
		}
		b.taken += share
	}
	if b.arrived >= b.allowed {
		b.allowed += progress
		_ = b.conn.SetReadDeadline(time.Now().Add(b.time))
	}
	return nil
}

// end lifts the deadline, because net/http goes on reading to learn whether the
// client hangs up.
func (b *body) end() {
	if !b.ended {
		b.ended = true
		_ = b.conn.SetReadDeadline(time.Time{})
	}
}

// Discard says that nobody keeps what arrives any more. What is read all the
// same, by us or by net/http, has to be there soon; after that the connection
// is closed.
func (b *body) Discard() {
	if b.unkept {
		return
	}
	b.unkept = true
	b.budget.give(b.taken)
	if !b.ended {
		_ = b.conn.SetReadDeadline(time.Now().Add(b.time))
	}
}
