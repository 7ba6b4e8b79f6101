package runtimeapi

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"

	"github.com/perdure/perdure/engine"
)

// port is a session's own port, for clients that take AWS_LAMBDA_RUNTIME_API to be HOST:PORT, as it is on Lambda,
// and refuse a path behind it.
type port struct {
	server  *Server
	secret  string
	address string
	http    *http.Server
	served  chan struct{} // closed when the listener is done
}

// AttachPort is [Server.Attach] with a port of its own, so that the Endpoint has no path. Without a path's
// protection, it refuses requests that web pages cause and, on Linux, those of other users' processes.
func (s *Server) AttachPort(places int, hear func(Event, *engine.Invocation)) (*Session, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("opening a loopback port for a function process: %w", err)
	}
	session := s.Attach(places, hear)
	p := &port{server: s, secret: session.secret, address: listener.Addr().String(), served: make(chan struct{})}
	p.http = s.settings(p)
	p.http.ConnContext = func(ctx context.Context, c net.Conn) context.Context { return withPeer(ctx, c) }
	s.mu.Lock()
	session.port = p
	closed := s.closed
	s.mu.Unlock()
	if closed {
		p.http.Close() // and Serve closes the listener
	}
	go func() {
		defer close(p.served)
		p.http.Serve(listener)
	}()
	return session, nil
}

// ServeHTTP serves the process's requests, as though it knew the session's secret.
func (p *port) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if why := p.stranger(r); why != "" {
		refuseUnread(w, http.StatusForbidden, "Forbidden", why)
		return
	}
	inner, url := *r, *r.URL
	url.Path = "/" + p.secret + url.Path
	if url.RawPath != "" {
		url.RawPath = "/" + p.secret + url.RawPath
	}
	inner.URL = &url
	p.server.ServeHTTP(w, &inner)
}

// stranger says why r is not from the function's process; empty if it may be.
func (p *port) stranger(r *http.Request) string {
	switch {
	case r.Host != p.address:
		return "this is not how a function process addresses its Runtime API"
	case r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Mode") != "":
		return "the Runtime API is not for web pages"
	case !isOurs(r.Context()):
		return "this port belongs to a function process of another user"
	}
	return ""
}

// close frees the port and ends its connections.
func (p *port) close() error {
	err := p.http.Close()
	<-p.served
	return err
}

type peerKey struct{}

// withPeer finds out, at a connection's first request, whose the connection is.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, peerKey{},
		sync.OnceValue(func() bool { return peerIsOurs(c.RemoteAddr(), c.LocalAddr()) }))
}

func isOurs(ctx context.Context) bool {
	ours, ok := ctx.Value(peerKey{}).(func() bool)
	return ok && ours()
}
