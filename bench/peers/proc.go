package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// process is one that the benchmark started. Its log is a file.
type process struct {
	cmd   *exec.Cmd
	log   string
	stdin io.WriteCloser
	ended chan struct{}
	err   error // once it has ended
}

// How long processes may take.
const (
	startTime = 60 * time.Second // to become ready
	stopTime  = 10 * time.Second // to end when they are asked to
)

// command is how a process is started.
type command struct {
	path, log string
	args, env []string
	dir       string
	user      *syscall.Credential // nil is our own
	stdout    io.Writer           // nil is the log, too
}

// start starts a process, in a group of its own so that Ctrl-C leaves its end to us. It dies with us.
func start(c command) (*process, error) {
	log, err := os.OpenFile(c.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(c.path, c.args...)
	cmd.Dir, cmd.Env = c.dir, append(os.Environ(), c.env...)
	cmd.Stderr = log
	if cmd.Stdout = c.stdout; c.stdout == nil {
		cmd.Stdout = log
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Credential: c.user}
	p := &process{cmd: cmd, log: c.log, ended: make(chan struct{})}
	if p.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// stop asks a process to end, by the end of its standard input and by a signal, and ends it and its group if it does
// not.
func (p *process) stop(ask os.Signal) {
	if p == nil {
		return
	}
	p.stdin.Close()
	if ask != nil {
		p.cmd.Process.Signal(ask)
	}
	select {
	case <-p.ended:
	case <-time.After(stopTime):
	}
	syscall.Kill(-p.pid(), syscall.SIGKILL) // whoever is left of it
	<-p.ended
}

// until waits until ready returns true, and fails if the process ends before, or takes too long.
func (p *process) until(ctx context.Context, ready func() bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTime, fmt.Errorf("not ready after %v", startTime))
	defer cancel()
	for tick := time.NewTicker(5 * time.Millisecond); ; {
		if ready() {
			tick.Stop()
			return nil
		}
		select {
		case <-tick.C:
		case <-p.ended:
			return p.failure(errors.Join(errors.New("it ended"), p.err))
		case <-ctx.Done():
			return p.failure(context.Cause(ctx))
		}
	}
}

// failure adds the end of its log to what went wrong with a process.
func (p *process) failure(err error) error {
	log, _ := os.ReadFile(p.log)
	tail := strings.TrimSpace(string(log[max(0, len(log)-500):]))
	return fmt.Errorf("%s: %w: %s", filepath.Base(p.cmd.Path), err, cmp.Or(tail, "its log is empty"))
}
