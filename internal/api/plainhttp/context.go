package plainhttp

import (
	"context"
	"net/url"
	"sync"
)

// requestContext is the context of one request, and what else somebody may keep of it. Only somebody who asks for Done
// pays for hearing that the client hangs up.
type requestContext struct {
	context.Context // the connection's
	url             url.URL
	body            body

	mu     sync.Mutex
	conn   *conn           // nil once the request has ended
	inner  context.Context // nil until somebody asks for Done
	cancel context.CancelFunc
	unread bool // the body has not been read to its end
}

// Done implements [context.Context]. It begins to read ahead, or lets the end of the body do so.
func (x *requestContext) Done() <-chan struct{} {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.inner == nil {
		x.inner, x.cancel = context.WithCancel(x.Context)
		switch {
		case x.conn == nil:
			x.cancel()
		case !x.unread:
			x.conn.readAhead(x)
		}
	}
	return x.inner.Done()
}

// Err implements [context.Context].
func (x *requestContext) Err() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.inner != nil:
		return x.inner.Err()
	case x.conn == nil:
		return context.Canceled
	}
	return nil
}

// Value implements [context.Context]. Asking the inner context, too, lets package context find it, so that contexts
// below this one need no goroutine.
func (x *requestContext) Value(key any) any {
	x.mu.Lock()
	at := x.inner
	x.mu.Unlock()
	if at == nil {
		at = x.Context
	}
	return at.Value(key)
}

// bodyRead says that nothing of the body is left on the connection.
func (x *requestContext) bodyRead() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.unread = false
	if x.inner != nil && x.conn != nil {
		x.conn.readAhead(x)
	}
}

// hangUp says that the client is gone, or that its body broke off.
func (x *requestContext) hangUp() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.inner == nil {
		x.inner, x.cancel = context.WithCancel(x.Context)
	}
	x.cancel()
}

// end says that the request is answered, whoever keeps its context.
func (x *requestContext) end() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.conn = nil
	if x.cancel != nil {
		x.cancel()
	}
}
