package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"github.com/perdure/perdure/internal/api/lambdaapi"
)

// Options configure a server. The zero value, like nil, is a server for
// loopback without credentials.
type Options struct {
	// Logger receives what operators should know; nil is slog.Default().
	Logger *slog.Logger
	// Limits bound what clients can take.
	Limits Limits
	// Hosts are host names, without ports, under which clients may address
	// the server on a loopback address, beside localhost and loopback
	// addresses themselves. A container that reaches the host by a name of its
	// own needs that name here.
	Hosts []string
	// Certificate makes the server speak TLS, and nothing else.
	Certificate *Certificate
	// Spans takes a span of every request to an API; nil traces none.
	Spans Spans
	// Credentials are those that may use the server; nil is everybody.
	Credentials Credentials
}

// Server serves the faces of one engine. Its methods may be called
// concurrently.
type Server struct {
	faces       Faces
	limits      Limits
	guard       guard
	certificate *Certificate
	credentials Credentials
	login       *login

	requests    requests
	http        http.Server
	bodies      budget
	connections connections
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
	s := &Server{
		faces:       faces,
		limits:      opts.Limits.withDefaults(),
		guard:       newGuard(opts.Hosts),
		certificate: opts.Certificate,
		credentials: opts.Credentials,
		login:       newLogin(opts.Credentials, opts.Certificate != nil),
	}
	s.requests.spans = opts.Spans
	s.faces.discreet = opts.Credentials != nil
	s.bodies.most = s.limits.BodyBytes
	s.connections.init(s.limits.Connections)
	log := cmp.Or(opts.Logger, slog.Default())
	s.http = http.Server{
		Handler:           s.requests.counted(lambdaapi.Shell(&lambdaapi.Options{Logger: log}, s.serve)),
		ReadHeaderTimeout: s.limits.HeaderTime,
		IdleTimeout:       s.limits.IdleTime,
		MaxHeaderBytes:    s.limits.HeaderBytes,
		ConnState:         s.connections.note,

		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	return s
}

// serve answers one request.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) error {
	r, answered := s.watchBody(w, r)
	defer answered()
	if err := s.guard.check(r); err != nil {
		return err
	}
	if s.credentials != nil && !isOpen(r) {
		if s.login.takes(w, r) {
			return nil
		}
		caller, err := s.authenticate(r)
		if err != nil {
			return err
		}
		if err := authorize(caller, r); err != nil {
			return err
		}
	}
	s.faces.ServeHTTP(w, r)
	return nil
}

// Serve answers the connections that l accepts until the server is shut down,
// for which it returns nil. It closes l. On an address that is not loopback it
// fails at once unless the server has credentials and a certificate.
func (s *Server) Serve(l net.Listener) error {
	if !isLoopback(l.Addr()) && (s.credentials == nil || s.certificate == nil) {
		return errors.Join(fmt.Errorf("%s is not a loopback address: it is served with credentials and TLS only", l.Addr()), l.Close())
	}
	l = steadyListener{l, s.limits.SteadyTime}
	if s.certificate != nil {
		l = tls.NewListener(l, s.certificate.config())
	}
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// isLoopback reports whether only this machine reaches an address.
func isLoopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return !ok || tcp.IP.IsLoopback()
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
