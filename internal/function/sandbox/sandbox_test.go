//go:build unix

package sandbox_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/runtimeapi"
	"github.com/perdure/perdure/internal/function/sandbox"
	"github.com/perdure/perdure/protocol"
)

// patience bounds the wait for what should happen soon on a busy machine.
const patience = time.Minute

// noExitSleep makes processes with the race detector end without its pause of 1 s.
const noExitSleep = "atexit_sleep_ms=0"

// fixture is a pool whose processes are this test binary.
type fixture struct {
	*sandbox.Pool
	t testing.TB

	mu    sync.Mutex
	lines []engine.LogLine
}

// newFixture makes a pool of the function with the given name (see
// function_test.go); configure may change its configuration.
func newFixture(t testing.TB, function string, configure func(*sandbox.Config)) *fixture {
	t.Helper()
	server, err := runtimeapi.Listen(nil)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t}
	cfg := sandbox.Config{
		Name:      "test",
		Command:   []string{os.Args[0]},
		Env:       map[string]string{functionVar: function, "GORACE": noExitSleep},
		Timeout:   time.Minute,
		StopGrace: 100 * time.Millisecond,
		// Starting a binary with the race detector on a busy machine takes long.
		InitTimeout: patience,
		Runtime:     server,
		Output:      f.receive,
	}
	if configure != nil {
		configure(&cfg)
	}
	f.Pool, err = sandbox.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	f.WaitLong(patience)
	t.Cleanup(func() {
		f.Close(context.Background())
		server.Close()
	})
	return f
}

func (f *fixture) receive(l engine.LogLine) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lines = append(f.lines, l)
}

// output returns the lines received so far as "request stream text".
func (f *fixture) output() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for _, l := range f.lines {
		out = append(out, l.RequestID+" "+l.Stream+" "+l.Text)
	}
	return out
}

func invocation(payload any) *engine.Invocation {
	data, err := json.Marshal(payload)
	if err != nil {
		panic(err)
	}
	return &engine.Invocation{RequestID: uuid.NewString(), FunctionARN: "arn:aws:lambda:us-east-1:000000000000:function:test:$LATEST",
		Payload: data}
}

// call invokes the function and returns its payload; an error fails the test.
func (f *fixture) call(payload any) string {
	f.t.Helper()
	out := f.Invoke(f.t.Context(), invocation(payload))
	if out.Error != nil {
		f.t.Fatalf("got error %+v, want a payload", out.Error)
	}
	return string(out.Payload)
}

// pid is call for the functions that answer with a process id.
func (f *fixture) pid(payload any) int {
	f.t.Helper()
	pid, err := strconv.Atoi(f.call(payload))
	if err != nil {
		f.t.Fatal(err)
	}
	return pid
}

// fail invokes the function and returns its outcome, which must be an error of this type.
func (f *fixture) fail(errorType string, payload any) (*engine.Invocation, engine.Outcome) {
	f.t.Helper()
	inv := invocation(payload)
	out := f.Invoke(f.t.Context(), inv)
	if out.Error == nil || out.Error.ErrorType != errorType {
		f.t.Fatalf("got payload %.100q and error %+v, want error type %s", out.Payload, out.Error, errorType)
	}
	return inv, out
}

// running reports whether a process exists and is no zombie.
func running(pid int) bool {
	if runtime.GOOS == "linux" {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return false
		}
		_, state, _ := strings.Cut(string(stat), ") ")
		return !strings.HasPrefix(state, "Z")
	}
	return syscall.Kill(pid, 0) == nil
}

func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: still not so", what)
		}
	}
}

func wantGone(t testing.TB, pid int) {
	t.Helper()
	eventually(t, fmt.Sprintf("process %d is gone", pid), func() bool { return !running(pid) })
}

func TestEcho(t *testing.T) {
	f := newFixture(t, "echo", nil)
	for i := range 3 {
		want := fmt.Sprintf(`{"n":%d}`, i)
		if got := f.call(map[string]int{"n": i}); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// Nobody keeps the payload of an invocation that its process has, and everybody that of one which nobody took. One that
// was cancelled before is given to no process, which would be killed for it.
func TestPayloadIsLetGo(t *testing.T) {
	f := newFixture(t, "echo", nil)
	inv := invocation("large")
	if out := f.Invoke(t.Context(), inv); out.Error != nil || inv.Payload != nil {
		t.Errorf("got %v, and %d bytes of payload after it; want none", out.Error, len(inv.Payload))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 10 {
		inv = invocation("large")
		if out := f.Invoke(ctx, inv); !out.Unstarted || string(inv.Payload) != `"large"` {
			t.Errorf("unstarted %t: got payload %q, want it whole", out.Unstarted, inv.Payload)
		}
	}
	eventually(t, "the process waits for another", func() bool {
		return f.Processes() == sandbox.Processes{Idle: 1}
	})
}

// One process serves invocations that follow each other, even if each comes
// before the process has asked for it.
func TestProcessIsReused(t *testing.T) {
	f := newFixture(t, "pid", nil)
	first := f.pid(nil)
	for range 50 {
		if pid := f.pid(nil); pid != first {
			t.Fatalf("got process %d, want %d again", pid, first)
		}
	}
}

// An answer whose process dies right after it is still the answer, and the next
// invocation gets another process.
func TestProcessIsReplaced(t *testing.T) {
	f := newFixture(t, "answer and exit", nil)
	seen := make(map[int]bool)
	for range 5 {
		seen[f.pid(nil)] = true
	}
	if len(seen) != 5 {
		t.Errorf("got %d processes, want 5", len(seen))
	}
}

func TestConcurrentInvocations(t *testing.T) {
	const n = 3
	f := newFixture(t, "meet", nil)
	pids := make(chan int, n)
	request := meeting{Dir: t.TempDir(), Size: n}
	for range n {
		go func() { pids <- f.pid(request) }()
	}
	seen := make(map[int]bool)
	for range n {
		seen[<-pids] = true
	}
	if len(seen) != n {
		t.Errorf("got %d processes for %d invocations at one time", len(seen), n)
	}
	request = meeting{Dir: t.TempDir(), Size: 1}
	if pid := f.pid(request); !seen[pid] {
		t.Errorf("got process %d, want one of the idle ones, %v", pid, seen)
	}
}

func TestMaxProcesses(t *testing.T) {
	f := newFixture(t, "pid", func(c *sandbox.Config) { c.MaxProcesses = 1 })
	pids := make(chan int)
	for range 10 {
		go func() { pids <- f.pid(nil) }()
	}
	first := <-pids
	for range 9 {
		if pid := <-pids; pid != first {
			t.Errorf("got processes %d and %d, want one", first, pid)
		}
	}
}

func TestIdleProcessIsStopped(t *testing.T) {
	f := newFixture(t, "pid", func(c *sandbox.Config) { c.IdleTimeout = time.Millisecond })
	wantGone(t, f.pid(nil))
	f.pid(nil)
}

func TestHandlerError(t *testing.T) {
	f := newFixture(t, "error", nil)
	_, out := f.fail("outOfStock", nil)
	want := engine.Outcome{
		Error:        &protocol.ErrorObject{ErrorType: "outOfStock", ErrorMessage: "none left"},
		ErrorPayload: []byte(`{"errorMessage":"none left","errorType":"outOfStock"}`),
	}
	if diff := cmp.Diff(want, out, cmpopts.IgnoreFields(want, "Init")); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
}

func TestPanic(t *testing.T) {
	f := newFixture(t, "panic", nil)
	for range 2 {
		_, out := f.fail("string", nil)
		if out.Error.ErrorMessage != "oh no" || len(out.Error.StackTrace) == 0 || out.Unstarted {
			t.Errorf("got %+v, want the panic's message and stack", out.Error)
		}
	}
}

func TestExit(t *testing.T) {
	for function, want := range map[string]string{
		"exit 3": "Runtime exited with error: exit status 3",
		"exit 0": "Runtime exited without providing a reason",
		"killed": "Runtime exited with error: signal: killed",
	} {
		t.Run(function, func(t *testing.T) {
			f := newFixture(t, function, nil)
			inv, out := f.fail(protocol.ErrorTypeExit, nil)
			if want := "RequestId: " + inv.RequestID + " Error: " + want; out.Error.ErrorMessage != want || out.Unstarted {
				t.Errorf("got %q, unstarted %t, want %q", out.Error.ErrorMessage, out.Unstarted, want)
			}
		})
	}
}

// A process that dies while it is idle costs the next invocation nothing.
func TestIdleProcessDies(t *testing.T) {
	f := newFixture(t, "pid", nil)
	for range 5 {
		pid := f.pid(nil)
		syscall.Kill(pid, syscall.SIGKILL)
		eventually(t, "the process is reaped", func() bool { return syscall.Kill(pid, 0) != nil })
	}
}

func TestTimeout(t *testing.T) {
	f := newFixture(t, "hang", nil)
	f.call("warm up")
	pid := f.pid("pid")
	inv := invocation("hang")
	inv.Timeout = 50 * time.Millisecond
	out := f.Invoke(t.Context(), inv)
	want := engine.Outcome{Error: &protocol.ErrorObject{
		ErrorType:    protocol.ErrorTypeTimedOut,
		ErrorMessage: "RequestId: " + inv.RequestID + " Error: Task timed out after 0.05 seconds",
	}}
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
	if running(pid) {
		t.Errorf("process %d runs on", pid)
	}
	f.call("still there")
}

func TestTimeoutHeldOff(t *testing.T) {
	f := newFixture(t, "deadline", func(c *sandbox.Config) {
		c.NoTimeout = true
		c.Timeout = time.Millisecond
		c.InitTimeout = time.Millisecond
	})
	inv := invocation(nil)
	inv.Timeout = time.Millisecond
	out := f.Invoke(t.Context(), inv)
	if out.Error != nil {
		t.Fatalf("got error %+v, want an answer", out.Error)
	}
	left, _ := strconv.Atoi(string(out.Payload))
	if left < 3600 {
		t.Errorf("the function was told of %d seconds left, want hours", left)
	}
}

func TestCancel(t *testing.T) {
	f := newFixture(t, "hang", nil)
	pid := f.pid("pid")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan engine.Outcome, 1)
	go func() { done <- f.Invoke(ctx, invocation("hang")) }()
	eventually(t, "the function hangs", func() bool { return strings.Contains(strings.Join(f.output(), "\n"), "hanging") })
	cancel()
	if out := <-done; out.Error == nil || out.Error.ErrorType != protocol.ErrorTypeSandboxFailure || out.Unstarted {
		t.Errorf("got %+v, want Sandbox.Failure", out)
	}
	if running(pid) {
		t.Errorf("process %d runs on", pid)
	}
}

// A function may work on after its answer, but not past the deadline.
func TestWorkAfterAnswer(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "linger", nil)
	f.WaitAsUsual()
	inv := invocation(nil)
	inv.Timeout = 2 * time.Second
	out := f.Invoke(t.Context(), inv)
	if out.Error != nil {
		t.Fatalf("got error %+v, want an answer", out.Error)
	}
	pid, _ := strconv.Atoi(string(out.Payload))
	if other := f.pid(nil); other == pid {
		t.Errorf("got process %d again while it was at work", pid)
	}
	wantGone(t, pid)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f.Close(ctx) // the other is at work as well
}

func TestResponseTooLarge(t *testing.T) {
	f := newFixture(t, "large response", nil)
	_, out := f.fail("Function.ResponseSizeTooLarge", nil)
	if out.Unstarted {
		t.Error("got Unstarted, want started")
	}
}

// The children of a function die with it.
func TestChildIsKilled(t *testing.T) {
	for _, end := range []string{"close", "exit"} {
		t.Run(end, func(t *testing.T) {
			f := newFixture(t, "child", nil)
			child := f.pid(end)
			if end == "close" {
				if !running(child) {
					t.Fatalf("child %d ended early", child)
				}
				f.Close(t.Context())
			}
			wantGone(t, child)
		})
	}
}

// A child that left the process group, and holds the output open, delays nothing.
func TestEscapedChild(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "escaped child", nil)
	child := f.pid("close")
	defer syscall.Kill(child, syscall.SIGKILL)
	began := time.Now()
	f.Close(t.Context())
	if took := time.Since(began); took > patience/2 {
		t.Errorf("Close took %s", took)
	}
}

func TestClose(t *testing.T) {
	f := newFixture(t, "ignore SIGTERM", nil)
	pid := f.pid(nil)
	if err := f.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if running(pid) {
		t.Errorf("process %d runs on", pid)
	}
	out := f.Invoke(t.Context(), invocation(nil))
	if out.Error == nil || !out.Unstarted {
		t.Errorf("after Close: got %+v, want an error and Unstarted", out)
	}
}

// A function may use the time between SIGTERM and SIGKILL.
func TestCloseSaysSo(t *testing.T) {
	f := newFixture(t, "say goodbye", func(c *sandbox.Config) { c.StopGrace = patience })
	f.call(nil)
	if err := f.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if got := strings.Join(f.output(), "\n"); !strings.HasSuffix(got, " stdout goodbye") {
		t.Errorf("got output %q, want goodbye at its end", got)
	}
}

// Close lets an invocation under way end, and kills it when its context is done.
func TestCloseDrains(t *testing.T) {
	f := newFixture(t, "meet", nil)
	request := meeting{Dir: t.TempDir(), Size: 2}
	done := make(chan engine.Outcome, 1)
	go func() { done <- f.Invoke(t.Context(), invocation(request)) }()
	eventually(t, "the invocation runs", func() bool { return request.arrived() == 1 })
	closed := make(chan error, 1)
	go func() { closed <- f.Close(t.Context()) }()
	eventually(t, "the pool refuses", func() bool { return f.Invoke(t.Context(), invocation(request)).Unstarted })
	request.arrive("test")
	if out := <-done; out.Error != nil {
		t.Errorf("got error %+v, want an answer", out.Error)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

func TestCloseKills(t *testing.T) {
	f := newFixture(t, "hang", nil)
	done := make(chan engine.Outcome, 1)
	go func() { done <- f.Invoke(t.Context(), invocation("hang")) }()
	eventually(t, "the function hangs", func() bool { return len(f.output()) > 0 })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Close(ctx); err != context.Canceled {
		t.Errorf("got error %v, want context.Canceled", err)
	}
	if out := <-done; out.Error == nil || out.Error.ErrorType != protocol.ErrorTypeExit {
		t.Errorf("got %+v, want Runtime.ExitError", out)
	}
}

func TestNothingIsLeft(t *testing.T) {
	descriptors := func() int {
		entries, _ := os.ReadDir("/dev/fd")
		return len(entries)
	}
	cycle := func() {
		server, err := runtimeapi.Listen(nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, function := range []string{"pid", "panic", "exit 3", "hang", "crash at start", "large response"} {
			pool, err := sandbox.New(sandbox.Config{
				Name: "test", Command: []string{os.Args[0]}, Runtime: server,
				Env: map[string]string{functionVar: function, "GORACE": noExitSleep},
			})
			if err != nil {
				t.Fatal(err)
			}
			inv := invocation("hang")
			inv.Timeout = 500 * time.Millisecond
			pool.Invoke(t.Context(), inv)
			pool.Close(t.Context())
		}
		server.Close()
	}
	cycle() // what is made once for the life of the test
	goroutines, files := runtime.NumGoroutine(), descriptors()
	cycle()
	eventually(t, "goroutines and descriptors are as before", func() bool {
		return runtime.NumGoroutine() <= goroutines && descriptors() <= files
	})
}

func TestInitFailure(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		errorType string
		message   []string // parts
	}{
		"crash at start": {protocol.ErrorTypeExit,
			[]string{"Runtime exited with error: exit status 5 before it asked for an invocation", "\nno database"}},
		"exit 0 at start":   {protocol.ErrorTypeExit, []string{"Runtime exited without providing a reason before"}},
		"report init error": {"Runtime.ConfigError", []string{"no config"}},
		"never ask": {protocol.ErrorTypeTimedOut,
			[]string{"did not ask for an invocation within 5.00 seconds", "lambda.Start", "\nbusy elsewhere"}},
		"init error and hang": {"Runtime.ConfigError", []string{"no config"}},
	}
	for function, test := range tests {
		t.Run(function, func(t *testing.T) {
			f := newFixture(t, function, func(c *sandbox.Config) {
				if function == "never ask" {
					c.InitTimeout = 5 * time.Second
				}
			})
			_, out := f.fail(test.errorType, nil)
			if out.Unstarted {
				t.Error("got Unstarted true: that is for what the function's code has no part in")
			}
			for _, part := range test.message {
				if !strings.Contains(out.Error.ErrorMessage, part) {
					t.Errorf("got message %q, want %q in it", out.Error.ErrorMessage, part)
				}
			}
		})
	}
}

// An initialisation may take longer than the function's timeout.
func TestSlowInit(t *testing.T) {
	t.Parallel()
	gate := filepath.Join(t.TempDir(), "gate")
	f := newFixture(t, "slow start", func(c *sandbox.Config) { c.Env["GATE"] = gate })
	inv := invocation(nil)
	inv.Timeout = time.Second
	done := make(chan engine.Outcome, 1)
	go func() { done <- f.Invoke(t.Context(), inv) }()
	eventually(t, "the process has started", func() bool { return len(f.output()) == 1 })
	time.Sleep(inv.Timeout + 100*time.Millisecond)
	openGate(t, gate)
	if out := <-done; out.Error != nil {
		t.Errorf("got error %+v, want an answer", out.Error)
	}
}

// An initialisation goes on when nobody waits for it any more, and the process
// is there for the next invocation.
func TestInitOutlivesItsInvocation(t *testing.T) {
	gate := filepath.Join(t.TempDir(), "gate")
	f := newFixture(t, "slow start", func(c *sandbox.Config) { c.Env["GATE"] = gate; c.MaxProcesses = 1 })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan engine.Outcome, 1)
	go func() { done <- f.Invoke(ctx, invocation(nil)) }()
	eventually(t, "the process has started", func() bool { return len(f.output()) == 1 })
	cancel()
	if out := <-done; out.Error == nil || out.Error.ErrorType != protocol.ErrorTypeSandboxFailure || !out.Unstarted {
		t.Errorf("got %+v, want Sandbox.Failure and Unstarted", out)
	}
	openGate(t, gate)
	f.call(nil)
	if got := len(f.output()); got != 1 {
		t.Errorf("got %d starts, want 1", got)
	}
}

func openGate(t *testing.T, gate string) {
	t.Helper()
	if err := os.WriteFile(gate, nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

// All that want a function which cannot start hear of it, and few of them start it.
func TestCrashingInitIsNotRepeatedForAll(t *testing.T) {
	f := newFixture(t, "crash at start", nil)
	for range 200 {
		inv, out := f.fail(protocol.ErrorTypeExit, nil)
		if want := "RequestId: " + inv.RequestID +
			" Error: Runtime exited with error: exit status 5"; !strings.HasPrefix(out.Error.ErrorMessage, want) {
			t.Fatalf("got message %q, want %q at its start", out.Error.ErrorMessage, want)
		}
	}
	if starts := len(f.output()); starts > 20 {
		t.Errorf("got %d starts for 200 invocations, want few", starts)
	}
}

func TestNoProcessIsFree(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "hang", func(c *sandbox.Config) { c.MaxProcesses = 1; c.InitTimeout = 5 * time.Second })
	f.WaitAsUsual()
	f.call("warm up")
	go f.Invoke(t.Context(), invocation("hang"))
	eventually(t, "the function hangs", func() bool { return strings.Contains(strings.Join(f.output(), ""), "hanging") })
	_, out := f.fail(protocol.ErrorTypeSandboxFailure, nil)
	if !out.Unstarted || !strings.Contains(out.Error.ErrorMessage, "all 1 processes of the function were busy") {
		t.Errorf("got %+v, want Unstarted and that all processes were busy", out)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f.Close(ctx)
}

func TestOutOfMemory(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("memory is limited on Linux only")
	}
	for _, function := range []string{"use memory", "child uses memory"} {
		t.Run(function, func(t *testing.T) {
			f := newFixture(t, function, func(c *sandbox.Config) { c.MemoryMB = 200 })
			f.call(1)
			inv, out := f.fail("Runtime.OutOfMemory", 400)
			if want := "RequestId: " + inv.RequestID +
				" Error: Runtime exited with error: signal: killed (it used "; !strings.HasPrefix(out.Error.ErrorMessage, want) {
				t.Errorf("got message %q, want %q at its start", out.Error.ErrorMessage, want)
			}
			f.call(1) // in a new process
		})
	}
}

func TestNotExecutable(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	foreign := []byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x16\x00" + strings.Repeat("\x00", 100)) // s390
	tests := map[string]struct{ command, want string }{
		"missing":            {filepath.Join(dir, "nothing"), "does not exist: build the function first"},
		"not in PATH":        {"no-such-program", "is not a program in PATH"},
		"not executable":     {write("plain", "x", 0o644), "is not executable (mode -rw-r--r--): chmod +x it"},
		"text":               {write("text", "hello", 0o755), "it is a text file without a #! line"},
		"empty":              {write("empty", "", 0o755), "it is an empty file"},
		"directory":          {dir, "is a directory"},
		"other architecture": {write("foreign", string(foreign), 0o755), "it is a Linux binary for machine 22"},
		"macOS":              {write("macho", "\xcf\xfa\xed\xfe\x00\x00", 0o755), "it is a macOS binary"},
		"missing interpreter": {write("script", "#!/no/such/sh -e\n", 0o755),
			`is a script for "/no/such/sh -e", and the interpreter or loader that it names does not exist`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS != "linux" && name == "macOS" {
				t.Skip("a macOS binary")
			}
			f := newFixture(t, "", func(c *sandbox.Config) { c.Command = []string{test.command} })
			_, out := f.fail("Runtime.InvalidEntrypoint", nil)
			if !strings.Contains(out.Error.ErrorMessage, test.want) || out.Unstarted {
				t.Errorf("got %q, unstarted %t, want %q", out.Error.ErrorMessage, out.Unstarted, test.want)
			}
		})
	}
	t.Run("working directory", func(t *testing.T) {
		f := newFixture(t, "echo", func(c *sandbox.Config) { c.Dir = filepath.Join(dir, "gone") })
		f.fail("Runtime.InvalidEntrypoint", nil)
	})
}

func TestNewRefuses(t *testing.T) {
	if _, err := sandbox.New(sandbox.Config{Command: []string{"x"}}); err == nil {
		t.Error("without Runtime: got no error")
	}
	if _, err := sandbox.New(sandbox.Config{Runtime: &runtimeapi.Server{}}); err == nil {
		t.Error("without Command: got no error")
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("AWS_PROFILE", "production")
	t.Setenv("SECRET_OF_THE_ENGINE", "x")
	t.Setenv("PATH", "/bin")
	dir := t.TempDir()
	f := newFixture(t, "environment", func(c *sandbox.Config) {
		c.Command[0], _ = filepath.Abs(c.Command[0])
		c.Dir = dir
		c.MemoryMB = 256
		c.Version = "7"
		c.LambdaEndpoint = "http://127.0.0.1:3001"
		c.Env["TABLE"] = "orders"
		c.Env["TZ"] = "Europe/Paris"
		c.Env["AWS_LAMBDA_FUNCTION_NAME"] = "impostor"
	})
	var env map[string]string
	if err := json.Unmarshal([]byte(f.call(nil)), &env); err != nil {
		t.Fatal(err)
	}
	varying := func(name, pattern string) {
		if ok, _ := filepath.Match(pattern, env[name]); !ok {
			t.Errorf("%s: got %q, want %q", name, env[name], pattern)
		}
		delete(env, name)
	}
	varying("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:*/*")
	varying("AWS_LAMBDA_LOG_STREAM_NAME", "20[0-9][0-9]/[0-9][0-9]/[0-9][0-9]/\\[7\\]????????????????????????????????")
	for _, name := range []string{"HOME", "TMPDIR", "USER", "LANG", "LC_ALL", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy",
		"https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR", "_X_AMZN_TRACE_ID"} {
		delete(env, name) // the machine's; the last is set by the runtime client
	}
	want := map[string]string{
		functionVar: "environment", "GORACE": noExitSleep, "TABLE": "orders", "TZ": "Europe/Paris", "PATH": "/bin",
		"_HANDLER": filepath.Base(os.Args[0]), "LAMBDA_TASK_ROOT": dir, "LAMBDA_RUNTIME_DIR": dir,
		"AWS_LAMBDA_FUNCTION_NAME": "test", "AWS_LAMBDA_FUNCTION_VERSION": "7", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
		"AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/test", "AWS_LAMBDA_LOG_FORMAT": "Text", "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
		"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCOUNT_ID": "000000000000",
		"AWS_ACCESS_KEY_ID": "perdure", "AWS_SECRET_ACCESS_KEY": "perdure", "AWS_SESSION_TOKEN": "perdure",
		"AWS_ENDPOINT_URL_LAMBDA": "http://127.0.0.1:3001", "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
	}
	if diff := cmp.Diff(want, env); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}

// Credentials that the function has are not mixed with ours.
func TestOwnCredentials(t *testing.T) {
	f := newFixture(t, "environment", func(c *sandbox.Config) { c.Env["AWS_PROFILE"] = "local" })
	var env map[string]string
	if err := json.Unmarshal([]byte(f.call(nil)), &env); err != nil {
		t.Fatal(err)
	}
	if key, ok := env["AWS_ACCESS_KEY_ID"]; ok {
		t.Errorf("got access key %q beside a profile, want none", key)
	}
}

// Lines carry the invocation that wrote them, and are there when it ends.
func TestOutput(t *testing.T) {
	f := newFixture(t, "talk", nil)
	var want []string
	for range 20 {
		inv := invocation("")
		f.Invoke(t.Context(), inv)
		id := inv.RequestID
		want = append(want, id+" stdout one", id+" stdout two", id+" stdout no newline")
		if got := f.output(); len(got) != len(want)-1 {
			t.Fatalf("got %d lines at the end of the invocation, want %d", len(got), len(want)-1)
		}
		f.Invoke(t.Context(), invocation("quiet"))
	}
	if diff := cmp.Diff(want, f.output()); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

// Whatever a function prints, it is not blocked, and memory stays bounded: not
// even if the receiver hangs.
func TestFlood(t *testing.T) {
	hang := make(chan struct{})
	received := 0
	var last engine.LogLine
	f := newFixture(t, "flood", func(c *sandbox.Config) {
		c.Output = func(l engine.LogLine) {
			<-hang
			received += len(l.Text)
			last = l
		}
	})
	f.WaitAsUsual()
	f.call("lines")
	f.call("one line")
	f.call("garbage")
	close(hang)
	f.Close(t.Context())
	if received == 0 || received > 9<<20 {
		t.Errorf("got %d bytes, want no more than the bound", received)
	}
	if last.Stream != sandbox.Notice || !strings.Contains(last.Text, "were dropped") {
		t.Errorf("got last line %q %.100q, want the notice of what was dropped", last.Stream, last.Text)
	}
}

func TestLongLine(t *testing.T) {
	f := newFixture(t, "flood", nil)
	f.call("one line")
	lines := f.output()
	if len(lines) != 2 {
		t.Fatalf("got %d lines, want 2", len(lines))
	}
	if len(lines[0]) > 257<<10 || !strings.HasSuffix(lines[0], "cut at 256 KiB]") {
		t.Errorf("got a line of %d bytes, want it cut at 256 KiB with a mark", len(lines[0]))
	}
	if !strings.HasSuffix(lines[1], "after") {
		t.Errorf("got %.100q, want the line after the long one", lines[1])
	}
}

func BenchmarkInvoke(b *testing.B) {
	f := newFixture(b, "echo", nil)
	f.call(nil)
	for b.Loop() {
		f.call(nil)
	}
}

func BenchmarkInvokeParallel(b *testing.B) {
	f := newFixture(b, "echo", func(c *sandbox.Config) { c.MaxProcesses = 4 })
	f.call(nil)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			f.call(nil)
		}
	})
}

// BenchmarkColdStart is an invocation that needs a new process.
func BenchmarkColdStart(b *testing.B) {
	f := newFixture(b, "answer and exit", nil)
	for b.Loop() {
		f.call(nil)
	}
}
