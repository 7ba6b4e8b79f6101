package plainhttp

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Server serves plain requests itself. Its methods may be called concurrently.
type Server struct {
	odd     *http.Server // for connections with anything else
	over    *handedOver
	closing atomic.Bool

	mu       sync.Mutex
	listener net.Listener
	conns    map[*conn]struct{}
	none     chan struct{} // closed when no connection is left after the end began
}

// New returns a server with the settings of odd, which gets the connections that are handed over and must not be used
// otherwise. Of its fields these hold for all connections: Handler, which is required, ReadHeaderTimeout, IdleTimeout,
// ConnState and ErrorLog. ReadTimeout, WriteTimeout, ConnContext and BaseContext are not supported.
func New(odd *http.Server) *Server {
	return &Server{odd: odd, conns: map[*conn]struct{}{}, none: make(chan struct{})}
}

// Serve answers the connections of l until the server is shut down or closed; it then returns [http.ErrServerClosed],
// as net/http does. It closes l. It may be called once.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	s.listener, s.over = l, &handedOver{address: l.Addr(), conns: make(chan net.Conn), closed: make(chan struct{})}
	closing := s.closing.Load()
	s.mu.Unlock()
	if closing {
		l.Close()
		return http.ErrServerClosed
	}
	go s.odd.Serve(s.over) // ends with the server
	for delay := time.Duration(0); !s.closing.Load(); {
		rwc, err := l.Accept()
		switch {
		case err == nil:
			delay = 0
			if c := newConn(s, rwc); s.add(c) {
				go c.serve()
			}
		case s.closing.Load():
		case isTemporary(err): // too many open files, say
			delay = min(max(2*delay, 5*time.Millisecond), time.Second)
			time.Sleep(delay)
		default:
			l.Close()
			return err
		}
	}
	return http.ErrServerClosed
}

func isTemporary(err error) bool {
	temporary, ok := errors.AsType[interface {
		error
		Temporary() bool
	}](err)
	return ok && temporary.Temporary()
}

// add takes in a new connection. Once the end has begun it closes it instead.
func (s *Server) add(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		c.rwc.Close()
		return false
	}
	s.conns[c] = struct{}{}
	s.note(c, http.StateNew)
	return true
}

// remove forgets a connection that has ended, or was handed over.
func (s *Server) remove(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	s.checkNone()
}

func (s *Server) note(c *conn, state http.ConnState) {
	if s.odd.ConnState != nil {
		s.odd.ConnState(c.rwc, state)
	}
}

// Shutdown stops accepting connections, closes those without a request, and waits until all requests are answered.
// When ctx ends first it returns its error, and the rest goes on.
func (s *Server) Shutdown(ctx context.Context) error {
	s.end((*conn).closeIdle)
	select {
	case <-s.none:
	case <-ctx.Done():
		return ctx.Err()
	}
	return s.odd.Shutdown(ctx)
}

// Close breaks off all connections.
func (s *Server) Close() error {
	s.end(func(c *conn) { c.rwc.Close() })
	return s.odd.Close()
}

// end lets nobody in any more, and does do with each connection.
func (s *Server) end(do func(*conn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing.Swap(true) && s.listener != nil {
		s.listener.Close()
	}
	for c := range s.conns {
		do(c)
	}
	s.checkNone()
}

// checkNone says that no connection is left. s.mu is held.
func (s *Server) checkNone() {
	if !s.closing.Load() || len(s.conns) > 0 {
		return
	}
	select {
	case <-s.none:
	default:
		close(s.none)
	}
}

// handedOver is the listener of the connections that net/http goes on with.
type handedOver struct {
	address net.Addr
	conns   chan net.Conn
	once    sync.Once
	closed  chan struct{}
}

// Accept implements [net.Listener].
func (l *handedOver) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (l *handedOver) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr implements [net.Listener].
func (l *handedOver) Addr() net.Addr { return l.address }

// give hands a connection over. At the end of the server it closes it.
func (l *handedOver) give(c net.Conn) {
	select {
	case l.conns <- c:
	case <-l.closed:
		c.Close()
	}
}

// begun is a connection of which something was read.
type begun struct {
	net.Conn
	read []byte
}

// Read implements [net.Conn].
func (b *begun) Read(p []byte) (int, error) {
	if len(b.read) == 0 {
		return b.Conn.Read(p)
	}
	n := copy(p, b.read)
	b.read = b.read[n:]
	return n, nil
}

// CloseWrite is for net/http, which lets the other side read the last answer before it closes a connection.
func (b *begun) CloseWrite() error { return closeWrite(b.Conn) }

func closeWrite(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
