package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/runtimes"
	"github.com/perdure/perdure/internal/sandbox"
)

// program is a function's code: the directory of a main package of Go, that of
// a function in another language, or an executable.
type program struct {
	name, path       string
	runtime, handler string                              // of other languages; empty to find out
	plain            bool                                // it is not durable
	executionTimeout time.Duration                       // 0 is that of all functions
	output           func(sandbox.Line)                  // gets what it writes
	watch            func(engine.Invoker) engine.Invoker // wraps its invoker; may be nil
}

var validFunction = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

// check returns a problem unless p can be built or run.
func (p program) check() error {
	if !validFunction.MatchString(p.name) {
		return cli.Usagef("%q cannot be a function's name", p.name).Hintf("a name has 1 to 64 letters, digits, - and _")
	}
	if p.isExecutable() {
		return nil
	}
	if err := checkDirectory(p.path); err != nil {
		return err
	}
	if p.isGo() {
		return checkPackage(p.path)
	}
	if p.runtime != "" {
		return nil // what else is wrong is found when it is resolved
	}
	_, err := runtimes.Detect(p.code())
	return runtimeProblem(err)
}

func (p program) isExecutable() bool {
	info, err := os.Stat(p.path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// isGo reports whether p is to be built: it has Go files, and nobody said that
// it is something else.
func (p program) isGo() bool {
	files, _ := filepath.Glob(filepath.Join(p.path, "*.go"))
	return len(files) > 0 && p.runtime == "" && p.handler == ""
}

func (p program) code() runtimes.Code {
	return runtimes.Code{Runtime: p.runtime, Handler: p.handler, Dir: p.path}
}

// install builds p if need be and registers it with l.
func (f *functionFlags) install(ctx context.Context, std *stdio, l *local, p program) error {
	proc, err := p.prepare(ctx, std, l)
	if err != nil {
		return err
	}
	return l.register(f.function(p), p, proc, f.env.vars)
}

// prepare returns how to run p, after building it or installing what it needs.
func (p program) prepare(ctx context.Context, std *stdio, l *local) (*runtimes.Process, error) {
	path, err := filepath.Abs(p.path)
	if err != nil {
		return nil, err
	}
	switch {
	case p.isExecutable():
		return &runtimes.Process{Command: []string{path}, Handler: p.handler, Dir: filepath.Dir(path)}, nil
	case p.isGo():
		binary, err := filepath.Abs(filepath.Join(l.data, "functions", p.name, "bootstrap"))
		if err != nil {
			return nil, err
		}
		return &runtimes.Process{Command: []string{binary}, Dir: path}, buildFunction(ctx, std, p.path, binary)
	}
	tell := func(line string) { fmt.Fprintf(std.err, "perdure: %s: %s\n", p.name, cli.Printable(line)) }
	proc, err := runtimes.Resolve(ctx, p.code(), &runtimes.Options{Cache: l.data, Tell: tell})
	if err != nil {
		return nil, runtimeProblem(err)
	}
	if proc.Note != "" {
		tell(proc.Note)
	}
	return proc, nil
}

// runtimeProblem words an error of package runtimes.
func runtimeProblem(err error) error {
	e, ok := errors.AsType[*runtimes.Error](err)
	if !ok {
		return err
	}
	problem := cli.Usagef("%s", e.Message)
	if e.Hint != "" {
		problem.Hintf("%s", e.Hint)
	}
	return problem
}

// perFunction is a repeatable flag NAME=VALUE, with a setting of single functions.
type perFunction map[string]string

// String implements [flag.Value].
func (f *perFunction) String() string { return "" }

// Set implements [flag.Value].
func (f *perFunction) Set(s string) error {
	name, value, ok := strings.Cut(s, "=")
	if !ok || name == "" || value == "" {
		return errors.New("NAME=VALUE is wanted, with the name of a function")
	}
	if *f == nil {
		*f = perFunction{}
	}
	(*f)[name] = value
	return nil
}

var notInName = regexp.MustCompile(`[^a-zA-Z0-9_-]+`)

// functionNameOf makes a function's name of the base name of path.
func functionNameOf(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		abs = path
	}
	name := strings.Trim(notInName.ReplaceAllString(filepath.Base(abs), "-"), "-")
	if name == "" {
		return "function"
	}
	return name[:min(len(name), 64)]
}
