package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/sandbox"
	"github.com/perdure/perdure/internal/wire"
)

// functionFlags are the settings with which run and serve register functions.
type functionFlags struct {
	timeout          time.Duration
	executionTimeout time.Duration
	retention        int
	env              environment
}

func (f *functionFlags) define(fs *flag.FlagSet) {
	fs.DurationVar(&f.timeout, "timeout", 15*time.Minute, "the `TIME` that one invocation of the function may take")
	fs.DurationVar(&f.executionTimeout, "execution-timeout", time.Hour, "the `TIME` that an execution may take, with all its waits")
	fs.IntVar(&f.retention, "retention", 7, "`DAYS` for which an execution stays readable after its end")
	fs.Var(&f.env, "env", "`NAME=VALUE` for the function's environment, NAME to pass ours on; may be repeated")
}

// check returns a problem if a setting is out of the protocol's bounds.
func (f *functionFlags) check() error {
	switch {
	case f.timeout < time.Millisecond:
		return cli.Usagef("--timeout must be positive, such as 30s")
	case !validExecutionTimeout(f.executionTimeout):
		return cli.Usagef("--execution-timeout must be %s", executionTimeouts)
	case f.retention < 1 || f.retention > wire.MaxRetentionDays:
		return cli.Usagef("--retention must be between 1 and %d days", wire.MaxRetentionDays)
	}
	return nil
}

const maxExecutionTimeout = wire.MaxWaitSeconds * time.Second

var executionTimeouts = fmt.Sprintf("between 1s and %dh (366 days)", int(maxExecutionTimeout.Hours()))

func validExecutionTimeout(d time.Duration) bool { return d >= time.Second && d <= maxExecutionTimeout }

// environment is a repeatable flag of environment variables.
type environment struct {
	words []string // as given
	vars  map[string]string
}

// String implements [flag.Value].
func (e *environment) String() string { return strings.Join(e.words, " ") }

// Set implements [flag.Value].
func (e *environment) Set(word string) error {
	name, value, ok := strings.Cut(word, "=")
	if !ok {
		value, ok = os.LookupEnv(name)
	}
	if !ok || name == "" {
		return fmt.Errorf("there is no such variable here to pass on")
	}
	if e.vars == nil {
		e.vars = map[string]string{}
	}
	e.words, e.vars[name] = append(e.words, word), value
	return nil
}

// program is a function's code: the directory of a main package, or an
// executable.
type program struct {
	name, path       string
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
	return checkPackage(p.path)
}

func (p program) isExecutable() bool {
	info, err := os.Stat(p.path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// install builds p if need be and registers it with l.
func (f *functionFlags) install(ctx context.Context, std *stdio, l *local, p program) error {
	path, err := filepath.Abs(p.path)
	if err != nil {
		return err
	}
	if p.isExecutable() {
		return l.register(f.function(p), p, path, filepath.Dir(path), f.env.vars)
	}
	binary, err := filepath.Abs(filepath.Join(l.data, "functions", p.name, "bootstrap"))
	if err != nil {
		return err
	}
	if err := buildFunction(ctx, std, p.path, binary); err != nil {
		return err
	}
	return l.register(f.function(p), p, binary, path, f.env.vars)
}

// function is what the engine is told of p.
func (f *functionFlags) function(p program) engine.Function {
	timeout := cmp.Or(p.executionTimeout, f.executionTimeout)
	return engine.Function{
		Name: p.name, Timeout: f.timeout,
		Durable: &engine.DurableConfig{ExecutionTimeout: timeout.Truncate(time.Second), RetentionDays: f.retention},
	}
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
