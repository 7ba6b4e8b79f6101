package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/function/project"
	"github.com/perdure/perdure/internal/function/samconfig"
	"github.com/perdure/perdure/internal/function/template"
	"github.com/perdure/perdure/internal/host"
	"github.com/perdure/perdure/protocol"
)

// assignments is a repeatable flag NAME=VALUE.
type assignments struct {
	words   []string // as given
	values  map[string]string
	mistake string // said of a word that is no assignment
	full    bool   // a value must not be empty
	inherit bool   // a NAME alone gets the value of our own variable
}

// String implements [flag.Value].
func (a *assignments) String() string { return strings.Join(a.words, " ") }

// Set implements [flag.Value].
func (a *assignments) Set(word string) error {
	name, value, ok := strings.Cut(word, "=")
	if !ok && a.inherit {
		value, ok = os.LookupEnv(name)
	}
	if !ok || name == "" || a.full && value == "" {
		return errors.New(a.mistake)
	}
	if a.values == nil {
		a.values = map[string]string{}
	}
	a.words, a.values[name] = append(a.words, word), value
	return nil
}

// defineEnv defines the flag of variables for a function's environment.
func defineEnv(fs *flag.FlagSet, env *assignments) {
	env.mistake, env.inherit = "there is no such variable here to pass on", true
	fs.Var(env, "env", "`NAME=VALUE` for the function's environment, NAME to pass ours on; may be repeated")
}

// functionFlags are the settings with which run, serve and dev register functions.
type functionFlags struct {
	project.Settings
	env   assignments
	flags *flag.FlagSet
}

func (f *functionFlags) define(fs *flag.FlagSet) {
	f.flags = fs
	fs.DurationVar(&f.Timeout, "timeout", project.DefaultTimeout,
		"the `TIME` that one invocation of the function may take")
	fs.DurationVar(&f.ExecutionTimeout, "execution-timeout", project.DefaultExecutionTimeout,
		"the `TIME` that an execution may take, with all its waits")
	fs.IntVar(&f.RetentionDays, "retention", project.DefaultRetentionDays,
		"`DAYS` for which an execution stays readable after its end")
	definePerProcess(fs, &f.PerProcess)
	defineEnv(fs, &f.env)
}

// defineCrashes defines the flag of the limit of crashes; unset is what happens without it.
func (f *functionFlags) defineCrashes(fs *flag.FlagSet, unset string) {
	fs.TextVar(&f.Crashes, "max-crashes", f.Crashes, "fail an execution, or pause it by `N:pause`, after N failed "+
		"invocations in a row ("+unset+")")
}

// definePerProcess defines the flag of invocations in one process.
func definePerProcess(fs *flag.FlagSet, n *int) {
	fs.IntVar(n, "per-process", 0, fmt.Sprintf(
		"`NUMBER` of invocations that share a process; 0 is %d for Go with durable, else 1", host.DefaultPerProcess))
}

// maxPerProcess is the most that AWS allows.
const maxPerProcess = 1600

func checkPerProcess(n int) error {
	if n < 0 || n > maxPerProcess {
		return cli.Usagef("--per-process must be between 1 and %d, or 0 for the default", maxPerProcess)
	}
	return nil
}

// check returns a problem if a setting is out of the protocol's bounds.
func (f *functionFlags) check() error {
	switch {
	case f.Timeout < time.Millisecond:
		return cli.Usagef("--timeout must be positive, such as 30s")
	case !validExecutionTimeout(f.ExecutionTimeout):
		return cli.Usagef("--execution-timeout must be %s", executionTimeouts)
	case f.RetentionDays < 1 || f.RetentionDays > protocol.MaxRetentionDays:
		return cli.Usagef("--retention must be between 1 and %d days", protocol.MaxRetentionDays)
	}
	return checkPerProcess(f.PerProcess)
}

const maxExecutionTimeout = protocol.MaxWaitSeconds * time.Second

var executionTimeouts = fmt.Sprintf("between 1s and %dh (366 days)", int(maxExecutionTimeout.Hours()))

func validExecutionTimeout(d time.Duration) bool { return d >= time.Second && d <= maxExecutionTimeout }

// settings are the given ones: they take precedence over a template.
func (f *functionFlags) settings() *project.Settings {
	s := project.Settings{Env: f.env.values}
	f.flags.Visit(func(g *flag.Flag) {
		switch g.Name {
		case "timeout":
			s.Timeout = f.Timeout
		case "execution-timeout":
			s.ExecutionTimeout = f.ExecutionTimeout
		case "retention":
			s.RetentionDays = f.RetentionDays
		case "per-process":
			s.PerProcess = f.PerProcess
		case "max-crashes":
			s.Crashes = f.Crashes
		}
	})
	return &s
}

// templateFlags are the flags of the verbs that read templates.
type templateFlags struct {
	parameters assignments
	project.Options
}

func (f *templateFlags) define(fs *flag.FlagSet) {
	f.parameters.mistake = "NAME=VALUE is wanted, with the name of a parameter"
	fs.Var(&f.parameters, "parameter", "`NAME=VALUE` of a parameter of the template, over that of samconfig; "+
		"may be repeated")
	fs.StringVar(&f.Environment, "config-env", samconfig.DefaultEnvironment,
		"the `ENVIRONMENT` in samconfig.toml whose settings count")
}

// find returns the template at path or in it; empty if there is none.
func (f *templateFlags) find(path string) (string, error) {
	found, err := project.Find(path, &f.Options)
	return found, projectProblem(err)
}

// read reads the template at path, and tells its mistakes, if they are several.
func (f *templateFlags) read(std *stdio, path string) (*project.Project, error) {
	f.Parameters = f.parameters.values
	p, err := project.Read(path, &f.Options)
	all, ok := errors.AsType[template.Errors](err)
	switch {
	case err == nil && len(p.Programs) == 0:
		tellNotes(std, p)
		return nil, cli.Usagef("%s has no functions that can be run here", path)
	case !ok:
		return p, projectProblem(err)
	case len(all) == 1:
		return nil, cli.Usagef("%s", all[0])
	}
	problem := cli.Usagef("%s has %d mistakes", path, len(all)).Hintf("the lines above say where they are")
	for _, e := range all {
		problem.Output = append(problem.Output, e.Error())
	}
	return nil, problem
}

// projectProblem words an error of reading a template, or of its configuration.
func projectProblem(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, project.ErrNoConfiguration):
		return cli.Usagef("%v, of which --config-env could be one", err)
	}
	return cli.Usagef("%v", err)
}

// tellNotes tells the differences from AWS.
func tellNotes(std *stdio, p *project.Project) {
	for _, line := range p.Notes() {
		fmt.Fprintln(std.err, cli.Printable(line))
	}
}
