package main

import (
	"context"
	"errors"
	"fmt"
	gobuild "go/build"
	"os"
	"path/filepath"
	"time"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/function/build"
	"github.com/perdure/perdure/protocol"
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
	pkg, err := gobuild.Default.ImportDir(dir, 0)
	if err == nil && pkg.Name != "main" {
		return cli.Usagef("%s is package %s, not a main package", dir, pkg.Name).
			Hintf("a function is a program: package main with func main() { durable.Start(handler) }")
	}
	return nil // any error is the compiler's to tell
}

// buildPatience is the time after which a build that goes on is worth a line.
const buildPatience = 2 * time.Second

// buildProgram builds p below the data directory of l. What a compiler says goes to
// std.
func buildProgram(ctx context.Context, std *stdio, l *local, p program) (*build.Build, error) {
	slow := time.AfterFunc(buildPatience, func() { fmt.Fprintf(std.err, "building %s …\n", cli.Printable(p.path)) })
	defer slow.Stop()
	b, err := build.Do(ctx, p.source(l.data), &build.Options{Root: buildsDir(l.data), Holds: &l.builds, Tell: func(line string) {
		fmt.Fprintln(std.err, cli.Printable(line))
	}})
	if e, ok := errors.AsType[*build.Error](err); ok {
		for _, line := range e.Output {
			fmt.Fprintln(std.err, cli.Printable(line))
		}
		return nil, buildProblem(e)
	}
	return b, err
}

// buildsDir is where builds are, in a data directory.
func buildsDir(data string) string { return filepath.Join(data, "builds") }

// buildProblem words why a function cannot be built, after its output was told.
func buildProblem(e *build.Error) *cli.Problem {
	problem := cli.Usagef("%s", e.Message)
	if e.Hint != "" {
		problem.Hintf("%s", e.Hint)
	}
	if len(e.Output) > 0 {
		problem.Hintf("the lines above are the compiler's")
	}
	return problem
}

// checkName returns a problem unless name can name an execution.
func checkName(name string) error {
	if protocol.ValidID(name, protocol.MaxExecutionName) {
		return nil
	}
	return cli.Usagef("%q cannot be an execution's name", name).
		Hintf("a name has 1 to %d letters, digits, - and _", protocol.MaxExecutionName)
}
