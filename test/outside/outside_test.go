package outside

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/perdure/perdure"

// TestEngineExample runs the example of package engine as a program outside of
// this module.
func TestEngineExample(t *testing.T) {
	example := read(t, "../../engine/example_test.go")
	program := strings.NewReplacer("package engine_test", "package main", "func Example()", "func main()").Replace(example)
	if got, want := runProgram(t, program), "SUCCEEDED \"Hello\"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// runProgram builds a program in a module of its own, which has this one by a
// replace, and returns what it writes.
func runProgram(t *testing.T, source string) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	mod, _, found := strings.Cut(read(t, "../../go.mod"), "\nrequire")
	if !found {
		t.Fatal("go.mod requires nothing")
	}
	_, version, _ := strings.Cut(mod, "\ngo ")
	dir := t.TempDir()
	write(t, filepath.Join(dir, "main.go"), source)
	write(t, filepath.Join(dir, "go.mod"), fmt.Sprintf("module example.com/outside\n\ngo %s\n\nrequire %s v0.0.0\n\nreplace %s => %s\n",
		strings.Fields(version)[0], module, module, root))
	write(t, filepath.Join(dir, "go.sum"), read(t, "../../go.sum"))
	// What the program needs beside this module is what this module needs: it is
	// in the cache, so nobody is asked for it.
	cmd := exec.CommandContext(t.Context(), "go", "run", "-mod=mod", ".")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOWORK=off", "GOFLAGS=", "GOPROXY=off")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("the program: %v\n%s", err, &stderr)
	}
	return string(out)
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
