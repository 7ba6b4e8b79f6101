package plainhttp

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// bufferBytes is the size of a connection's two buffers. A head, and a small body, have to fit.
	bufferBytes = 4 << 10
	// lingerTime is how long a client may take to read the last answer while it still sends.
	lingerTime = 500 * time.Millisecond
)

// The states of a connection.
const (
	idle  int32 = iota // waits for a request
	busy               // answers one
	ended              // was closed while it was idle
)

// conn is one connection. One goroutine at a time serves it.
type conn struct {
	server *Server
	rwc    net.Conn
	values context.Context // what net/http's contexts know of a connection
	remote string
	state  atomic.Int32
	last   string // method of the request before; empty before the first

	in     *bufio.Reader
	header http.Header // of the request
	slab   []string    // the values of header
	body   *body
	answer answer

	mu       sync.Mutex
	waiting  bool // the read deadline, if any, is for a head
	limited  bool // there may be a read deadline
	ahead    bool // a goroutine reads ahead for a request
	deserted bool // that goroutine is to serve the connection
}

func newConn(s *Server, rwc net.Conn) *conn {
	values := context.WithValue(context.Background(), http.ServerContextKey, s.odd)
	c := &conn{
		server: s, rwc: rwc, header: http.Header{}, in: bufio.NewReaderSize(rwc, bufferBytes),
		values: context.WithValue(values, http.LocalAddrContextKey, rwc.LocalAddr()),
	}
	if a := rwc.RemoteAddr(); a != nil {
		c.remote = a.String()
	}
	c.answer.init(c)
	return c
}

// serve answers requests until the connection ends, is handed over, or goes on with the goroutine that reads ahead.
func (c *conn) serve() {
	for {
		head, is := c.awaitHead()
		if is == anEnd {
			break
		}
		var r *http.Request
		if is == aRequest {
			r = c.readRequest(head)
		}
		if r == nil {
			c.handOver()
			return
		}
		if !c.state.CompareAndSwap(idle, busy) {
			break // shut down
		}
		c.server.note(c, http.StateActive)
		if !c.respond(r) {
			break
		}
		c.last = r.Method
		c.state.Store(idle)
		c.server.note(c, http.StateIdle)
		if c.server.closing.Load() {
			break
		}
		if c.desert() {
			return
		}
	}
	c.close()
}

func (c *conn) close() {
	c.rwc.Close()
	c.server.note(c, http.StateClosed)
	c.server.remove(c)
}

// limitWaiting sets the deadline for the next head, or for the rest of it. Zero is none.
func (c *conn) limitWaiting(limit time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var until time.Time
	if limit > 0 {
		until = time.Now().Add(limit)
	}
	if limit > 0 || c.limited {
		_ = c.rwc.SetReadDeadline(until)
	}
	c.waiting, c.limited = true, limit > 0
}

// liftWaiting lifts the deadline for a head, before something else is read.
func (c *conn) liftWaiting() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting && c.limited {
		_ = c.rwc.SetReadDeadline(time.Time{})
		c.limited = false
	}
	c.waiting = false
}

// limitRead is a handler's own deadline.
func (c *conn) limitRead(until time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting, c.limited = false, true
	return c.rwc.SetReadDeadline(until)
}

// respond runs the handler and sends its answer. It reports whether the connection can go on.
func (c *conn) respond(r *http.Request) bool {
	ctx := r.Context().(*requestContext)
	c.answer.begin(r)
	ok := c.handle(r)
	ctx.end()
	c.body.Close() // for whoever kept it
	ok = ok && c.answer.finish()
	if !ok && !c.body.ended {
		c.linger()
	}
	c.body.release()
	clear(c.header)
	clear(c.slab)
	c.slab = c.slab[:0]
	return ok
}

// handle runs the handler; false if it panicked.
func (c *conn) handle(r *http.Request) (ok bool) {
	defer func() {
		v := recover()
		if v != nil && v != http.ErrAbortHandler && c.server.odd.ErrorLog != nil {
			c.server.odd.ErrorLog.Printf("plainhttp: panic serving %s: %v\n%s", c.remote, v, debug.Stack())
		}
	}()
	c.server.odd.Handler.ServeHTTP(&c.answer, r)
	return true
}

// linger lets a client that still sends read the answer: a connection that is closed over unread bytes is reset, and
// the answer may be lost.
func (c *conn) linger() {
	if closeWrite(c.rwc) == nil && c.limitRead(time.Now().Add(lingerTime)) == nil {
		_, _ = io.Copy(io.Discard, c.rwc)
	}
}

// handOver gives the connection to net/http, with what was read of it.
func (c *conn) handOver() {
	_ = c.rwc.SetReadDeadline(time.Time{})
	read, _ := c.in.Peek(c.in.Buffered())
	c.server.note(c, http.StateHijacked)
	c.server.over.give(&begun{c.rwc, read})
	c.server.remove(c)
}

// closeIdle closes the connection if it has no request.
func (c *conn) closeIdle() {
	if c.state.CompareAndSwap(idle, ended) {
		c.rwc.Close()
	}
}

// readAhead makes a goroutine read, so that ctx hears when the client hangs up. It reads what the client sends next,
// as net/http does, but need not be stopped: if it still reads after the request, it serves the connection from then
// on, and the goroutine that did ends.
func (c *conn) readAhead(ctx *requestContext) {
	if c.in.Buffered() > 0 {
		return // the client is there, and has sent more
	}
	c.liftWaiting()
	c.ahead = true // nobody else looks at it before the request ends
	go func() {
		_, err := c.in.Peek(1)
		c.mu.Lock()
		c.ahead = false
		deserted := c.deserted
		c.deserted = false
		c.mu.Unlock()
		switch {
		case deserted && err == nil:
			c.serve()
		case deserted:
			c.close()
		case err != nil:
			ctx.hangUp()
		}
	}()
}

// desert leaves the connection to the goroutine that reads ahead, if there is one.
func (c *conn) desert() bool {
	c.mu.Lock()
	ahead := c.ahead
	c.mu.Unlock()
	if !ahead {
		return false
	}
	c.limitWaiting(c.server.odd.IdleTimeout) // for the read under way
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deserted = c.ahead
	return c.deserted
}
