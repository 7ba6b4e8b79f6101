package project

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/function/build"
	"github.com/perdure/perdure/internal/function/runtimes"
	"github.com/perdure/perdure/internal/function/template"
)

func TestNameOf(t *testing.T) {
	for path, want := range map[string]string{
		"examples/order": "order", "./my.func/": "my-func", "/": "function", "/tmp/ä": "function",
		strings.Repeat("a", 80): strings.Repeat("a", 64),
	} {
		if got := NameOf(path); got != want {
			t.Errorf("NameOf(%q): got %q, want %q", path, got, want)
		}
	}
}

// files writes files into a directory of their own: names with their text. A name
// that ends in ! is executable.
func files(t *testing.T, named map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range named {
		mode := os.FileMode(0o644)
		if cut, ok := strings.CutSuffix(name, "!"); ok {
			name, mode = cut, 0o755
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestCheck: what cannot be built or run is told before anything is started.
func TestCheck(t *testing.T) {
	dir := files(t, map[string]string{
		"main/main.go": "package main", "lib/lib.go": "package lib", "empty/readme": "", "run!": "#!/bin/sh", "text": "",
		"node/index.mjs": "export const handler = 1",
	})
	for _, test := range []struct {
		p    Program
		want string // in the error; empty for none
	}{
		{Program{Name: "f", Path: "main"}, ""},
		{Program{Name: "f", Path: "node"}, ""},
		{Program{Name: "f", Path: "run"}, ""},
		{Program{Name: "f", Attached: true}, ""},
		{Program{Name: "f", Path: "empty", Runtime: "python3.13"}, ""},
		{Program{Name: "f", Path: "nowhere", Spec: &template.Function{}}, ""},
		{Program{Name: "no name", Path: "main"}, `"no name" cannot be a function's name`},
		{Program{Name: "f", Path: "nowhere"}, "nowhere does not exist"},
		{Program{Name: "f", Path: "text"}, "text is not a directory"},
		{Program{Name: "f", Path: "lib"}, "is package lib, not a main package"},
		{Program{Name: "f", Path: "empty"}, "empty"},
		{Program{Name: "f", Path: "http://127.0.0.1:9000/2015-03-31/functions/function/invocations"}, ""},
		{Program{Name: "f", Path: "http://"}, "http://"},
	} {
		if test.p.Path != "" && !test.p.IsEndpoint() {
			test.p.Path = filepath.Join(dir, test.p.Path)
		}
		err := test.p.Check()
		_, built := errors.AsType[*build.Error](err)
		_, run := errors.AsType[*runtimes.Error](err)
		if (err == nil) != (test.want == "") || err != nil && (!strings.Contains(err.Error(), test.want) || !built && !run) {
			t.Errorf("%+v: got %T %v, want %q", test.p, err, err, test.want)
		}
	}
}

// TestSettings: what is given takes precedence over a template, and that over the
// defaults.
func TestSettings(t *testing.T) {
	spec := &template.Function{
		Timeout: 3 * time.Second, MemoryMB: 256, Concurrency: 7, PerProcess: 5, Runtime: "r", Handler: "h",
		LogLevel: "WARN", LogFormat: "JSON",
		Environment: map[string]string{"A": "template", "B": "template"},
		Durable:     &template.Durable{ExecutionTimeout: 2 * time.Hour, RetentionDays: 3},
	}
	given := Settings{
		Timeout: time.Minute, ExecutionTimeout: 90*time.Minute + time.Millisecond, RetentionDays: 9, PerProcess: 3,
		Env: map[string]string{"B": "given"},
	}
	durable := func(d time.Duration, days int) *engine.DurableConfig {
		return &engine.DurableConfig{ExecutionTimeout: d, RetentionDays: days}
	}
	for _, test := range []struct {
		name string
		p    Program
		s    Settings
		want engine.Function
		env  map[string]string
	}{
		{"defaults", Program{}, Settings{}, engine.Function{Timeout: DefaultTimeout, Durable: durable(time.Hour, 7)}, nil},
		{"given", Program{}, given, engine.Function{Timeout: time.Minute, PerProcess: 3, Durable: durable(90*time.Minute, 9)}, given.Env},
		{"of one", Program{ExecutionTimeout: 5 * time.Second, PerProcess: 2}, given,
			engine.Function{Timeout: time.Minute, PerProcess: 2, Durable: durable(5*time.Second, 9)}, given.Env},
		{"plain", Program{Plain: true}, given, engine.Function{Timeout: time.Minute, PerProcess: 3}, given.Env},
		{"template", Program{Spec: spec}, Settings{}, engine.Function{
			Timeout: 3 * time.Second, MemoryMB: 256, Concurrency: 7, PerProcess: 5, Runtime: "r", Handler: "h",
			Durable: durable(2*time.Hour, 3),
		}, map[string]string{"A": "template", "B": "template", "AWS_LAMBDA_LOG_LEVEL": "WARN", "AWS_LAMBDA_LOG_FORMAT": "JSON"}},
		{"over the template", Program{Spec: spec}, given, engine.Function{
			Timeout: time.Minute, MemoryMB: 256, Concurrency: 7, PerProcess: 3, Runtime: "r", Handler: "h",
			Durable: durable(90*time.Minute, 9),
		}, map[string]string{"A": "template", "B": "given", "AWS_LAMBDA_LOG_LEVEL": "WARN", "AWS_LAMBDA_LOG_FORMAT": "JSON"}},
	} {
		if diff := cmp.Diff(test.want, test.p.Function(&test.s)); diff != "" {
			t.Errorf("%s: function (-want +got):\n%s", test.name, diff)
		}
		if diff := cmp.Diff(test.env, test.p.Environment(&test.s)); diff != "" {
			t.Errorf("%s: environment (-want +got):\n%s", test.name, diff)
		}
	}
}

// TestSource: without a template only Go is built.
func TestSource(t *testing.T) {
	dir := files(t, map[string]string{"go/main.go": "package main", "node/index.js": ""})
	for name, skip := range map[string]bool{"go": false, "node": true} {
		p := Program{Name: name, Path: filepath.Join(dir, name)}
		want := build.Source{Name: name, Dir: p.Path, Skip: skip, Except: "data"}
		if got := p.Source("data"); got.Skip != want.Skip || got.Except != "data" || got.Dir != p.Path {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	p := Program{Spec: &template.Function{LogicalID: "F", Inline: "code", Build: template.Build{Method: "makefile", Skip: true}}}
	if got := p.Source(""); got.LogicalID != "F" || got.Inline != "code" || got.Method != "makefile" || !got.Skip {
		t.Errorf("got %+v, want what the template says", got)
	}
}
