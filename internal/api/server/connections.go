package server

import (
	"container/list"
	"net"
	"net/http"
	"sync"
	"time"
)

// connections bounds the number of connections. At the limit a new one takes the place of the longest idle one, so
// that idle connections keep nobody out; if all are in use it is closed.
type connections struct {
	mu   sync.Mutex
	most int
	open map[net.Conn]*list.Element // its place among the idle ones, nil while in use
	idle *list.List                 // of net.Conn, the longest idle first
}

func (c *connections) init(most int) {
	c.most = most
	c.open = map[net.Conn]*list.Element{}
	c.idle = list.New()
}

// note hears of every change from net/http. A connection that has not sent anything yet is idle, too.
func (c *connections) note(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	place, known := c.open[conn]
	if place != nil {
		c.idle.Remove(place)
		c.open[conn] = nil
	}
	switch {
	case state == http.StateNew && c.makeRoom(), state == http.StateIdle && known:
		c.open[conn] = c.idle.PushBack(conn)
	case state == http.StateNew:
		go conn.Close() // all are in use
	case state == http.StateClosed, state == http.StateHijacked:
		delete(c.open, conn)
	}
}

// makeRoom reports whether there is a place for a new connection. It closes the longest idle one if need be. c.mu
// is held.
func (c *connections) makeRoom() bool {
	if len(c.open) < c.most {
		return true
	}
	first := c.idle.Front()
	if first == nil {
		return false
	}
	conn := c.idle.Remove(first).(net.Conn)
	delete(c.open, conn)
	go conn.Close() // TLS says goodbye first, which may take time
	return true
}

// count returns how many connections there are.
func (c *connections) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open)
}

// steadyListener accepts connections that cannot block their writers for ever.
type steadyListener struct {
	net.Listener
	time time.Duration
}

// Accept implements [net.Listener].
func (l steadyListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &steadyConn{conn, l.time}, nil
}

// steadyConn is a connection whose written bytes must keep leaving.
type steadyConn struct {
	net.Conn
	time time.Duration
}

// Write implements [net.Conn].
func (c *steadyConn) Write(p []byte) (n int, err error) {
	for {
		if err := c.SetWriteDeadline(time.Now().Add(c.time)); err != nil {
			return n, err
		}
		m, err := c.Conn.Write(p[n:min(n+progress, len(p))])
		if n += m; err != nil || n == len(p) {
			return n, err
		}
	}
}

// CloseWrite tells the other side that no more will come, so that it reads the last answer before the connection is
// closed.
func (c *steadyConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
