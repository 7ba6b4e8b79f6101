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
	"slices"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/lambdaapi"
	"github.com/perdure/perdure/internal/api/plainhttp"
	"github.com/perdure/perdure/internal/api/route"
)

// Options configure a server. The zero value, like nil, is a server for loopback without credentials.
type Options struct {
	// Logger receives what operators should know; nil is slog.Default().
	Logger *slog.Logger
	// Limits bound what clients can take.
	Limits Limits
	// Hosts are host names, without ports, under which clients may address the server on a loopback address, beside
	// localhost and loopback addresses themselves. A container that reaches the host by another name needs that
	// name here.
	Hosts []string
	// Certificate makes the server speak TLS only.
	Certificate *Certificate
	// Spans takes a span of every request to an API; nil traces none.
	Spans Spans
	// Credentials are those that may use the server; nil lets everybody in.
	Credentials Credentials
	// Doors are the only ways in, for functions; nil is a server for others.
	Doors *Doors
	// Runtime is the Runtime API, which answers on the same port as Doors. It has bounds of its own for bodies, and its
	// requests are not counted.
	Runtime http.Handler
	// Beside is the server of the engine's other port, if there is one: the two count together, and share the memory
	// of bodies.
	Beside *Server
	// Metrics answers /metrics; nil has no such path.
	Metrics http.Handler
	// Ready answers /ready: nil says that the engine takes on work, an error why it does not. Every request calls
	// it, so it should be quick. With a nil Ready there is no such path.
	Ready func(ctx context.Context) error
	// Fleet vouches for what this node passes on to another one, and knows what others vouched for; nil passes
	// nothing on.
	Fleet Fleet
}

// Server serves the faces of one engine. Its methods may be called concurrently.
type Server struct {
	faces       []*route.Face
	limits      Limits
	guard       guard
	certificate *Certificate
	credentials Credentials
	doors       *Doors
	runtime     http.Handler
	login       *login
	spans       Spans // nil if requests are not traced
	passing     passing

	load        *load
	operations  map[*route.Route]*operation // that of nil is for requests without a route
	connections connections
	handler     http.Handler
	http        httpServer
}

// httpServer is [http.Server], or [plainhttp.Server] for functions, which are many and speak plainly.
type httpServer interface {
	Serve(net.Listener) error
	Shutdown(context.Context) error
	Close() error
}

// New returns a server of faces. The first, the Lambda API, refuses the paths that no face has. Nil options are the
// defaults.
func New(faces []*route.Face, opts *Options) *Server {
	if opts == nil {
		opts = &Options{}
	}
	return newServer(faces, opts, opts.Doors != nil)
}

func newServer(faces []*route.Face, opts *Options, plain bool) *Server {
	s := &Server{
		limits:      opts.Limits.withDefaults(),
		guard:       newGuard(opts.Hosts),
		certificate: opts.Certificate,
		credentials: opts.Credentials,
		doors:       opts.Doors,
		runtime:     opts.Runtime,
		login:       newLogin(opts.Credentials, opts.Certificate != nil),
		spans:       opts.Spans,
		passing:     newPassing(opts.Fleet),
	}
	s.faces = slices.Concat(faces, s.own(opts))
	s.connections.init(s.limits.Connections)
	if opts.Beside != nil {
		s.load = opts.Beside.load
	} else {
		s.load = newLoad(s.limits.BodyBytes)
	}
	s.operations = s.load.add(s.faces, &s.connections)
	log := cmp.Or(opts.Logger, slog.Default())
	s.passing.log = log
	s.handler = s.counted(lambdaapi.ShellFor(log, s.show)(s.serve))
	h := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: s.limits.HeaderTime,
		IdleTimeout:       s.limits.IdleTime,
		MaxHeaderBytes:    s.limits.HeaderBytes,
		ConnState:         s.connections.note,

		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	if s.http = h; plain {
		s.http = plainhttp.New(h)
	}
	return s
}

// serve answers one request.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) error {
	asked := &w.(*answer).asked
	r, answered := s.watchBody(w, r)
	defer answered()
	passed, err := s.passing.accept(r)
	if err != nil {
		return err
	}
	if !passed || s.doors != nil { // else a node has checked it
		caller, done, err := s.admit(w, r, asked)
		who := ""
		if caller != nil {
			if r, who = route.By(caller, r), caller.Name; caller.May(route.Readers) {
				w.(*answer).admitted = r // to be told on a page, if it may see no more than that
			}
		}
		if done || err != nil {
			return err
		}
		r = asked.by(r, who)
	}
	w.(*answer).admitted = r
	err = asked.face.Answer(w, r, asked.match)
	if there, ok := errors.AsType[*engine.ElsewhereError](err); ok && !passed && s.passing.fleet != nil {
		return s.passing.on(w, r, there)
	}
	return err
}

// admit refuses those who may not ask this, and returns who asks, if that is known; nil without credentials. A
// person without a session is answered with the way to log in.
func (s *Server) admit(
	w http.ResponseWriter, r *http.Request, asked *asked,
) (caller *route.Caller, answered bool, err error) {
	if err := s.guard.check(r, asked); err != nil {
		return nil, false, err
	}
	if s.doors != nil {
		if asked.function == "" {
			return nil, false, errNoDoor
		}
		if !asked.mayBeUsedBy(s.doors.access, r.Method) {
			return nil, false, asked.denied("function/"+asked.function, r)
		}
	}
	if s.credentials == nil || asked.isOpen() {
		return nil, false, nil
	}
	if asked.face.Login == route.Session && s.login.session(r) == nil {
		return nil, true, s.login.send(w, r)
	}
	c, err := s.authenticate(r, asked)
	if err != nil {
		return nil, false, err
	}
	caller = &route.Caller{Name: c.Name, Access: routesFor[c.Access], Session: s.login.value(r)}
	if !asked.mayBeUsedBy(c.Access, r.Method) {
		err = asked.denied("user/"+c.Name, r)
	}
	return caller, false, err
}

// Serve answers the connections of l until the server is shut down, for which it returns nil. It closes l. On an
// address that is not loopback it fails at once unless the server has credentials and a certificate.
func (s *Server) Serve(l net.Listener) error {
	if !isLoopback(l.Addr()) && (s.credentials == nil || s.certificate == nil) {
		return errors.Join(fmt.Errorf("%s is not a loopback address: it is served with credentials and TLS only",
			l.Addr()), l.Close())
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

// Shutdown stops accepting connections and waits until all requests are answered. When ctx ends first it breaks off
// the others, and returns the context's error.
func (s *Server) Shutdown(ctx context.Context) error {
	defer s.passing.close()
	err := s.http.Shutdown(ctx)
	if err != nil {
		_ = s.http.Close()
	}
	return err
}

// Handler is the server's handler, for another server.
func (s *Server) Handler() http.Handler { return s.handler }
