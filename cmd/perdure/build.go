package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/build"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/wire"
)

// checkPackage returns a problem unless dir holds a main package of Go.
func checkPackage(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return cli.Usagef("directory %s does not exist", dir).Hintf("give the directory of the function's main package, or an executable")
	case err != nil:
		return cli.Usagef("cannot read directory %s: %v", dir, errors.Unwrap(err))
	case !info.IsDir():
		return cli.Usagef("%s is not a directory", dir).Hintf("give the directory of the function's main package, or an executable")
	}
	pkg, err := build.Default.ImportDir(dir, 0)
	if _, ok := errors.AsType[*build.NoGoError](err); ok {
		return cli.Usagef("%s holds no Go files", dir).Hintf("give the directory of the function's main package, or an executable")
	}
	if err == nil && pkg.Name != "main" {
		return cli.Usagef("%s is package %s, not a main package", dir, pkg.Name).
			Hintf("a function is a program: package main with func main() { durable.Start(handler) }")
	}
	return nil // any other error is the compiler's to tell
}

// buildPatience is the time after which a build that goes on is worth a line.
const buildPatience = 2 * time.Second

// buildFunction compiles the main package in dir into the file output: as for
// Lambda, but for this machine. What the compiler says goes to std.
func buildFunction(ctx context.Context, std *stdio, dir, output string) error {
	goTool, err := exec.LookPath("go")
	if err != nil {
		return cli.Usagef("cannot build %s: there is no go command on the PATH", dir).Hintf("install Go from https://go.dev/dl/")
	}
	if err := os.MkdirAll(filepath.Dir(output), 0o755); err != nil {
		return dataFault(filepath.Dir(output), err)
	}
	cmd := exec.CommandContext(ctx, goTool, "build", "-tags", "lambda.norpc", "-o", output, ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	slow := time.AfterFunc(buildPatience, func() { fmt.Fprintf(std.err, "building %s …\n", cli.Printable(dir)) })
	defer slow.Stop()
	err = cmd.Run()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		std.err.WriteString(printableLines(said.String()))
		return cli.Usagef("the build of %s failed", dir).Hintf("the lines above are the compiler's")
	}
	return nil
}

func printableLines(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString(cli.Printable(strings.TrimRight(line, "\r\n")) + "\n")
	}
	return b.String()
}

// checkName returns a problem unless name can name an execution.
func checkName(name string) error {
	if wire.ValidID(name, wire.MaxExecutionName) {
		return nil
	}
	return cli.Usagef("%q cannot be an execution's name", name).
		Hintf("a name has 1 to %d letters, digits, - and _", wire.MaxExecutionName)
}
