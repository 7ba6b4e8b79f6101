package main

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"strings"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/protocol"
)

// functionFlags are the settings with which run and serve register functions.
type functionFlags struct {
	timeout          time.Duration
	executionTimeout time.Duration
	retention        int
	env              environment
	flags            *flag.FlagSet
}

func (f *functionFlags) define(fs *flag.FlagSet) {
	f.flags = fs
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
	case f.retention < 1 || f.retention > protocol.MaxRetentionDays:
		return cli.Usagef("--retention must be between 1 and %d days", protocol.MaxRetentionDays)
	}
	return nil
}

const maxExecutionTimeout = protocol.MaxWaitSeconds * time.Second

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

// given reports whether the user gave a flag.
func (f *functionFlags) given(name string) (given bool) {
	f.flags.Visit(func(g *flag.Flag) { given = given || g.Name == name })
	return given
}

// function is what the engine is told of p. A flag that was given takes
// precedence over the template.
func (f *functionFlags) function(p program) engine.Function {
	if p.spec != nil {
		return f.ofTemplate(p)
	}
	fn := engine.Function{Name: p.name, Timeout: f.timeout}
	if !p.plain {
		timeout := cmp.Or(p.executionTimeout, f.executionTimeout)
		fn.Durable = &engine.DurableConfig{ExecutionTimeout: timeout.Truncate(time.Second), RetentionDays: f.retention}
	}
	return fn
}

func (f *functionFlags) ofTemplate(p program) engine.Function {
	s := p.spec
	fn := engine.Function{
		Name: p.name, Timeout: s.Timeout, Concurrency: s.Concurrency, PerTenant: s.PerTenant,
		Runtime: s.Runtime, Handler: s.Handler, MemoryMB: s.MemoryMB,
	}
	if f.given("timeout") {
		fn.Timeout = f.timeout
	}
	if s.Durable == nil || p.plain {
		return fn
	}
	fn.Durable = &engine.DurableConfig{ExecutionTimeout: s.Durable.ExecutionTimeout, RetentionDays: s.Durable.RetentionDays}
	if timeout := p.executionTimeout; timeout > 0 {
		fn.Durable.ExecutionTimeout = timeout.Truncate(time.Second)
	} else if f.given("execution-timeout") {
		fn.Durable.ExecutionTimeout = f.executionTimeout.Truncate(time.Second)
	}
	if f.given("retention") {
		fn.Durable.RetentionDays = f.retention
	}
	return fn
}

// environment are the variables of p: the template's and, over them, the flags'.
func (f *functionFlags) environment(p program) map[string]string {
	if p.spec == nil {
		return f.env.vars
	}
	env := map[string]string{}
	if p.spec.LogFormat != "" {
		env["AWS_LAMBDA_LOG_FORMAT"] = p.spec.LogFormat
	}
	if p.spec.LogLevel != "" {
		env["AWS_LAMBDA_LOG_LEVEL"] = p.spec.LogLevel
	}
	maps.Copy(env, p.spec.Environment)
	maps.Copy(env, f.env.vars)
	return env
}
