package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestKill kills the service with an order under way, starts it again, and has
// the wait of the order passed over through the API that it mounts.
func TestKill(t *testing.T) {
	program := filepath.Join(t.TempDir(), "embedded")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s := service{t: t, program: program, data: filepath.Join(t.TempDir(), "data")}
	s.start()
	s.want("POST", "/orders/17", `{"amount_cents":4200}`, `"accepted"`)
	s.want("POST", "/orders/17", `{"amount_cents":4200}`, `"accepted"`)
	s.want("POST", "/orders/17", `{"amount_cents":1}`, "already")
	s.want("POST", "/orders/18", `4200`, "cannot unmarshal")
	s.want("GET", "/orders/99", "", "no execution 99")
	s.until("GET", "/perdure/executions?Function=order", "", `"Doing":\["waiting"\]`)
	s.kill()

	s.start()
	running := s.until("GET", "/orders/17", "", `"Status":"RUNNING"`)
	if strings.Contains(running, "Output") {
		t.Errorf("got an output of what runs: %s", running)
	}
	arn := regexp.MustCompile(`arn:aws:lambda:[^"]*`).FindString(s.ask("GET", "/2025-12-01/functions/order/durable-executions", ""))
	if refused := s.ask("POST", "/perdure/executions/"+strings.ReplaceAll(arn, "/", "%2F")+"/skip", "{}"); strings.Contains(refused,
		"essage") {
		t.Errorf("skipping the wait: %s", refused)
	}
	s.until("GET", "/orders/17", "", `"Status":"SUCCEEDED".*"payment":"charged .*"shipment":"shipped for 4200 cents"`)
	s.want("GET", "/ui/", "", "<html")
	s.kill()
}

// service is a process of the example.
type service struct {
	t             *testing.T
	program, data string
	process       *exec.Cmd
	url           string
}

var address = regexp.MustCompile(`127\.0\.0\.1:\d+`)

func (s *service) start() {
	s.t.Helper()
	s.process = exec.Command(s.program, "-listen", "127.0.0.1:0", "-data", s.data)
	lines, w := io.Pipe()
	s.process.Stderr = w
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(s.kill)
	said := make([]byte, 1<<10)
	n, _ := lines.Read(said)
	go io.Copy(io.Discard, lines)
	if s.url = "http://" + address.FindString(string(said[:n])); s.url == "http://" {
		s.t.Fatalf("it said %q, want its address", said[:n])
	}
}

// kill is SIGKILL.
func (s *service) kill() {
	if s.process.ProcessState == nil {
		_ = s.process.Process.Signal(os.Kill)
		_ = s.process.Wait()
	}
}

func (s *service) ask(method, path, body string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, bytes.NewBufferString(body))
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

func (s *service) want(method, path, body, want string) {
	s.t.Helper()
	if got := s.ask(method, path, body); !strings.Contains(got, want) {
		s.t.Errorf("%s %s: got %s, want %s", method, path, got, want)
	}
}

// until asks until the answer matches.
func (s *service) until(method, path, body, pattern string) (got string) {
	s.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if got = s.ask(method, path, body); regexp.MustCompile(pattern).MatchString(got) {
			return got
		}
	}
	s.t.Fatalf("%s %s: got %s at last, want %s", method, path, got, pattern)
	return ""
}
