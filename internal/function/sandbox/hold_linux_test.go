package sandbox_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/function/sandbox"
	"github.com/perdure/perdure/protocol"
)

// A debugger must be a process of its own: what a thread of the parent traces,
// the parent's other threads hear of when they wait for its end.
func init() { functions["tracer"] = tracer }

// tracer traces the process that its input names until that ends.
func tracer() {
	runtime.LockOSThread()
	var pid int
	if _, err := fmt.Scanln(&pid); err != nil {
		log.Fatal(err)
	}
	if err := unix.PtraceSeize(pid); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("attached")
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0) // which lets go what is traced
	}()
	for {
		var status unix.WaitStatus
		if _, err := unix.Wait4(pid, &status, unix.WALL, nil); err != nil || !status.Stopped() {
			return
		}
		signal := 0
		if uint32(status)>>16 == 0 { // it would get a signal
			signal = int(status.StopSignal())
		}
		if err := unix.PtraceCont(pid, signal); err != nil {
			return
		}
	}
}

// trace has a process traced until release is called.
func trace(t *testing.T, pid int) (release func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), functionVar+"=tracer", "GORACE="+noExitSleep)
	cmd.Stderr = os.Stderr
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	release = sync.OnceFunc(func() { in.Close(); cmd.Wait() })
	t.Cleanup(release)
	fmt.Fprintln(in, pid)
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "attached\n" {
		t.Skipf("processes cannot be traced here: %s %v", line, err)
	}
	return release
}

const shortTimeout = 300 * time.Millisecond

// traceable is a pool with one process, and its id.
func traceable(t *testing.T) (*fixture, int) {
	f := newFixture(t, "wait for file", func(c *sandbox.Config) { c.MaxProcesses = 1 })
	return f, f.pid("/")
}

func (f *fixture) begin(payload any, timeout time.Duration) <-chan engine.Outcome {
	out := make(chan engine.Outcome, 1)
	inv := invocation(payload)
	inv.Timeout = timeout
	go func() { out <- f.Invoke(f.t.Context(), inv) }()
	return out
}

// stillRuns fails if the invocation ends within a time in which it should have
// been ended several times over.
func stillRuns(t *testing.T, out <-chan engine.Outcome) {
	t.Helper()
	select {
	case o := <-out:
		t.Fatalf("the invocation ended under the debugger: %s %+v", o.Payload, o.Error)
	case <-time.After(4 * shortTimeout):
	}
}

func TestNoTimeoutUnderADebugger(t *testing.T) {
	t.Parallel()
	f, pid := traceable(t)
	trace(t, pid)
	gate := filepath.Join(t.TempDir(), "gate")
	out := f.begin(gate, shortTimeout)
	stillRuns(t, out)
	if err := os.WriteFile(gate, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if o := <-out; o.Error != nil {
		t.Errorf("got %+v, want an answer", o.Error)
	}
}

// TestDebuggerThatGoes: when it is gone, the time that has passed counts.
func TestDebuggerThatGoes(t *testing.T) {
	t.Parallel()
	f, pid := traceable(t)
	release := trace(t, pid)
	out := f.begin(filepath.Join(t.TempDir(), "never"), shortTimeout)
	stillRuns(t, out)
	release()
	select {
	case o := <-out:
		if o.Error == nil || o.Error.ErrorType != protocol.ErrorTypeTimedOut {
			t.Errorf("got %+v, want that it timed out", o.Error)
		}
	case <-time.After(patience):
		t.Error("the invocation was not ended when the debugger had gone")
	}
}
