package survival

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// server is `perdure serve` with the victim as its function, started again
// whenever it is killed.
type server struct {
	t      *testing.T
	binary string
	args   []string
	addr   string

	mu     sync.Mutex
	cmd    *exec.Cmd
	output bytes.Buffer // of all its lives
}

func newServer(t *testing.T, args ...string) (s *server, log string) {
	t.Helper()
	dir := t.TempDir()
	s = &server{t: t, binary: filepath.Join(dir, "perdure"), addr: freeAddress(t)}
	victim := filepath.Join(dir, "victim")
	log = filepath.Join(dir, "steps.log")
	build(t, s.binary, "../../cmd/perdure")
	build(t, victim, "./victim")
	s.args = []string{"serve", "--listen", s.addr, "--data", filepath.Join(dir, "data"),
		"--function", "victim=" + victim, "--env", "VICTIM_LOG=" + log}
	s.args = append(s.args, args...)
	s.start()
	t.Cleanup(s.stop)
	return s, log
}

func build(t *testing.T, out, pkg string) {
	t.Helper()
	if text, err := exec.CommandContext(t.Context(), "go", "build", "-tags", "lambda.norpc", "-o", out, pkg).CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", pkg, err, text)
	}
}

// freeAddress returns a loopback address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (s *server) start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cmd = exec.Command(s.binary, s.args...)
	s.cmd.Stderr = &s.output
	if err := s.cmd.Start(); err != nil {
		s.t.Errorf("starting perdure serve: %v", err)
	}
}

// kill ends the engine with SIGKILL and starts it again.
func (s *server) kill() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
	s.start()
}

// killFunctions ends the function processes of the engine with SIGKILL.
func (s *server) killFunctions() {
	for _, pid := range children(s.cmd.Process.Pid) {
		if p, err := os.FindProcess(pid); err == nil {
			p.Kill()
		}
	}
}

// stop ends the engine as Ctrl-C does, and shows what it said if the test failed.
func (s *server) stop() {
	s.cmd.Process.Signal(os.Interrupt)
	err := s.cmd.Wait()
	if err != nil {
		s.t.Errorf("perdure serve did not end well after an interrupt: %v", err)
	}
	if s.t.Failed() {
		text := s.output.String()
		s.t.Logf("perdure serve said at last:\n%s", text[max(0, len(text)-8000):])
	}
}

// children returns the processes whose parent is pid. Where /proc is missing it
// returns none, and only the engine is killed.
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

// client is a real Lambda client for the engine. It does not retry: the test
// does, and knows why.
func (s *server) client() *lambda.Client {
	return lambda.New(lambda.Options{
		BaseEndpoint: aws.String("http://" + s.addr),
		Region:       "us-east-1",
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "any", SecretAccessKey: "any"}, nil
		}),
		RetryMaxAttempts: 1,
	})
}

func (s *server) String() string { return fmt.Sprintf("perdure serve on %s", s.addr) }
