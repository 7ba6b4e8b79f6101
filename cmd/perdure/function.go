package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/cli"
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

// function is what the engine is told of p.
func (f *functionFlags) function(p program) engine.Function {
	fn := engine.Function{Name: p.name, Timeout: f.timeout}
	if !p.plain {
		timeout := cmp.Or(p.executionTimeout, f.executionTimeout)
		fn.Durable = &engine.DurableConfig{ExecutionTimeout: timeout.Truncate(time.Second), RetentionDays: f.retention}
	}
	return fn
}
