package server

import (
	"io"
	"net/http"
	"time"
)

// progress is how much of a body has to arrive within Limits.BodyTime. A whole
// body has no time limit: a client with a slow line may send for as long as it
// does send.
const progress = 32 << 10

// steadyBody is a request's body that must keep arriving.
type steadyBody struct {
	io.ReadCloser
	conn    *http.ResponseController
	time    time.Duration
	allowed int // bytes that may still arrive under the deadline that is set
	ended   bool
}

// steady makes r's body one that must keep arriving, and returns what is to be
// called when r has been answered.
func steady(w http.ResponseWriter, r *http.Request, limit time.Duration) (answered func()) {
	if r.Body == nil || r.Body == http.NoBody {
		return func() {}
	}
	b := &steadyBody{ReadCloser: r.Body, conn: http.NewResponseController(w), time: limit}
	r.Body = b
	return b.answered
}

// Read reads from the body. The deadline is lifted at the end, because net/http
// goes on reading to learn whether the client hangs up.
func (b *steadyBody) Read(p []byte) (int, error) {
	if b.allowed <= 0 && !b.ended {
		b.allowed = progress
		_ = b.conn.SetReadDeadline(time.Now().Add(b.time))
	}
	n, err := b.ReadCloser.Read(p)
	b.allowed -= n
	if err == io.EOF && !b.ended {
		b.ended = true
		_ = b.conn.SetReadDeadline(time.Time{})
	}
	return n, err
}

// answered gives what net/http reads of a body that nobody wanted a time limit.
// The server sets a new one before the next request.
func (b *steadyBody) answered() {
	if !b.ended {
		_ = b.conn.SetReadDeadline(time.Now().Add(b.time))
	}
}
