//go:build unix

package sandbox_test

import (
	"context"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/runtimeapi"
	"github.com/perdure/perdure/internal/core/store/memstore"
	"github.com/perdure/perdure/internal/function/sandbox"
	"github.com/perdure/perdure/protocol"
)

// world is an engine whose functions are processes of this test binary.
type world struct {
	*engine.Engine
	t      *testing.T
	server *runtimeapi.Server
	pools  []*sandbox.Pool
}

func newWorld(t *testing.T) *world {
	t.Helper()
	server, err := runtimeapi.Listen(nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.Open(t.Context(), memstore.New(), &engine.Options{Crashes: engine.CrashLimit{Max: 2}})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Engine: e, t: t, server: server}
	t.Cleanup(w.close)
	return w
}

func (w *world) close() {
	ctx := context.Background()
	if err := w.Close(ctx); err != nil {
		w.t.Error(err)
	}
	for _, p := range w.pools {
		if err := p.Close(ctx); err != nil {
			w.t.Error(err)
		}
	}
	w.server.Close()
}

// register registers a durable function; configure may change its pool.
func (w *world) register(name, function string, configure func(*sandbox.Config)) *sandbox.Pool {
	w.t.Helper()
	cfg := sandbox.Config{
		Name: name, Command: []string{os.Args[0]}, Runtime: w.server, StopGrace: 100 * time.Millisecond, InitTimeout: patience,
		Env: map[string]string{functionVar: function, "GORACE": noExitSleep},
		Output: func(l engine.LogLine) {
			w.Log(engine.LogLine{Time: l.Time, ExecutionARN: l.ExecutionARN, RequestID: l.RequestID, Stream: l.Stream, Text: l.Text})
		},
	}
	fn := engine.Function{Name: name, Timeout: patience, Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour}}
	if configure != nil {
		configure(&cfg)
		if cfg.Timeout > 0 {
			fn.Timeout = cfg.Timeout
		}
	}
	pool, err := sandbox.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.pools = append(w.pools, pool)
	fn.Invoker = pool
	if err := w.Functions().Register(fn); err != nil {
		w.t.Fatal(err)
	}
	return pool
}

func (w *world) start(function string) string {
	w.t.Helper()
	s, err := w.Start(w.t.Context(), &engine.InvokeRequest{Function: function, Payload: []byte(`"hang"`)})
	if err != nil {
		w.t.Fatal(err)
	}
	return s.ARN
}

// result waits for the end of an execution.
func (w *world) result(arn string) *engine.Result {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 3*patience)
	defer cancel()
	r, err := w.Wait(ctx, arn)
	if err != nil {
		w.t.Fatalf("%s: %v", arn, err)
	}
	return r
}

// Functions that do their worst get the error that is documented for it, which
// tells what they did, at the limit of crashes. They leave nothing behind, and
// no other execution notices.
func TestHostileFunctions(t *testing.T) {
	goroutines, processes := runtime.NumGoroutine(), childProcesses(t)
	hostile := []struct {
		function, errorType string // empty for one that succeeds
		says                string
		configure           func(*sandbox.Config)
	}{
		{"crash at start", protocol.ErrorTypeExit, "exit status 5 before it asked for an invocation\nno database", nil},
		{"exit 0 at start", protocol.ErrorTypeExit, "without providing a reason before it asked for an invocation", nil},
		{"never ask", protocol.ErrorTypeTimedOut, "did not ask for an invocation within 1.00 seconds",
			func(c *sandbox.Config) { c.InitTimeout = time.Second }},
		{"exit 3", protocol.ErrorTypeExit, "exited with error: exit status 3", nil},
		{"exit 0", protocol.ErrorTypeExit, "exited without providing a reason", nil},
		{"killed", protocol.ErrorTypeExit, "exited with error: signal: killed", nil},
		{"report init error", "Runtime.ConfigError", "no config", nil},
		{"answer twice", "", "", nil},
		{"durable ignores SIGTERM", "", "", nil},
		{"fork and exit", protocol.ErrorTypeExit, "exited with error: exit status 3", nil},
		{"flood for ever", protocol.ErrorTypeTimedOut, "Task timed out after 1.00 seconds",
			func(c *sandbox.Config) { c.Timeout = time.Second }},
		{"use memory for ever", "Runtime.OutOfMemory", "MB of 200 MB)", func(c *sandbox.Config) { c.MemoryMB = 200 }},
		{"large response", "Function.ResponseSizeTooLarge", "Response payload size exceeded", nil},
		{"garbage", string(protocol.CodeInvalidParameter), "Invalid Status", nil},
	}
	w := newWorld(t)
	w.register("good", "durable", nil)
	arns := map[string]string{}
	for i, h := range hostile {
		if h.errorType == "Runtime.OutOfMemory" && runtime.GOOS != "linux" {
			continue
		}
		name := "hostile-" + string(rune('a'+i))
		w.register(name, h.function, h.configure)
		arns[h.function] = w.start(name)
	}
	var good []string
	for range 30 {
		good = append(good, w.start("good"))
	}
	for _, arn := range good {
		if r := w.result(arn); r.Status != protocol.ExecutionSucceeded {
			t.Errorf("a good execution: got %s %+v", r.Status, r.Error)
		}
		// On a busy machine the line may come after the result.
		eventually(t, "a good execution's log is its one line", func() bool {
			lines, err := w.ReadLog(t.Context(), arn, 0, 0)
			return err == nil && len(lines) == 1 && lines[0].Text == "at work"
		})
	}
	for _, h := range hostile {
		arn := arns[h.function]
		if arn == "" {
			continue
		}
		r := w.result(arn)
		switch {
		case h.errorType == "" && r.Status != protocol.ExecutionSucceeded:
			t.Errorf("%s: got %s %+v, want SUCCEEDED", h.function, r.Status, r.Error)
		case h.errorType != "" && (r.Status != protocol.ExecutionFailed || r.Error.ErrorType != h.errorType):
			t.Errorf("%s: got %s %+v, want %s", h.function, r.Status, r.Error, h.errorType)
		case h.errorType != "" && (!strings.Contains(r.Error.ErrorMessage, h.says) ||
			!strings.HasSuffix(r.Error.ErrorMessage, "(2 invocations in a row failed)")):
			t.Errorf("%s: got %q, want that it says %q", h.function, r.Error.ErrorMessage, h.says)
		}
	}
	w.close()
	eventually(t, "no process and no goroutine is left", func() bool {
		return runtime.NumGoroutine() <= goroutines+2 && childProcesses(t) <= processes
	})
}

// childProcesses counts the processes that this one has started, and theirs.
func childProcesses(t *testing.T) int {
	t.Helper()
	if runtime.GOOS != "linux" {
		return 0
	}
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, task := range entries {
		data, _ := os.ReadFile("/proc/self/task/" + task.Name() + "/children")
		n += len(strings.Fields(string(data)))
	}
	return n
}

// A function that is replaced finishes what it is at, and what follows finds
// the new one.
func TestReplacedFunctionDrains(t *testing.T) {
	w := newWorld(t)
	gate := t.TempDir() + "/gate"
	old := w.register("order", "durable at a gate", func(c *sandbox.Config) { c.Env["GATE"] = gate; c.Env["BUILD"] = "old" })
	first := w.start("order")
	eventually(t, "the old build is at work", func() bool {
		lines, _ := w.ReadLog(t.Context(), first, 0, 0)
		return len(lines) == 1
	})
	w.register("order", "durable at a gate", func(c *sandbox.Config) { c.Env["GATE"] = gate; c.Env["BUILD"] = "new" })
	closed := make(chan error, 1)
	go func() { closed <- old.Close(t.Context()) }()
	eventually(t, "the old build takes nothing more", func() bool { return old.Invoke(t.Context(), invocation(nil)).Unstarted })
	second := w.start("order")
	openGate(t, gate)
	for arn, want := range map[string]string{first: "old", second: "new"} {
		if r := w.result(arn); r.Payload == nil || *r.Payload != want {
			t.Errorf("got %+v, want the answer of the %s build", r, want)
		}
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}
