package dev

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/engine/memstore"
	"github.com/perdure/perdure/internal/function/build"
	"github.com/perdure/perdure/internal/function/inprocess"
	"github.com/perdure/perdure/internal/function/project"
	"github.com/perdure/perdure/internal/function/runtimes"
	"github.com/perdure/perdure/internal/host"
	"github.com/perdure/perdure/protocol"
)

// fixture is a loop in virtual time, on a real engine. Its functions are files of
// words that say what the code does; see [code]. They run in this process.
type fixture struct {
	*testing.T
	dir    string
	engine *engine.Engine
	loop   *Loop
	stop   func()

	changes chan []string // what the watcher tells
	watched []string

	mu      sync.Mutex
	shown   bytes.Buffer
	runs    []*running
	kept    map[string][]string // by function, the builds that were not pruned
	written int
}

// code is what a function does, in words: a text is returned at once; "broken:"
// does not build, "slow:" builds for five seconds, "crash:" ends before it asks for
// an invocation; "go:" is built as Go is; "wait STEP" records a step and waits for an hour; "busy" takes a
// minute; "dies" crashes when it is invoked.
type code string

func (c code) says(word string) bool { return strings.Contains(string(c), word) }

// inLoop runs test in a bubble, with a loop on functions that are there from the
// beginning, by name, and built.
func inLoop(t *testing.T, functions map[string]code, change func(*Options), test func(*fixture)) {
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{T: t, dir: t.TempDir(), changes: make(chan []string), kept: map[string][]string{}}
		log := slog.New(slog.DiscardHandler)
		e, err := engine.Open(t.Context(), memstore.New(), &engine.Options{Logger: log, VirtualTime: true})
		if err != nil {
			t.Fatal(err)
		}
		f.engine = e
		opts := Options{Screen: NewScreen(f, false), Settings: &project.Settings{ExecutionTimeout: 24 * time.Hour}}
		opts.Project = &project.Project{Path: filepath.Join(f.dir, "template.yaml")}
		for _, name := range slices.Sorted(maps.Keys(functions)) {
			f.write(name, functions[name])
			opts.Project.Programs = append(opts.Project.Programs, f.program(name))
		}
		opts.Reread = func() (*project.Project, error) { return opts.Project, nil }
		if change != nil {
			change(&opts)
		}
		f.loop = New(opts)
		ctx, cancel := context.WithCancel(t.Context())
		f.loop.Open(ctx, f, e, f)
		f.loop.Build(ctx)
		done := make(chan struct{})
		go func() { defer close(done); f.loop.Run(ctx) }()
		f.stop = sync.OnceFunc(func() {
			cancel()
			<-done
			if err := e.Close(context.Background()); err != nil {
				t.Error(err)
			}
			f.loop.Close()
			f.loop.followers.finished.Wait()
		})
		t.Cleanup(f.stop)
		test(f)
	})
}

func (f *fixture) program(name string) project.Program {
	return project.Program{Name: name, Path: filepath.Join(f.dir, name), Plain: !strings.HasPrefix(name, "Durable")}
}

// write saves the code of a function, without telling anybody.
func (f *fixture) write(name string, c code) {
	f.Helper()
	dir := filepath.Join(f.dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		f.Fatal(err)
	}
	// A length of its own each time: clocks of files are coarse.
	f.written++
	text := string(c) + strings.Repeat("\n", f.written)
	if err := os.WriteFile(filepath.Join(dir, "code"), []byte(text), 0o644); err != nil {
		f.Fatal(err)
	}
}

// save saves the code of a function, and has the watcher tell of it.
func (f *fixture) save(name string, c code) {
	f.Helper()
	f.write(name, c)
	f.changes <- []string{filepath.Join(f.dir, name, "code")}
	synctest.Wait()
}

// shows fails unless the screen shows what is wanted since it was asked last.
func (f *fixture) shows(wanted ...string) {
	f.Helper()
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	text := strings.ReplaceAll(f.shown.String(), f.dir+"/", "")
	f.shown.Reset()
	rest := text
	for _, want := range wanted {
		_, after, ok := strings.Cut(rest, want)
		if !ok {
			f.Errorf("got:\n%s\nwant in it, in this order: %q", text, wanted)
			return
		}
		rest = after
	}
}

// Write implements [io.Writer], for the screen.
func (f *fixture) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.shown.Write(p)
}

// call invokes a function, and returns what it answers.
func (f *fixture) call(function string) string {
	f.Helper()
	r, err := f.engine.Call(f.Context(), &engine.InvokeRequest{Function: function, Payload: []byte("{}")})
	if err != nil {
		f.Fatal(err)
	}
	if r.Error != nil {
		return r.Error.ErrorType
	}
	return strings.Trim(*r.Payload, `"`)
}

// start starts an execution.
func (f *fixture) start(function, name string) string {
	f.Helper()
	req := &engine.InvokeRequest{Function: function, Qualifier: protocol.LatestVersion, Name: name, Payload: []byte("{}")}
	r, err := f.engine.Start(f.Context(), req)
	if err != nil {
		f.Fatal(err)
	}
	time.Sleep(time.Second) // so that it is older than the next
	return r.ARN
}

// Inputs implements [Host].
func (f *fixture) Inputs(_ context.Context, p *project.Program) (*build.Inputs, error) {
	return &build.Inputs{Files: []string{filepath.Join(p.Path, "code")}, Dirs: []string{p.Path}}, nil
}

// Build implements [Host].
func (f *fixture) Build(_ context.Context, p *project.Program, _ bool, tell func(string)) (*build.Build, error) {
	data, err := os.ReadFile(filepath.Join(p.Path, "code"))
	if err != nil {
		return nil, err
	}
	c := code(strings.TrimSpace(string(data)))
	if c.says("slow:") {
		time.Sleep(5 * time.Second)
	}
	if c.says("broken:") {
		return nil, &build.Error{Message: p.Name + " does not build", Output: []string{string(c)}, Hint: "mend it"}
	}
	method := "words"
	if c.says("go:") {
		method = "go"
	}
	return &build.Build{Dir: p.Path, ID: string(c), Method: method}, nil
}

// Process implements [Host].
func (f *fixture) Process(_ context.Context, _ *project.Program, b *build.Build, _ func(string)) (*runtimes.Process, error) {
	return &runtimes.Process{Command: []string{b.ID}}, nil
}

// Prune implements [Host].
func (f *fixture) Prune(function string, keep ...string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kept[function] = slices.Sorted(slices.Values(keep))
	return nil
}

// Run implements [Host].
func (f *fixture) Run(c *host.Code) (host.Running, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := &running{how: c, code: code(c.Process.Command[0]), show: f.loop.Output(c.Function.Name, "")}
	if c.For == host.Rehearsing {
		if r.code.says("foreign") {
			return nil, host.ErrNoRehearsal
		}
	}
	if c.Function.Durable != nil {
		client := durable.WithClient(inprocess.Client{Engine: f.engine})
		r.handler = durable.NewHandler(r.handle, client)
	}
	for _, other := range f.runs {
		other.mu.Lock()
		if other.how.Function.Name == c.Function.Name && !other.closed {
			r.beside++
		}
		other.mu.Unlock()
	}
	f.runs = append(f.runs, r)
	return r, nil
}

// Set, Changes and Close implement [Watcher].
func (f *fixture) Set(dirs []string) error  { f.watched = dirs; return nil }
func (f *fixture) Changes() <-chan []string { return f.changes }
func (f *fixture) Close() error             { return nil }

// alive are the builds that have processes, sorted, rehearsals left out.
func (f *fixture) alive() (all []string) {
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.runs {
		r.mu.Lock()
		if !r.closed && r.how.For != host.Rehearsing {
			all = append(all, string(r.code))
		}
		r.mu.Unlock()
	}
	slices.Sort(all)
	return all
}

// running is code that runs in this process.
type running struct {
	how     *host.Code
	code    code
	handler *durable.Handler
	show    func(engine.LogLine)
	beside  int // how many of the function's other builds had processes when it began

	mu     sync.Mutex
	closed bool
}

func (r *running) handle(ctx durable.Context, _ any) (string, error) {
	if _, step, ok := strings.Cut(string(r.code), "wait "); ok {
		_, err := durable.Step(ctx, step, func(context.Context) (int, error) { return 1, nil })
		if err != nil {
			return "", err
		}
		if err := durable.Wait(ctx, "pause", time.Hour); err != nil {
			return "", err
		}
	}
	return string(r.code), nil
}

// Invoke implements [engine.Invoker].
func (r *running) Invoke(ctx context.Context, inv *engine.Invocation) engine.Outcome {
	if r.code.says("dies") {
		return engine.Outcome{Error: &protocol.ErrorObject{ErrorType: protocol.ErrorTypeExit, ErrorMessage: "exit status 3"}}
	}
	if r.handler != nil {
		return inprocess.Invoker{Handler: r.handler}.Invoke(ctx, inv)
	}
	if r.code.says("busy") {
		time.Sleep(time.Minute)
	}
	if r.show != nil {
		r.show(engine.LogLine{RequestID: inv.RequestID, Text: "line of " + string(r.code)})
	}
	answer, _ := json.Marshal(r.code)
	return engine.Outcome{Payload: answer}
}

// Code and Freeze implement [engine.Freezer].
func (r *running) Code(context.Context) (string, int64, error) { return string(r.code), 1, nil }

func (r *running) Freeze(context.Context) (*engine.Image, error) {
	return &engine.Image{CodeSHA256: string(r.code), Data: []byte("{}")}, nil
}

// Warm implements [host.Running].
func (r *running) Warm(context.Context) *protocol.ErrorObject {
	if r.code.says("crash:") {
		return &protocol.ErrorObject{ErrorType: protocol.ErrorTypeExit, ErrorMessage: "exit status 3"}
	}
	return nil
}

// Close implements [host.Running].
func (r *running) Close(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	return nil
}
