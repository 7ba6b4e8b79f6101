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
	"github.com/perdure/perdure/internal/function/build"
	"github.com/perdure/perdure/internal/function/httpfunction"
	"github.com/perdure/perdure/internal/function/runtimes"
	"github.com/perdure/perdure/internal/function/sandbox"
	"github.com/perdure/perdure/internal/function/template"
)

// program is a function's code: the directory of a main package of Go, that of
// a function in another language, or an executable. Or it is elsewhere: behind
// the URL of an endpoint, or where workers attach.
type program struct {
	name, path       string
	runtime, handler string                              // of other languages; empty to find out
	spec             *template.Function                  // what a template says of it; nil without one
	plain            bool                                // it is not durable
	attached         bool                                // it runs where workers attach; it has no path
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
	if p.attached || p.isExecutable() || p.spec != nil {
		return nil // what is wrong with what a template says is found when it is built
	}
	if p.isEndpoint() {
		if err := httpfunction.CheckURL(p.path); err != nil {
			return cli.Usagef("%v", err)
		}
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

// isEndpoint reports whether p runs behind an HTTP endpoint.
func (p program) isEndpoint() bool {
	return strings.HasPrefix(p.path, "http://") || strings.HasPrefix(p.path, "https://")
}

func (p program) isExecutable() bool {
	info, err := os.Stat(p.path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 && !build.IsArchive(p.path) && (p.spec == nil || p.spec.Inline == "")
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

// source is p as package build knows it. Without a template, only Go is built:
// other languages run where they are.
func (p program) source(data string) build.Source {
	if p.spec == nil {
		return build.Source{Name: p.name, Dir: p.path, Runtime: p.runtime, Handler: p.handler, Skip: !p.isGo(), Except: data}
	}
	b := &p.spec.Build
	return build.Source{
		Name: p.name, LogicalID: p.spec.LogicalID, Dir: p.path, Runtime: p.runtime, Handler: p.handler,
		Method: b.Method, Properties: b.Properties, Skip: b.Skip, Except: data, Inline: p.spec.Inline,
	}
}

// install builds what has to be built, registers the programs with l, and
// returns them. It registers none before all are ready: executions of a function
// that is known go on at once, and their processes would hold up what is still to
// be done. A function of a template that cannot be run keeps no other from it.
func (f *functionFlags) install(ctx context.Context, std *stdio, l *local, programs ...program) ([]program, error) {
	var ready []*runtimes.Process
	var served []program
	for _, p := range programs {
		var proc *runtimes.Process
		var err error
		if !p.isElsewhere() {
			proc, err = p.prepare(ctx, std, l)
		}
		if err != nil && (ctx.Err() != nil || p.spec == nil || len(programs) == 1) {
			return nil, err
		}
		if err != nil {
			p.tellNotServed(std, err)
			continue
		}
		served, ready = append(served, p), append(ready, proc)
	}
	if len(served) == 0 && len(programs) > 0 {
		return nil, cli.Usagef("none of the functions can be run").Hintf("the lines above say why")
	}
	for i, p := range served {
		if err := f.register(ctx, l, p, ready[i]); err != nil {
			return nil, err
		}
	}
	return served, nil
}

// tellNotServed tells why a function of a template is left out.
func (p program) tellNotServed(std *stdio, err error) {
	fmt.Fprintln(std.err, cli.Printable(fmt.Sprintf("%s: %s is not served: %v [%s]", p.spec.Position, p.name, err, template.KindFunction)))
	if problem, ok := errors.AsType[*cli.Problem](err); ok {
		for _, hint := range problem.Hints {
			fmt.Fprintln(std.err, cli.Printable("hint: "+hint))
		}
	}
}

func (f *functionFlags) register(ctx context.Context, l *local, p program, proc *runtimes.Process) error {
	if p.isElsewhere() {
		return l.registerElsewhere(f.function(p), p)
	}
	if err := l.register(f.function(p), p, proc, f.environment(p)); err != nil {
		return err
	}
	return l.pointAliases(ctx, p)
}

// isElsewhere reports whether p runs without us.
func (p program) isElsewhere() bool { return p.attached || p.isEndpoint() }

// prepare returns how to run p, after building it or installing what it needs.
func (p program) prepare(ctx context.Context, std *stdio, l *local) (*runtimes.Process, error) {
	path, err := filepath.Abs(p.path)
	if err != nil {
		return nil, err
	}
	if p.isExecutable() {
		return runtimes.Executable(path, p.handler), nil
	}
	b, err := buildProgram(ctx, std, l, p)
	if err != nil {
		return nil, err
	}
	tell := func(line string) { fmt.Fprintf(std.err, "perdure: %s: %s\n", p.name, cli.Printable(line)) }
	proc, err := resolve(ctx, b, l.data, tell)
	if err != nil {
		return nil, runtimeProblem(err)
	}
	if err := build.Prune(buildsDir(l.data), p.name, &l.builds, b.ID); err != nil {
		tell("old builds could not be removed: " + err.Error())
	}
	return proc, nil
}

// resolve returns how to run a build. tell gets lines for people.
func resolve(ctx context.Context, b *build.Build, data string, tell func(string)) (*runtimes.Process, error) {
	code := runtimes.Code{Runtime: b.Runtime, Handler: b.Handler, Dir: b.Dir}
	proc, err := runtimes.Resolve(ctx, code, &runtimes.Options{Cache: data, Tell: tell})
	if err == nil && proc.Note != "" {
		tell(proc.Note)
	}
	return proc, err
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
