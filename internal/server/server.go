package server

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Options configure a server. The zero value, like nil, is the default.
type Options struct {
	// Logger receives what operators should know; nil is slog.Default().
	Logger *slog.Logger
	// Limits bound what one client can take.
	Limits Limits
}

// Limits bound what one client can take. Zero members have the default named.
type Limits struct {
	// HeaderTime is how long a request's header may take to arrive: 10 s.
	HeaderTime time.Duration
	// BodyTime is how long the next 32 KB of a body may take to arrive: 30 s.
	// There is no limit for the whole of it, nor for the answer, which a
	// synchronous Invoke may wait for as long as an execution lasts.
	BodyTime time.Duration
	// IdleTime is how long a connection may wait for its next request: 3 min,
	// which is longer than the AWS SDKs keep one that they do not use.
	IdleTime time.Duration
	// HeaderBytes bounds a request's header with its first line: 64 KiB.
	HeaderBytes int
}

func (l Limits) withDefaults() Limits {
	l.HeaderTime = cmp.Or(l.HeaderTime, 10*time.Second)
	l.BodyTime = cmp.Or(l.BodyTime, 30*time.Second)
	l.IdleTime = cmp.Or(l.IdleTime, 3*time.Minute)
	l.HeaderBytes = cmp.Or(l.HeaderBytes, 64<<10)
	return l
}

// Server serves the faces of one engine. Its methods may be called
// concurrently.
type Server struct {
	faces  Faces
	limits Limits
	http   http.Server
}

// New returns a server of faces, of which Lambda must be set. Nil options are
// the defaults.
func New(faces Faces, opts *Options) *Server {
	if faces.Lambda == nil {
		panic("server: New without the Lambda API")
	}
	if opts == nil {
		opts = &Options{}
	}
	s := &Server{faces: faces, limits: opts.Limits.withDefaults()}
	log := cmp.Or(opts.Logger, slog.Default())
	s.http = http.Server{
		Handler:           http.HandlerFunc(s.serve),
		ReadHeaderTimeout: s.limits.HeaderTime,
		IdleTimeout:       s.limits.IdleTime,
		MaxHeaderBytes:    s.limits.HeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	return s
}

// serve answers one request.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	defer steady(w, r, s.limits.BodyTime)()
	s.faces.ServeHTTP(w, r)
}

// Serve answers the connections that l accepts until the server is shut down,
// for which it returns nil. It closes l.
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Shutdown stops accepting connections and waits until all requests are
// answered. When ctx ends first it breaks off those that are left, and returns
// the context's error.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		_ = s.http.Close()
	}
	return err
}
