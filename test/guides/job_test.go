package guides

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// job is a command that goes on beside others, until the guide or the test ends it.
type job struct {
	line  string
	cmd   *exec.Cmd
	said  bytes.Buffer  // to be read when it has ended
	ended chan struct{} // closed
	err   error         // of its end
}

func (j *job) over() bool {
	select {
	case <-j.ended:
		return true
	default:
		return false
	}
}

// begin starts a job, and waits until something listens where it should.
func (s *session) begin(line string) error {
	j := &job{line: line, cmd: s.shell("exec " + line), ended: make(chan struct{})}
	j.cmd.Cancel = func() error { return j.cmd.Process.Signal(os.Interrupt) }
	j.cmd.WaitDelay = 20 * time.Second
	j.cmd.Stdout, j.cmd.Stderr = &j.said, &j.said
	if err := j.cmd.Start(); err != nil {
		return err
	}
	go func() {
		defer close(j.ended)
		j.err = j.cmd.Wait()
	}()
	number := s.number()
	s.jobs[number] = j
	s.t.Cleanup(func() {
		<-j.ended
		s.t.Logf("[%d] %s\n%s", number, j.line, s.shown.Replace(j.said.String()))
	})
	address := s.listens(line)
	for end := time.Now().Add(patience); address != ""; {
		if c, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			return c.Close()
		}
		select {
		case <-j.ended:
			return fmt.Errorf("%s: ended with %v:\n%s", line, j.err, &j.said)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s: nothing listens at %s", line, address)
		}
	}
	return nil
}

// number is that of the next job: one more than the highest of those that go on.
func (s *session) number() int {
	next := 1
	for n, j := range s.jobs {
		if !j.over() {
			next = max(next, n+1)
		}
	}
	return next
}

var anAddress = regexp.MustCompile(`127\.0\.0\.1:\d+`)

// listens is the address where a job will listen: the first in its line or, in a file of the guide that its line names, the
// first there; others listen nowhere.
func (s *session) listens(line string) string {
	address := anAddress.FindString(line)
	for word := range strings.FieldsSeq(line) {
		if address == "" {
			address = anAddress.FindString(s.files[word])
		}
	}
	return s.here.Replace(address)
}

var (
	export = regexp.MustCompile(`^export (\w+=\S+)$`)
	killed = regexp.MustCompile(`^kill( -9)?((?: %\d+)+)$`)
	waited = regexp.MustCompile(`^wait((?: %\d+)+)$`)
)

// control does what only the shell itself can do.
func (s *session) control(line string) (done bool, err error) {
	if m := export.FindStringSubmatch(line); m != nil {
		s.env = append(s.env, s.here.Replace(m[1]))
		return true, nil
	}
	if m := killed.FindStringSubmatch(line); m != nil {
		signal := syscall.SIGTERM
		if m[1] != "" {
			signal = syscall.SIGKILL
		}
		return true, s.each(m[2], func(j *job) error { return j.cmd.Process.Signal(signal) })
	}
	if m := waited.FindStringSubmatch(line); m != nil {
		return true, s.each(m[1], s.await)
	}
	return false, nil
}

// each calls f for jobs such as "%1 %2".
func (s *session) each(names string, f func(*job) error) error {
	for name := range strings.FieldsSeq(names) {
		n, _ := strconv.Atoi(name[1:])
		j := s.jobs[n]
		if j == nil {
			return fmt.Errorf("there is no job %s", name)
		}
		if err := f(j); err != nil {
			return fmt.Errorf("job %s, %s: %w", name, j.line, err)
		}
	}
	return nil
}

// await waits for the end of a job, which has to be a good one.
func (s *session) await(j *job) error {
	select {
	case <-j.ended:
	case <-time.After(patience):
		return fmt.Errorf("it has not ended")
	}
	if j.err != nil {
		return fmt.Errorf("it ended with %w:\n%s", j.err, &j.said)
	}
	return nil
}
