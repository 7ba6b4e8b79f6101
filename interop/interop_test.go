package interop

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

var python = flag.String("python", "", "a Python interpreter that has boto3")

func TestBoto3(t *testing.T) {
	if *python == "" {
		t.Skip("needs a Python with boto3: go test ./interop -python PATH, or make interop")
	}
	endpoint := serve(t, "--function", "order=../examples/order", "--function", "approval="+script(t, "approval.py"))
	cmd := exec.CommandContext(t.Context(), *python, "boto3_test.py")
	cmd.Env = append(os.Environ(), "PERDURE_ENDPOINT="+endpoint, "AWS_REGION=us-east-1",
		"AWS_DEFAULT_REGION=us-east-1", "AWS_ACCESS_KEY_ID=any", "AWS_SECRET_ACCESS_KEY=any")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("boto3_test.py: %v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// script makes a Python file executable as a function.
func script(t *testing.T, file string) string {
	t.Helper()
	source, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "function")
	if err := os.WriteFile(path, fmt.Appendf(nil, "#!/bin/sh\nexec '%s' '%s'\n", *python, source), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// ready matches what `perdure serve` says when it serves.
var ready = regexp.MustCompile(`the Lambda API is on (http://\S+)`)

// serve builds the command line, runs `perdure serve` until the test ends and
// returns its endpoint.
func serve(t *testing.T, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	perdure := filepath.Join(dir, "perdure")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", perdure, "../cmd/perdure").CombinedOutput(); err != nil {
		t.Fatalf("building perdure: %v\n%s", err, out)
	}
	args = append([]string{"serve", "--listen", "127.0.0.1:0", "--data", filepath.Join(dir, "data")}, args...)
	cmd := exec.Command(perdure, args...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	endpoint, drained := watch(t, stderr)
	t.Cleanup(func() { stop(t, cmd, drained) })
	select {
	case url := <-endpoint:
		return url
	case <-drained:
	case <-time.After(2 * time.Minute):
	}
	t.Fatal("perdure serve did not become ready; see above")
	return ""
}

// watch copies what the engine says to the test's log, and sends its endpoint
// as soon as it tells it. drained is closed at the end of the output.
func watch(t *testing.T, stderr io.Reader) (endpoint <-chan string, drained <-chan struct{}) {
	found, done := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(done)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			t.Logf("serve: %s", lines.Text())
			if m := ready.FindStringSubmatch(lines.Text()); m != nil {
				found <- m[1]
			}
		}
	}()
	return found, done
}

// stop ends the engine as Ctrl-C does.
func stop(t *testing.T, cmd *exec.Cmd, drained <-chan struct{}) {
	cmd.Process.Signal(os.Interrupt)
	watchdog := time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() })
	<-drained
	if err := cmd.Wait(); err != nil || !watchdog.Stop() {
		t.Errorf("perdure serve did not end well after an interrupt: %v", err)
	}
}
