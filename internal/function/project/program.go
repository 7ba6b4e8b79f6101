package project

import (
	"cmp"
	"errors"
	"fmt"
	gobuild "go/build"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/function/build"
	"github.com/perdure/perdure/internal/function/httpfunction"
	"github.com/perdure/perdure/internal/function/runtimes"
	"github.com/perdure/perdure/internal/function/template"
)

// Program is a function's code: the directory of a main package of Go, that of a function in another language, or
// an executable. Or it is elsewhere: behind the URL of an endpoint, or where workers attach.
type Program struct {
	Name, Path       string
	Runtime, Handler string             // of other languages; empty to find out
	Spec             *template.Function // what a template says of it; nil without one
	Plain            bool               // it is not durable
	Attached         bool               // it runs where workers attach; it has no path
	ExecutionTimeout time.Duration      // 0 is that of [Settings]
	PerProcess       int                // likewise
	Crashes          engine.CrashLimit  // likewise
}

var validName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

const whatIsAFunction = "give the directory of a function (Go, JavaScript, Python, Java), or an executable"

// Check returns an error unless p can be built or run: a [build.Error] or a [runtimes.Error]. What is wrong with
// what a template says is found when it is built.
func (p *Program) Check() error {
	if !validName.MatchString(p.Name) {
		return mistake("a name has 1 to 64 letters, digits, - and _", "%q cannot be a function's name", p.Name)
	}
	if p.Attached || p.IsExecutable() || p.Spec != nil {
		return nil
	}
	if p.IsEndpoint() {
		if err := httpfunction.CheckURL(p.Path); err != nil {
			return mistake("", "%v", err)
		}
		return nil
	}
	if err := checkDirectory(p.Path); err != nil {
		return err
	}
	if p.IsGo() {
		return checkPackage(p.Path)
	}
	if p.Runtime != "" {
		return nil // what else is wrong is found when it is resolved
	}
	_, err := runtimes.Detect(runtimes.Code{Handler: p.Handler, Dir: p.Path})
	return err
}

func mistake(hint, format string, args ...any) error {
	return &build.Error{Message: fmt.Sprintf(format, args...), Hint: hint}
}

func checkDirectory(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return mistake(whatIsAFunction, "directory %s does not exist", dir)
	case err != nil:
		return mistake("", "cannot read directory %s: %v", dir, errors.Unwrap(err))
	case !info.IsDir():
		return mistake(whatIsAFunction, "%s is not a directory", dir)
	}
	return nil
}

// checkPackage returns an error unless dir, which has Go files, holds a main package.
func checkPackage(dir string) error {
	pkg, err := gobuild.Default.ImportDir(dir, 0)
	if err == nil && pkg.Name != "main" {
		return mistake("a function is a program: package main with func main() { durable.Start(handler) }",
			"%s is package %s, not a main package", dir, pkg.Name)
	}
	return nil // any error is the compiler's to tell
}

// IsElsewhere reports whether p runs without us.
func (p *Program) IsElsewhere() bool { return p.Attached || p.IsEndpoint() }

// IsEndpoint reports whether p runs behind an HTTP endpoint.
func (p *Program) IsEndpoint() bool {
	return strings.HasPrefix(p.Path, "http://") || strings.HasPrefix(p.Path, "https://")
}

// IsExecutable reports whether p is run as it is.
func (p *Program) IsExecutable() bool {
	info, err := os.Stat(p.Path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 && !build.IsArchive(p.Path) && !p.isInline()
}

func (p *Program) isInline() bool { return p.Spec != nil && p.Spec.Inline != "" }

// IsGo reports whether p is to be built: it has Go files, and nobody said that it is something else.
func (p *Program) IsGo() bool {
	files, _ := filepath.Glob(filepath.Join(p.Path, "*.go"))
	return len(files) > 0 && p.Runtime == "" && p.Handler == ""
}

// Source is p as package build knows it. Without a template, only Go is built:
// other languages run where they are. The data directory is no part of the code.
func (p *Program) Source(data string) build.Source {
	src := build.Source{Name: p.Name, Dir: p.Path, Runtime: p.Runtime, Handler: p.Handler, Except: data}
	if s := p.Spec; s != nil {
		src.LogicalID, src.Inline = s.LogicalID, s.Inline
		src.Method, src.Properties, src.Skip = s.Build.Method, s.Build.Properties, s.Build.Skip
	} else {
		src.Skip = !p.IsGo()
	}
	return src
}

// SameSettings reports whether q is the same code with the same settings as p, wherever in a template that is said.
func (p *Program) SameSettings(q *Program) bool {
	said := func(p *Program) (spec template.Function) {
		if p.Spec != nil {
			spec = *p.Spec
		}
		spec.Position = template.Position{}
		return spec
	}
	return p.Path == q.Path && reflect.DeepEqual(said(p), said(q))
}

// The settings of functions for which neither a template nor a person says any.
const (
	DefaultTimeout          = 15 * time.Minute
	DefaultExecutionTimeout = time.Hour
	DefaultRetentionDays    = 7
)

// Settings are those of all functions, and take precedence over what a template says. What is zero was not said.
type Settings struct {
	Timeout          time.Duration     // of an invocation
	PerProcess       int               // invocations of a process at one time
	ExecutionTimeout time.Duration     // of executions, in whole seconds
	RetentionDays    int               // of executions that have ended
	Crashes          engine.CrashLimit // of invocations of an execution
	Env              map[string]string // variables beside the template's
}

// Function is what the engine is told of p.
func (p *Program) Function(s *Settings) engine.Function {
	fn := engine.Function{Name: p.Name}
	var said engine.DurableConfig
	if spec := p.Spec; spec != nil {
		fn.Timeout, fn.Concurrency, fn.PerTenant = spec.Timeout, spec.Concurrency, spec.PerTenant
		fn.Runtime, fn.Handler, fn.MemoryMB = spec.Runtime, spec.Handler, spec.MemoryMB
		fn.PerProcess = spec.PerProcess
		if d := spec.Durable; d != nil {
			said = engine.DurableConfig{ExecutionTimeout: d.ExecutionTimeout, RetentionDays: d.RetentionDays,
				Crashes: d.Crashes}
		}
	}
	fn.Timeout = cmp.Or(s.Timeout, fn.Timeout, DefaultTimeout)
	fn.PerProcess = cmp.Or(p.PerProcess, s.PerProcess, fn.PerProcess)
	if !p.Plain {
		timeout := cmp.Or(p.ExecutionTimeout, s.ExecutionTimeout, said.ExecutionTimeout, DefaultExecutionTimeout)
		fn.Durable = &engine.DurableConfig{
			ExecutionTimeout: timeout.Truncate(time.Second),
			RetentionDays:    cmp.Or(s.RetentionDays, said.RetentionDays, DefaultRetentionDays),
			Crashes:          cmp.Or(p.Crashes, s.Crashes, said.Crashes),
		}
	}
	return fn
}

// Environment are the variables of p: the template's and, over them, those of s.
func (p *Program) Environment(s *Settings) map[string]string {
	if p.Spec == nil {
		return s.Env
	}
	env := map[string]string{}
	if p.Spec.LogFormat != "" {
		env["AWS_LAMBDA_LOG_FORMAT"] = p.Spec.LogFormat
	}
	if p.Spec.LogLevel != "" {
		env["AWS_LAMBDA_LOG_LEVEL"] = p.Spec.LogLevel
	}
	maps.Copy(env, p.Spec.Environment)
	maps.Copy(env, s.Env)
	return env
}

var notInName = regexp.MustCompile(`[^a-zA-Z0-9_-]+`)

// NameOf makes a function's name of the base name of path.
func NameOf(path string) string {
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
