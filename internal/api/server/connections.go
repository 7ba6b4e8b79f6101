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
	mu     sync.Mutex
	most   int
	open   map[net.Conn]*list.Element
	order  *list.List // of net.Conn: the idle ones, the longest idle first, the border, and those in use
	border *list.Element
}

func (c *connections) init(most int) {
	c.most = most
	c.open = map[net.Conn]*list.Element{}
	c.order = list.New()
	c.border = c.order.PushBack(nil)
}

// note hears of every change from net/http. A connection that has not sent anything yet is idle, too.
func (c *connections) note(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	place := c.open[conn]
	switch {
	case state == http.StateNew && c.makeRoom():
		c.open[conn] = c.order.InsertBefore(conn, c.border)
	case state == http.StateNew:
		go conn.Close() // all are in use
	case place == nil: // it made room
	case state == http.StateIdle:
		c.order.MoveBefore(place, c.border)
	case state == http.StateActive:
		c.order.MoveToBack(place)
	default: // it has ended
		c.remove(place)
	}
}

// remove forgets a connection. c.mu is held.
func (c *connections) remove(place *list.Element) net.Conn {
	conn := c.order.Remove(place).(net.Conn)
	delete(c.open, conn)
	return conn
}

// makeRoom reports whether there is a place for a new connection. It closes the longest idle one if need be. c.mu
// is held.
func (c *connections) makeRoom() bool {
	if len(c.open) < c.most {
		return true
	}
	first := c.order.Front()
	if first == c.border {
		return false
	}
	go c.remove(first).Close() // TLS says goodbye first, which may take time
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
