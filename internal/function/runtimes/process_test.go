//go:build unix

package runtimes_test

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/runtimeapi"
	"github.com/perdure/perdure/internal/function/runtimes"
	"github.com/perdure/perdure/internal/function/sandbox"
)

// cache makes the tests run that install a language's runtime client.
var cache = flag.String("cache", "", "`DIR` in which runtime clients may be installed; without it, the tests that need them are skipped")

// need skips a test if a program is missing.
func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("there is no %s here", program)
	}
}

// options are for a test that installs nothing, unless -cache allows it.
func options(t *testing.T, installs bool) *runtimes.Options {
	if installs && *cache == "" {
		t.Skip("installs a runtime client; allow it with -cache DIR")
	}
	if installs {
		return &runtimes.Options{Cache: *cache, Tell: func(line string) { t.Log(line) }}
	}
	return &runtimes.Options{Cache: t.TempDir(), Offline: true}
}

// function is a function in a real process.
type function struct {
	*sandbox.Pool
	t *testing.T

	mu    sync.Mutex
	lines []string
}

// start runs the files, by name, as a function.
func start(t *testing.T, code runtimes.Code, opts *runtimes.Options, files map[string]string) *function {
	t.Helper()
	if code.Dir == "" {
		code.Dir = t.TempDir()
	}
	for name, content := range files {
		path := filepath.Join(code.Dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p, err := runtimes.Resolve(t.Context(), code, opts)
	if err != nil {
		t.Fatal(err)
	}
	server, err := runtimeapi.Listen(nil)
	if err != nil {
		t.Fatal(err)
	}
	f := &function{t: t}
	f.Pool, err = sandbox.New(sandbox.Config{
		Name: "orders", MemoryMB: 256, Timeout: time.Minute, InitTimeout: time.Minute,
		Command: p.Command, Handler: p.Handler, Dir: p.Dir, RuntimeEnv: p.Env, Runtime: server, OwnPort: p.OwnPort,
		Env: map[string]string{"TABLE": "orders"},
		Output: func(line engine.LogLine) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.lines = append(f.lines, line.Text)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		f.Close(context.Background())
		server.Close()
	})
	return f
}

func (f *function) output() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.lines, "\n")
}

const functionARN = "arn:aws:lambda:us-east-1:000000000000:function:orders:$LATEST"

func (f *function) invoke(payload string) (engine.Outcome, *engine.Invocation) {
	inv := &engine.Invocation{
		RequestID: uuid.NewString(), FunctionARN: functionARN, Payload: []byte(payload),
		TraceID: "Root=1-5759e988-bd862e3fe1be46a994272793", TenantID: "blue",
	}
	return f.Invoke(f.t.Context(), inv), inv
}

// answer invokes the function, which must not fail, and decodes its answer.
func (f *function) answer(payload string, v any) *engine.Invocation {
	f.t.Helper()
	out, inv := f.invoke(payload)
	if out.Error != nil {
		f.t.Fatalf("got error %+v, want an answer; the function wrote:\n%s", out.Error, f.output())
	}
	if err := json.Unmarshal(out.Payload, v); err != nil {
		f.t.Fatalf("%q: %v", out.Payload, err)
	}
	return inv
}

// fails invokes the function, which must fail with the error type.
func (f *function) fails(payload, errorType string) engine.Outcome {
	f.t.Helper()
	out, _ := f.invoke(payload)
	if out.Error == nil || out.Error.ErrorType != errorType {
		f.t.Fatalf("got payload %q and error %+v, want a %s", out.Payload, out.Error, errorType)
	}
	return out
}

// seen is what the test functions tell of themselves.
type seen struct {
	Event     any
	RequestID string
	Name      string
	ARN       string
	Memory    any
	Remaining float64
	Tenant    string
	Trace     string
	Env       map[string]string
	Cwd       string
}

// check compares what a function saw with what it should see on Lambda.
func (s *seen) check(t *testing.T, inv *engine.Invocation, code runtimes.Code) {
	t.Helper()
	for what, pair := range map[string][2]string{
		"request id":  {s.RequestID, inv.RequestID},
		"name":        {s.Name, "orders"},
		"ARN":         {s.ARN, functionARN},
		"trace":       {s.Trace, inv.TraceID},
		"TABLE":       {s.Env["TABLE"], "orders"},
		"_HANDLER":    {s.Env["_HANDLER"], code.Handler},
		"root":        {s.Env["LAMBDA_TASK_ROOT"], code.Dir},
		"directory":   {s.Cwd, code.Dir},
		"environment": {s.Env["AWS_EXECUTION_ENV"], "AWS_Lambda_" + code.Runtime},
		"memory":      {s.Env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "256"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: got %q, want %q", what, pair[0], pair[1])
		}
	}
	if s.Remaining < 1000 || s.Remaining > 60_000 {
		t.Errorf("remaining time: got %v ms, want up to a minute", s.Remaining)
	}
}
