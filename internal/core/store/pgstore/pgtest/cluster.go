package pgtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/perdure/perdure/internal/freeport"
)

// Cluster is a server of PostgreSQL with its data. Its methods are for one goroutine at a time.
type Cluster struct {
	bin, dir string
	port     *freeport.Port
	settings []string // of its command line
	as       identity

	process *os.Process // nil while it is stopped
	gone    chan none   // closed when the process has ended
	log     *serverLog
}

// start makes a cluster and starts it.
func start(bin string, settings ...string) (*Cluster, error) {
	c, err := prepare(bin, settings)
	if err != nil {
		return nil, err
	}
	err = c.run("initdb", "--pgdata", c.data(), "--username", "postgres", "--auth", "trust", "--locale", "C",
		"--encoding", "UTF8", "--no-sync")
	if err == nil {
		err = c.launch()
	}
	if err != nil {
		c.remove()
		return nil, err
	}
	return c, nil
}

// prepare makes the directory of a cluster, without data.
func prepare(bin string, settings []string) (*Cluster, error) {
	as, err := unprivileged()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "perdure-pg")
	if err != nil {
		return nil, err
	}
	port, err := freeport.Take()
	if err != nil {
		os.Remove(dir)
		return nil, err
	}
	c := &Cluster{bin: bin, dir: dir, port: port, settings: settings, as: as}
	if err := as.own(dir); err != nil {
		c.remove()
		return nil, err
	}
	return c, nil
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

// Address is the host and the port of the server. It stays the same when the server starts again.
func (c *Cluster) Address() string { return c.port.Address() }

// Dir is the directory of the server's socket, with its data below. The server's user may write there.
func (c *Cluster) Dir() string { return c.dir }

// PID is the number of the server's first process; zero while it is stopped.
func (c *Cluster) PID() int {
	if c.process == nil {
		return 0
	}
	return c.process.Pid
}

// Log returns the last lines that the server wrote.
func (c *Cluster) Log() string { return c.log.String() }

// run runs one of PostgreSQL's programs to its end, as the server's user.
func (c *Cluster) run(program string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(c.bin, program), args...)
	cmd.Dir, cmd.SysProcAttr = c.dir, c.as.attributes()
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, text)
	}
	return nil
}

// launch starts the server, and returns when it takes connections.
func (c *Cluster) launch() error {
	args := []string{"-D", c.data(), "-k", c.dir, "-p", strconv.Itoa(c.port.Number), "-c", "listen_addresses=127.0.0.1",
		"-c", "max_connections=200", "-c", "log_line_prefix=%m [%p] "}
	for _, setting := range c.settings {
		args = append(args, "-c", setting)
	}
	cmd := exec.Command(filepath.Join(c.bin, "postgres"), args...)
	cmd.Dir, cmd.SysProcAttr = c.dir, c.as.attributes()
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd.Stderr = w
	c.gone, err = startBound(cmd)
	w.Close()
	if err != nil {
		r.Close()
		return err
	}
	c.process, c.log = cmd.Process, readLog(r, "database system is ready to accept")
	select {
	case <-c.log.ready:
		return nil
	case <-c.log.ended:
		err = errors.New("the server ended")
	case <-time.After(patience):
		err = errors.New("the server does not get ready")
	}
	c.halt(syscall.SIGKILL)
	return fmt.Errorf("%w: %s", err, c.log)
}

type none = struct{}

// startBound starts a command that is killed when this process ends, however it does. The kernel binds it to a thread,
// so that thread must stay. gone is closed when the command has ended, and its id is free again.
func startBound(cmd *exec.Cmd) (gone chan none, err error) {
	started := make(chan error)
	gone = make(chan none)
	go func() {
		defer close(gone)
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	return gone, <-started
}

// halt ends the server with a signal, and returns when all its processes have ended.
func (c *Cluster) halt(sig syscall.Signal) {
	if c.process == nil {
		return
	}
	processes := []int{c.process.Pid}
	if sig == syscall.SIGKILL {
		processes = append(processes, children(c.process.Pid)...)
	}
	for _, pid := range processes {
		_ = syscall.Kill(pid, sig)
	}
	<-c.log.ended // by the last of its processes
	<-c.gone      // otherwise the next server takes it for one that runs
	c.process = nil
}

// children returns the processes that a process started.
func children(pid int) (pids []int) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", pid))
	for field := range strings.FieldsSeq(string(text)) {
		var child int
		if _, err := fmt.Sscan(field, &child); err == nil {
			pids = append(pids, child)
		}
	}
	return pids
}

// Stop ends the server in order: sessions are cut off, and what is committed is on disk.
func (c *Cluster) Stop() { c.halt(syscall.SIGINT) }

// Kill ends all processes of the server at once, as kill -9 does.
func (c *Cluster) Kill() { c.halt(syscall.SIGKILL) }

// Start starts a server that was stopped or killed, at its old address. It returns when the server has recovered.
func (c *Cluster) Start(t testing.TB) {
	t.Helper()
	if err := c.launch(); err != nil {
		t.Fatal(err)
	}
}

// Restart stops the server and starts it, with further settings.
func (c *Cluster) Restart(t testing.TB, settings ...string) {
	t.Helper()
	c.Stop()
	c.settings = slices.Concat(c.settings, settings)
	c.Start(t)
}

// Freeze stops all processes of the server where they are until Thaw: it takes connections, and answers nothing.
func (c *Cluster) Freeze() { c.signal(syscall.SIGSTOP) }

// Thaw ends Freeze.
func (c *Cluster) Thaw() { c.signal(syscall.SIGCONT) }

func (c *Cluster) signal(sig syscall.Signal) {
	for _, pid := range append([]int{c.process.Pid}, children(c.process.Pid)...) {
		_ = syscall.Kill(pid, sig)
	}
}

// remove ends the server and removes its data.
func (c *Cluster) remove() {
	c.Kill()
	c.port.Free()
	_ = os.RemoveAll(c.dir)
}

// serverLog reads what a server writes, up to its end.
type serverLog struct {
	ready chan struct{} // closed when the server takes connections
	ended chan struct{} // closed when all its processes have ended

	mu    sync.Mutex
	lines []string
}

const maxLines = 200

// readLog takes a line with the text ready for the sign that the server takes connections.
func readLog(r io.ReadCloser, ready string) *serverLog {
	l := &serverLog{ready: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(l.ended)
		defer r.Close()
		readied := false
		for scanner := bufio.NewReader(r); ; {
			line, err := scanner.ReadString('\n')
			l.add(line)
			if !readied && strings.Contains(line, ready) {
				readied = true
				close(l.ready)
			}
			if err != nil {
				return
			}
		}
	}()
	return l
}

func (l *serverLog) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	l.lines = l.lines[max(0, len(l.lines)-maxLines):]
}

func (l *serverLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "")
}
