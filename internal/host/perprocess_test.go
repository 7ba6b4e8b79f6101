package host

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/function/runtimes"
)

// TestPerProcess: who says how many invocations share a process, and what is taken if nobody does.
func TestPerProcess(t *testing.T) {
	ours := []string{os.Args[0]} // a program of our module
	script := []string{"/bin/sh", "function.sh"}
	for _, test := range []struct {
		name    string
		command []string
		fn      engine.Function
		purpose Purpose
		want    int
	}{
		{"Go", ours, engine.Function{}, Serving, DefaultPerProcess},
		{"Go that is told", ours, engine.Function{PerProcess: 7}, Serving, 7},
		{"Go with little memory", ours, engine.Function{MemoryMB: 128}, Serving, 4},
		{"Go with less", ours, engine.Function{MemoryMB: 1}, Serving, 1},
		{"Go with much", ours, engine.Function{MemoryMB: 4096}, Serving, DefaultPerProcess},
		{"Go under a debugger", ours, engine.Function{PerProcess: 7}, Debugging, 1},
		{"Go in a rehearsal", ours, engine.Function{PerProcess: 7}, Rehearsing, 1},
		{"another language", script, engine.Function{}, Serving, 1},
		{"another language that is told", script, engine.Function{PerProcess: 7, MemoryMB: 128}, Serving, 7},
	} {
		c := &Code{Function: test.fn, Process: &runtimes.Process{Command: test.command}, For: test.purpose}
		if got := c.config(nil).Concurrency; got != test.want {
			t.Errorf("%s: got %d, want %d", test.name, got, test.want)
		}
	}
}

// Go without our module is another language.
func TestPerProcessOfOtherGo(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module elsewhere\n", "main.go": "package main\nfunc main() {}\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command("go", "build", "-o", "program", ".")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	c := &Code{Process: &runtimes.Process{Command: []string{filepath.Join(dir, "program")}}}
	if got := c.perProcess(); got != 1 {
		t.Errorf("got %d, want 1", got)
	}
}
