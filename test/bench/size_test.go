package bench

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// maxFunction bounds the order example, built as for Lambda: what package durable links is in every function.
const maxFunction = 7_000_000 // bytes

func TestFunctionSize(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	program := filepath.Join(t.TempDir(), "bootstrap")
	build := exec.Command("go", "build", "-tags", "lambda.norpc", "-trimpath", "-ldflags", "-s -w", "-o", program,
		"../../examples/order")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	info, err := os.Stat(program)
	if err != nil {
		t.Fatal(err)
	}
	if t.Logf("%d bytes", info.Size()); info.Size() > maxFunction {
		t.Errorf("a function has %d bytes, and may have %d: `go tool nm -size -sort size` says what is in it", info.Size(),
			maxFunction)
	}
}
