package loopback

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"
)

// Client keeps connections to the engine for calls. It is safe for concurrent use.
type Client struct {
	address string

	mu   sync.Mutex
	idle []*Conn // the latest used last
}

// NewClient makes a client for an engine's port for functions. It connects when it is first used.
func NewClient(address string) *Client { return &Client{address: address} }

// maxIdle bounds the connections that wait for calls; a process has at most one for each invocation.
const maxIdle = 64

// Do makes a call and has read look at the reply, which is valid until read returns. It gives up after timeout and
// when ctx ends. A connection that was kept may have been closed meanwhile, so the request is then sent once more:
// it must be safe to repeat.
func (c *Client) Do(ctx context.Context, timeout time.Duration, r *Request, read func(*Reply)) error {
	conn := c.take()
	if conn != nil {
		reply, err := conn.call(ctx, timeout, r)
		if err == nil {
			c.finish(conn, reply, read)
			return nil
		}
		conn.Close()
		if ctx.Err() != nil || isTimeout(err) {
			return err
		}
	}
	conn, err := Dial(ctx, c.address)
	if err != nil {
		return err
	}
	reply, err := conn.call(ctx, timeout, r)
	if err != nil {
		conn.Close()
		return err
	}
	c.finish(conn, reply, read)
	return nil
}

func (c *Client) finish(conn *Conn, reply *Reply, read func(*Reply)) {
	read(reply)
	conn.Done()
	c.put(conn)
}

func (c *Client) take() *Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.idle)
	if n == 0 {
		return nil
	}
	conn := c.idle[n-1]
	c.idle = c.idle[:n-1]
	return conn
}

func (c *Client) put(conn *Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if conn.broken || len(c.idle) == maxIdle {
		conn.Close()
		return
	}
	c.idle = append(c.idle, conn)
}

// call sends a request and receives its reply.
func (c *Conn) call(ctx context.Context, timeout time.Duration, r *Request) (*Reply, error) {
	c.SetDeadline(time.Now().Add(timeout))
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(past) })
	reply, err := c.exchange(r)
	if !stop() { // the deadline may yet hit the next call
		c.broken = true
		if err != nil {
			err = context.Cause(ctx)
		}
	}
	return reply, err
}

// past is a deadline that has passed.
var past = time.Unix(1, 0)

// exchange sends requests and receives the reply to the first. An engine that refuses a request does not read all of
// it, so there may be a reply to what could not be sent.
func (c *Conn) exchange(requests ...*Request) (*Reply, error) {
	unsent := c.Send(requests...)
	reply, err := c.Receive()
	if err != nil {
		return nil, cmp.Or(unsent, err)
	}
	return reply, nil
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && timeout.Timeout()
}
