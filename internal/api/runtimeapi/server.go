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
)

const (
	// maxHeader leaves room for the X-Ray error cause, a header of up to 1 MiB.
	maxHeader = 2 << 20
	// headerTime bounds the arrival of a request's header.
	headerTime = 10 * time.Second
	// discardTime bounds reading the body of a refused request.
	discardTime = time.Second
)

// Server serves the Runtime API to any number of function processes. Its methods may be called concurrently.
type Server struct {
	address string
	logger  *slog.Logger
	http    *http.Server
	routes  *http.ServeMux
	served  chan struct{} // closed when the listener is done

	mu       sync.Mutex
	closed   bool
	sessions map[string]*Session // secret -> session
}

// Listen opens a port on the loopback interface and serves the Runtime API on
// it until [Server.Close]. A nil logger discards.
func Listen(logger *slog.Logger) (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("opening a loopback port for the Runtime API: %w", err)
	}
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		address:  listener.Addr().String(),
		logger:   logger,
		served:   make(chan struct{}),
		sessions: make(map[string]*Session),
	}
	s.routes = s.newRoutes()
	// No idle timeout: a connection idles for as long as a handler runs, and
	// closing it under a client that is about to answer loses the answer.
	s.http = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerTime,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
	go s.serve(listener, logger)
	return s, nil
}

func (s *Server) serve(listener net.Listener, logger *slog.Logger) {
	defer close(s.served)
	if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		logger.Error("the Runtime API stopped", "error", err)
	}
}

// Attach makes a session for one function process. On a closed server the session is closed as well.
func (s *Server) Attach() *Session {
	session := newSession(s, rand.Text())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		session.cancel()
		return session
	}
	s.sessions[session.secret] = session
	return session
}

// Close ends all sessions and connections and frees the port.
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
	err := s.http.Close()
	<-s.served
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
