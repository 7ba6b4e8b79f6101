package doctor

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/protocol"
)

func TestClock(t *testing.T) {
	for year, want := range map[int]Status{1970: Problem, 2026: OK, 2200: Problem} {
		if got := CheckClock(time.Date(year, 5, 1, 0, 0, 0, 0, time.UTC)); got.Status != want {
			t.Errorf("%d: got %+v, want %s", year, got, want)
		}
	}
}

// fakeTool puts a program on the path that prints a text and ends with a status.
func fakeTool(t *testing.T, text, status string) Tool {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("a shell script")
	}
	dir := t.TempDir()
	script := "#!/bin/sh\necho '" + text + "'\nexit " + status + "\n"
	if err := os.WriteFile(filepath.Join(dir, "tool"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	return Tool{Name: "t", Command: []string{"tool"}, Least: []int{3, 9}, For: "nothing works", Hint: "install it"}
}

func TestTool(t *testing.T) {
	for _, test := range []struct {
		text, status, want string
		is                 Status
	}{
		{"Tool 3.11.2", "0", "3.11.2 at ", OK},
		{"v4", "0", "4 at ", OK},
		{"go version go3.9 linux/amd64", "0", "3.9 at ", OK},
		{"Tool 3.8.9", "0", "is version 3.8.9, which is too old: nothing works", Note},
		{"hello", "0", "does not say its version", Note},
		{"Tool 3.11.2", "1", "does not run (exit status 1): nothing works", Note},
	} {
		tool := fakeTool(t, test.text, test.status)
		if got := tool.Check(t.Context()); got.Status != test.is || !strings.Contains(got.Text, test.want) {
			t.Errorf("%q: got %+v, want %s %q", test.text, got, test.is, test.want)
		}
	}
	missing := Tool{Name: "t", Command: []string{"no-such-tool"}, For: "nothing works", Hint: "install it"}
	if got := missing.Check(t.Context()); got != (Finding{"t", Note, "no-such-tool is not installed: nothing works", "install it"}) {
		t.Errorf("got %+v", got)
	}
}

func find(t *testing.T, findings []Finding, check string) Finding {
	t.Helper()
	for _, f := range findings {
		if f.Check == check {
			return f
		}
	}
	t.Fatalf("there is no check %s among %+v", check, findings)
	return Finding{}
}

func TestData(t *testing.T) {
	dir := t.TempDir()
	missing := CheckData(filepath.Join(dir, "a", "b"))
	if f := find(t, missing, "data"); f.Status != OK || !strings.HasSuffix(f.Text, "will be made by the first engine") {
		t.Errorf("a missing one: got %+v", f)
	}
	if f := find(t, missing, "flush"); f.Status == Problem {
		t.Errorf("the disk of a missing one: got %+v", f)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if f := find(t, CheckData(file), "data"); f.Status != Problem || !strings.HasSuffix(f.Text, "is no directory") {
		t.Errorf("a file: got %+v", f)
	}
	data := filepath.Join(dir, "data")
	if err := errors.Join(os.Mkdir(data, 0o700), os.WriteFile(filepath.Join(data, "perdure.lock"), []byte("pid 4711\n"), 0o600),
		os.WriteFile(filepath.Join(data, "perdure.db"), make([]byte, 2500), 0o600)); err != nil {
		t.Fatal(err)
	}
	if f := find(t, CheckData(data), "data"); f.Status != OK || f.Text != data+" holds 2.5 KB of data; in use by pid 4711" {
		t.Errorf("got %+v", f)
	}
	if !modesCount {
		return
	}
	if err := os.Chmod(data, 0o755); err != nil {
		t.Fatal(err)
	}
	if f := find(t, CheckData(data), "data"); f.Status != Note || !strings.Contains(f.Hint, "chmod 700") {
		t.Errorf("an open one: got %+v", f)
	}
	if left, _ := filepath.Glob(filepath.Join(data, "doctor-*")); left != nil {
		t.Errorf("%v was left behind", left)
	}
}

func TestEngine(t *testing.T) {
	for _, test := range []struct {
		name   string
		engine *Engine
		err    error
		want   string
		is     Status
	}{
		{"serving", &Engine{Version: "v1", Functions: 3}, nil, "perdure v1 serves 3 function versions at URL", OK},
		{"another version", &Engine{Version: "v0"}, nil, "the engine at URL is perdure v0, and this is v1", Note},
		{"another time", &Engine{Version: "v1", Clock: time.Hour}, nil, "the clock of the engine at URL is 1h0m0s off ours", Problem},
		{"nobody", nil, &net.OpError{Op: "dial", Err: errors.New("refused")}, "no engine serves at URL", Note},
		{"no credentials", nil, protocol.Errorf(protocol.CodeUnrecognizedClient, "who are you"),
			"the engine at URL refused: who are you", Problem},
		{"something else", nil, errors.New("404"), "URL is served by something else: 404", Problem},
	} {
		c := &Case{Version: "v1", Endpoint: "URL", Engine: func(context.Context) (*Engine, error) { return test.engine, test.err }}
		if got := CheckEngine(t.Context(), c); got.Status != test.is || got.Text != test.want {
			t.Errorf("%s: got %+v, want %s %q", test.name, got, test.is, test.want)
		}
	}
}

func TestExamine(t *testing.T) {
	var checks []string
	c := &Case{Version: "v1", Data: t.TempDir(), Endpoint: "URL",
		Engine: func(context.Context) (*Engine, error) { return &Engine{Version: "v1"}, nil }}
	Examine(t.Context(), c, func(f Finding) {
		checks = append(checks, f.Check)
		if f.Text == "" || f.Status != OK && f.Hint == "" {
			t.Errorf("got %+v, want a text, and a hint", f)
		}
	})
	got := strings.Join(checks, " ")
	if want := "machine clock files processes go node python java data disk flush engine"; got != want && runtime.GOOS != "windows" {
		t.Errorf("got %s, want %s", got, want)
	}
}
