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

const whatIsAFunction = "give the directory of a function (Go, JavaScript, Python, Java), or an executable"

// checkDirectory returns a problem unless dir is a directory.
func checkDirectory(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return cli.Usagef("directory %s does not exist", dir).Hintf(whatIsAFunction)
	case err != nil:
		return cli.Usagef("cannot read directory %s: %v", dir, errors.Unwrap(err))
	case !info.IsDir():
		return cli.Usagef("%s is not a directory", dir).Hintf(whatIsAFunction)
	}
	return nil
}

// checkPackage returns a problem unless dir, which has Go files, holds a main
// package.
func checkPackage(dir string) error {
	pkg, err := build.Default.ImportDir(dir, 0)
	if err == nil && pkg.Name != "main" {
		return cli.Usagef("%s is package %s, not a main package", dir, pkg.Name).
			Hintf("a function is a program: package main with func main() { durable.Start(handler) }")
	}
	return nil // any error is the compiler's to tell
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
