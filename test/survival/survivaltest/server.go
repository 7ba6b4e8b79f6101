package survivaltest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/perdure/perdure/internal/freeport"
)

// Server is `perdure serve` as a process that can be killed. What it says in all its lives goes to the file Log.
type Server struct {
	t      *testing.T
	Binary string
	Args   []string // behind serve --listen
	Env    []string // beside ours
	Addr   string
	Log    string

	mu   sync.Mutex
	cmd  *exec.Cmd
	gone chan struct{} // closed when cmd has ended
	err  error         // of its end
}

// NewServer starts an engine on a free address; dir is for its log. The test's end stops it.
func NewServer(t *testing.T, binary, dir string, args ...string) *Server {
	t.Helper()
	s := Prepare(t, binary, dir, args...)
	s.Start()
	return s
}

// Prepare is NewServer without the start.
func Prepare(t *testing.T, binary, dir string, args ...string) *Server {
	t.Helper()
	addr := freeport.For(t)
	s := &Server{t: t, Binary: binary, Args: args, Addr: addr,
		Log: filepath.Join(dir, "engine-"+addr[strings.LastIndex(addr, ":")+1:]+".log")}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Errorf("%v did not end well after an interrupt: %v", s, err)
		}
		if t.Failed() {
			text, _ := os.ReadFile(s.Log)
			t.Logf("%v said at last (all of it is in %s while that directory lives):\n%s", s, s.Log, text[max(0, len(text)-2000):])
		}
	})
	return s
}

// Start starts the engine, if it does not run.
func (s *Server) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd != nil {
		return
	}
	log, err := os.OpenFile(s.Log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		s.t.Error(err)
		return
	}
	defer log.Close()
	cmd := exec.Command(s.Binary, append([]string{"serve", "--listen", s.Addr}, s.Args...)...)
	cmd.Stderr, cmd.Env = log, append(os.Environ(), s.Env...)
	if err := cmd.Start(); err != nil {
		s.t.Errorf("starting %v: %v", s, err)
		return
	}
	gone := make(chan struct{})
	s.cmd, s.gone = cmd, gone
	go func() {
		s.err = cmd.Wait()
		close(gone)
	}()
}

// Kill ends the engine with SIGKILL.
func (s *Server) Kill() { _ = s.end(os.Kill) }

// Restart ends the engine with SIGKILL and starts it again.
func (s *Server) Restart() {
	s.Kill()
	s.Start()
}

// Stop ends the engine as Ctrl-C does. One that was killed, or never started, is no error.
func (s *Server) Stop() error { return s.end(os.Interrupt) }

// Drain ends the engine as a supervisor does that gives it time.
func (s *Server) Drain() error { return s.end(syscall.SIGTERM) }

// stopTime is how long an engine may take to end when it is told to.
const stopTime = time.Minute

func (s *Server) end(signal os.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return nil
	}
	_ = s.cmd.Process.Signal(signal)
	select {
	case <-s.gone:
	case <-time.After(stopTime):
		_ = s.cmd.Process.Kill()
		<-s.gone
		s.err = errors.Join(fmt.Errorf("it did not end within %v of %v", stopTime, signal), s.err)
	}
	s.cmd = nil
	return s.err
}

// Freeze stops the engine where it is, but not its functions, until Thaw.
func (s *Server) Freeze() { s.signal(syscall.SIGSTOP) }

// Thaw ends Freeze.
func (s *Server) Thaw() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(signal syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd != nil {
		_ = s.cmd.Process.Signal(signal)
	}
}

// KillFunctions ends the function processes of the engine with SIGKILL.
func (s *Server) KillFunctions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	for _, pid := range children(s.cmd.Process.Pid) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// Verify has the command look for damage in the database.
func (s *Server) Verify() {
	s.t.Helper()
	out, err := exec.CommandContext(s.t.Context(), s.Binary, "verify", "--endpoint", "http://"+s.Addr).CombinedOutput()
	if err != nil {
		s.t.Errorf("perdure verify: %v\n%s", err, out)
	}
}

func (s *Server) String() string { return "perdure serve on " + s.Addr }

// children returns the processes whose parent is pid. Where /proc is missing it returns none, and only the engine is
// killed.
func children(pid int) (found []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(text), ") ") // behind the command's name, which may hold anything
		fields := strings.Fields(rest)
		if len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			child, _ := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
			found = append(found, child)
		}
	}
	return found
}

// Build builds a command of this repository, whose root is given.
func Build(t *testing.T, root, out, pkg string, flags ...string) {
	t.Helper()
	args := append([]string{"build", "-tags", "lambda.norpc", "-o", out}, flags...)
	cmd := exec.CommandContext(t.Context(), "go", append(args, "./"+pkg)...)
	cmd.Dir = root
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", pkg, err, text)
	}
}

// PID is the process of the engine, or zero.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return 0
	}
	return s.cmd.Process.Pid
}
