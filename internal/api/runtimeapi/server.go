package runtimeapi

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/plainhttp"
)

// MaxHeader leaves room for the X-Ray error cause, a header of up to 1 MiB.
const MaxHeader = 2 << 20

const (
	// headerTime bounds the arrival of a request's header.
	headerTime = 10 * time.Second
	// discardTime bounds reading the body of a refused request.
	discardTime = time.Second
)

// Server serves the Runtime API to any number of function processes. Its methods may be called concurrently.
type Server struct {
	address string
	logger  *slog.Logger
	routes  *http.ServeMux
	own     *plainhttp.Server // of [Listen]
	served  chan struct{}     // closed when its listener is done

	mu       sync.Mutex
	closed   bool
	sessions map[string]*Session // secret -> session
}

// New returns a server for somebody else's listener with this address, to which processes will send what they want of
// [Server.ServeHTTP]. Connections must be allowed to idle, for as long as a handler runs: one that is closed under a
// client that is about to answer loses the answer. A nil logger discards.
func New(address string, logger *slog.Logger) *Server {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{address: address, logger: logger, sessions: make(map[string]*Session)}
	s.routes = s.newRoutes()
	return s
}

// Listen opens a port on the loopback interface and serves nothing but the Runtime API on it until [Server.Close].
func Listen(logger *slog.Logger) (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("opening a loopback port for the Runtime API: %w", err)
	}
	s := New(listener.Addr().String(), logger)
	s.served = make(chan struct{})
	s.own = plainhttp.New(s.settings(s))
	go func() {
		defer close(s.served)
		if err := s.own.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.logger.Error("the Runtime API stopped", "error", err)
		}
	}()
	return s, nil
}

// settings are those of a server for h.
func (s *Server) settings(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTime,
		MaxHeaderBytes:    MaxHeader,
		ErrorLog:          slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
	}
}

// Attach makes a session for one function process, which may have so many invocations under way at one time. hear must
// not call the session; it gets an invocation with the events of one. On a closed server the session is closed as well.
func (s *Server) Attach(places int, hear func(Event, *engine.Invocation)) *Session {
	session := newSession(s, rand.Text(), places, hear)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		session.cancel()
		return session
	}
	s.sessions[session.secret] = session
	return session
}

// Close ends all sessions, and the connections and ports of its own.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	var ports []*port
	for _, session := range s.sessions {
		session.cancel()
		if session.port != nil {
			ports = append(ports, session.port)
		}
	}
	clear(s.sessions)
	s.mu.Unlock()
	var err error
	if s.own != nil {
		err = s.own.Close()
		<-s.served
	}
	for _, p := range ports {
		err = errors.Join(err, p.close())
	}
	return err
}

func (s *Server) detach(session *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, session.secret)
}

// ServeHTTP serves one request of any function process.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.routes.ServeHTTP(w, r)
}

func (s *Server) newRoutes() *http.ServeMux {
	const runtime = "/{secret}/2018-06-01/runtime/"
	routes := http.NewServeMux()
	handle := func(pattern string, h func(*Session, http.ResponseWriter, *http.Request)) {
		routes.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if session := s.session(r.PathValue("secret")); session != nil {
				h(session, w, r)
				return
			}
			refuseUnread(w, http.StatusForbidden, "Forbidden", "this path belongs to no running function process")
		})
	}
	handle("GET "+runtime+"invocation/next", (*Session).serveNext)
	handle("HEAD "+runtime+"invocation/next", (*Session).serveUnsupported) // GET's pattern would take it
	handle("POST "+runtime+"invocation/{id}/response", (*Session).serveResponse)
	handle("POST "+runtime+"invocation/{id}/error", (*Session).serveError)
	handle("POST "+runtime+"init/error", (*Session).serveInitError)
	handle("/{secret}/{rest...}", (*Session).serveUnsupported)
	handle("/", (*Session).serveUnsupported) // for the refusal of requests without a secret
	return routes
}

// session finds the session of a secret; nil if there is none.
func (s *Server) session(secret string) *Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[secret]
}
