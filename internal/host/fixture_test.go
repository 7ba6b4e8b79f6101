package host_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/client"
	"github.com/perdure/perdure/internal/core/store/pgstore/pgtest"
	"github.com/perdure/perdure/internal/function/inprocess"
	"github.com/perdure/perdure/internal/function/project"
	"github.com/perdure/perdure/internal/host"
	"github.com/perdure/perdure/protocol"
)

// asFunction makes the test binary a function: its value is what the function
// answers.
const asFunction = "HOST_TEST_FUNCTION"

// endpoints makes a function answer where it finds its engine.
const endpoints = "endpoints"

func TestMain(m *testing.M) {
	if answer, ok := os.LookupEnv(asFunction); ok {
		durable.Start(answering(answer))
		return
	}
	pgtest.Main(m)
}

func answering(answer string) func(durable.Context, any) (string, error) {
	return func(ctx durable.Context, _ any) (string, error) {
		return durable.Step(ctx, "answer", func(context.Context) (string, error) {
			fmt.Println("to answer is", answer)
			if answer == endpoints {
				return os.Getenv("AWS_LAMBDA_RUNTIME_API") + " " + os.Getenv("AWS_ENDPOINT_URL_LAMBDA"), nil
			}
			return answer, nil
		})
	}
}

// fixture is a host with its data in a directory of its own.
type fixture struct {
	*testing.T
	*host.Host
	opts host.Options

	mu    sync.Mutex
	shown []string // what functions wrote
}

// open opens a host; change changes its options, and may be nil.
func open(t *testing.T, change func(*host.Options)) *fixture {
	f := &fixture{T: t}
	f.opts = host.Options{
		Data: filepath.Join(t.TempDir(), "data"), Listen: "127.0.0.1:0", Version: "v1.2.3",
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Output: func(function, version string) func(engine.LogLine) {
			return func(line engine.LogLine) {
				f.mu.Lock()
				defer f.mu.Unlock()
				f.shown = append(f.shown, strings.TrimSuffix(function+":"+version, ":")+" | "+line.Text)
			}
		},
	}
	if change != nil {
		change(&f.opts)
	}
	f.start()
	t.Cleanup(func() { f.Host.Close() })
	return f
}

// start opens the host, in place of one that was closed.
func (f *fixture) start() {
	f.Helper()
	var err error
	if f.Host, err = host.Open(f.Context(), &f.opts); err != nil {
		f.Fatal(err)
	}
}

// restart closes the host, and opens it again.
func (f *fixture) restart() {
	f.Helper()
	if err := f.Host.Close(); err != nil {
		f.Fatal(err)
	}
	f.start()
}

// here registers a function that runs in this process, and answers.
func (f *fixture) here(name, answer string) {
	f.Helper()
	handler := durable.NewHandler(answering(answer), durable.WithClient(inprocess.Client{Engine: f.Engine}))
	err := f.Engine.Functions().Register(engine.Function{
		Name: name, Invoker: inprocess.Invoker{Handler: handler}, Timeout: time.Minute,
		Durable: hour,
	})
	if err != nil {
		f.Fatal(err)
	}
}

// program is the test binary as a function that answers.
func (f *fixture) program(name string) project.Program {
	path, err := os.Executable()
	if err != nil {
		f.Fatal(err)
	}
	return project.Program{Name: name, Path: path}
}

func answers(answer string) *project.Settings {
	return &project.Settings{Env: map[string]string{asFunction: answer}}
}

// install makes the test binary known as the function name.
func (f *fixture) install(name, answer string) {
	f.Helper()
	if _, err := f.Install(f.Context(), answers(answer), []project.Program{f.program(name)}, nil); err != nil {
		f.Fatal(err)
	}
}

// result starts an execution, and returns its result when it has ended.
func (f *fixture) result(function, qualifier, name string) string {
	f.Helper()
	req := &engine.InvokeRequest{Function: function, Qualifier: qualifier, Name: name, Payload: []byte("{}")}
	started, err := f.Engine.Start(f.Context(), req)
	if err != nil {
		f.Fatal(err)
	}
	r, err := f.Engine.Wait(f.Context(), started.ARN)
	if err != nil {
		f.Fatal(err)
	}
	if r.Payload == nil {
		return fmt.Sprint(r.Status, " ", r.Error)
	}
	return strings.Trim(*r.Payload, `"`)
}

// get returns the status and the body at a path of the port.
func (f *fixture) get(path string) (int, string) {
	f.Helper()
	resp, err := http.Get(f.URL + path)
	if err != nil {
		f.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		f.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// admin is a client of the engine's own API.
func (f *fixture) admin() *client.Client { return &client.Client{Endpoint: f.URL} }

// metric returns the lines of the metrics that begin with prefix.
func (f *fixture) metric(prefix string) (lines []string) {
	f.Helper()
	_, text := f.get("/metrics")
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, prefix) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// backup returns a backup of the data, of a host that is closed.
func (f *fixture) backup() *bytes.Reader {
	f.Helper()
	if err := f.Host.Close(); err != nil {
		f.Fatal(err)
	}
	var b bytes.Buffer
	if err := host.Backup(f.Context(), host.Storage{Dir: f.opts.Data}, &b); err != nil {
		f.Fatal(err)
	}
	return bytes.NewReader(b.Bytes())
}

const latest = protocol.LatestVersion

// hour is how long executions may take.
var hour = &engine.DurableConfig{ExecutionTimeout: time.Hour, RetentionDays: 1}
