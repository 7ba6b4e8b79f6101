package runtimes_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perdure/perdure/internal/function/runtimes"
)

// write makes a directory with these files.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestDetect(t *testing.T) {
	const js = "exports.handler = async () => {};"
	for name, c := range map[string]struct {
		files            map[string]string
		handler          string
		wantRuntime      string
		wantHandler      string
		wantErrorMention string
	}{
		"bootstrap": {files: map[string]string{"bootstrap": "#!/bin/sh", "index.js": js}, wantRuntime: "provided.al2023"},
		"index.js": {files: map[string]string{"index.js": js, "app.js": js}, wantRuntime: "nodejs22.x",
			wantHandler: "index.handler"},
		"TypeScript": {files: map[string]string{"app.ts": "export const handler = 1"}, wantRuntime: "nodejs22.x",
			wantHandler: "app.handler"},
		"package.json": {files: map[string]string{"package.json": `{"main":"./dist/order.mjs"}`, "dist/order.mjs": js,
			"index.js": js}, wantRuntime: "nodejs22.x", wantHandler: "dist/order.handler"},
		"main above": {files: map[string]string{"package.json": `{"main":"../order.mjs"}`, "index.js": js},
			wantRuntime: "nodejs22.x", wantHandler: "index.handler"},
		"lambda_handler": {files: map[string]string{"app.py": "def handler(e, c): pass\ndef lambda_handler(e, c): pass\n"},
			wantRuntime: "python3.13", wantHandler: "app.lambda_handler"},
		"decorated": {files: map[string]string{"main.py": "@durable_execution\ndef handler(e, c):\n  pass\n"},
			wantRuntime: "python3.13", wantHandler: "main.handler"},
		"named JavaScript": {files: map[string]string{"a/order.cjs": js, "main.py": "def handler(e, c): pass"}, handler: "a/order.run",
			wantRuntime: "nodejs22.x", wantHandler: "a/order.run"},
		"named Python": {files: map[string]string{"a/order.py": "", "index.js": js}, handler: "a.order.run",
			wantRuntime: "python3.13", wantHandler: "a.order.run"},
		"jars": {files: map[string]string{"lib/a.jar": ""}, handler: "example.Handler", wantRuntime: "java21",
			wantHandler: "example.Handler"},
		"both":               {files: map[string]string{"index.js": js, "app.py": "def handler(e, c): pass"}, wantErrorMention: "both"},
		"neither":            {files: map[string]string{"README.md": ""}, wantErrorMention: "no function"},
		"no file":            {files: map[string]string{"index.js": js}, handler: "order.run", wantErrorMention: "order.run"},
		"out of the folder":  {files: map[string]string{"index.js": js}, handler: "../order.run", wantErrorMention: "../order.run"},
		"Python, no handler": {files: map[string]string{"app.py": "x = 1"}, wantErrorMention: "no function"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := runtimes.Detect(runtimes.Code{Dir: write(t, c.files), Handler: c.handler})
			if c.wantErrorMention != "" {
				if err == nil || !strings.Contains(err.Error(), c.wantErrorMention) {
					t.Errorf("got error %v, want one with %q", err, c.wantErrorMention)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Runtime != c.wantRuntime || got.Handler != c.wantHandler {
				t.Errorf("got %s and %s, want %s and %s", got.Runtime, got.Handler, c.wantRuntime, c.wantHandler)
			}
		})
	}
}

func TestResolveExplainsWhatCannotBeRun(t *testing.T) {
	dir := write(t, map[string]string{"index.js": "", "app.py": "", "lib/a.jar": ""})
	file := filepath.Join(dir, "index.js")
	for name, c := range map[string]struct {
		code runtimes.Code
		want string
	}{
		"no such runtime":   {runtimes.Code{Runtime: "cobol85", Dir: dir}, "cobol85"},
		"no directory":      {runtimes.Code{Runtime: "nodejs22.x", Dir: filepath.Join(dir, "nowhere")}, "nowhere"},
		"a file":            {runtimes.Code{Runtime: "nodejs22.x", Dir: file}, "not a directory"},
		"no bootstrap":      {runtimes.Code{Runtime: "provided.al2023", Dir: dir}, "build it first"},
		"half a handler":    {runtimes.Code{Runtime: "nodejs22.x", Dir: dir, Handler: "index"}, "index.handler"},
		"no Python handler": {runtimes.Code{Runtime: "python3.13", Dir: t.TempDir()}, "app.lambda_handler"},
		"no Java handler":   {runtimes.Code{Runtime: "java21", Dir: dir}, "needs a handler"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := runtimes.Resolve(t.Context(), c.code, &runtimes.Options{Cache: t.TempDir(), Offline: true})
			if _, ok := errors.AsType[*runtimes.Error](err); !ok || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an Error with %q", err, c.want)
			}
		})
	}
}

// A tool that is not there is named, and so is what to do about it.
func TestResolveNamesTheMissingTool(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("VIRTUAL_ENV", "")
	t.Setenv("JAVA_HOME", "")
	for runtime, want := range map[string]string{"nodejs22.x": "Node.js", "python3.13": "Python", "java21": "Java"} {
		_, err := runtimes.Resolve(t.Context(), runtimes.Code{Runtime: runtime, Handler: "a.b", Dir: t.TempDir()},
			&runtimes.Options{Cache: t.TempDir()})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "install") {
			t.Errorf("%s: got %v, want what to install for %s", runtime, err, want)
		}
	}
}

func TestProvidedRunsTheBootstrap(t *testing.T) {
	dir := write(t, map[string]string{"bootstrap": "#!/bin/sh", "lib/x": ""})
	p, err := runtimes.Resolve(t.Context(), runtimes.Code{Runtime: "provided.al2023", Dir: dir, Handler: "anything"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if p.Command[0] != filepath.Join(dir, "bootstrap") || p.Handler != "anything" || p.Dir != dir {
		t.Errorf("got %+v", p)
	}
	if _, ok := p.Env["AWS_EXECUTION_ENV"]; ok {
		t.Error("AWS_EXECUTION_ENV is set, which Lambda does not do for provided runtimes")
	}
}

// Rust's client of the Runtime API makes a URI of AWS_LAMBDA_RUNTIME_API as it
// is, and a URI without a scheme has no path.
func TestExecutablesHavePortsOfTheirOwnUnlessTheyAreGo(t *testing.T) {
	script := filepath.Join(t.TempDir(), "bootstrap")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if p := runtimes.Executable(script, ""); !p.OwnPort {
		t.Error("a script: got a path, want a port of its own")
	}
	if p := runtimes.Executable(os.Args[0], ""); p.OwnPort {
		t.Error("a program in Go: got a port of its own, want a path")
	}
}
