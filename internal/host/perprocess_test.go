package host

import (
	"log/slog"
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

// TestPlaces: the engine gives a function as many invocations as its processes have places for, and no more processes
// are there than these need.
func TestPlaces(t *testing.T) {
	h, err := Open(t.Context(), &Options{Data: t.TempDir(), Listen: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for _, test := range []struct {
		fn                engine.Function
		places, processes int
	}{
		{engine.Function{PerProcess: 1}, 100, 100},
		{engine.Function{PerProcess: 4}, 400, 100},
		{engine.Function{}, 1000, 32},
		{engine.Function{PerProcess: 32, Concurrency: 33}, 33, 2},
		{engine.Function{PerProcess: 1, Concurrency: 500}, 500, 500},
	} {
		test.fn.Name = "f"
		c := &Code{Function: test.fn, Process: &runtimes.Process{Command: []string{os.Args[0]}}}
		r, err := h.Run(c)
		if err != nil {
			t.Fatal(err)
		}
		r.Close(t.Context())
		if got := c.config(nil).MaxProcesses; c.Function.Concurrency != test.places || got != test.processes {
			t.Errorf("%+v: got %d places in %d processes, want %d in %d", test.fn, c.Function.Concurrency, got, test.places,
				test.processes)
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
