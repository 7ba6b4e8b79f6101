package main

import (
	"context"
	"flag"
	"net"
	"os/exec"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/cli/progress"
	"github.com/perdure/perdure/internal/function/runtimes"
	"github.com/perdure/perdure/internal/function/sandbox"
)

// debugFlags are for a function that runs under a debugger.
type debugFlags struct {
	function string
	listen   string
}

func (f *debugFlags) define(fs *flag.FlagSet) {
	fs.StringVar(&f.function, "debug", "", "`NAME` of a function in Go that runs under dlv, without time limits")
	fs.StringVar(&f.listen, "debug-listen", "127.0.0.1:2345", "`ADDRESS` at which dlv waits for an editor, or for dlv connect")
}

// check returns a problem if there is no debugger, or no such function.
func (f *debugFlags) check(programs []program) error {
	if f.function == "" {
		return nil
	}
	if _, _, err := net.SplitHostPort(f.listen); err != nil {
		return cli.Usagef("%q is not an address for --debug-listen", f.listen).Hintf("an address looks like 127.0.0.1:2345")
	}
	if _, err := exec.LookPath("dlv"); err != nil {
		return cli.Usagef("--debug needs dlv, which is not on the PATH").Hintf("go install github.com/go-delve/delve/cmd/dlv@latest")
	}
	for _, p := range programs {
		if p.name == f.function {
			return nil
		}
	}
	return cli.Usagef("--debug is for %q, which is not among the functions", f.function)
}

const (
	// debugged is how long what is debugged may take: nobody is faster.
	debugged = 24 * time.Hour
	// debugEnd bounds the end of a process that may be stopped in the debugger.
	debugEnd = time.Second
)

func (f *devFunction) isDebugged() bool { return f.dev.debug.function == f.name }

// underDebugger is how fn is run under dlv: one process, which begins at once,
// whether anybody is connected or not, and has no limits.
func (f *devFunction) underDebugger(fn *engine.Function, proc *runtimes.Process) (*runtimes.Process, func(*sandbox.Config)) {
	fn.Timeout, fn.StartTimeout, fn.Concurrency, fn.MemoryMB = debugged, debugged, 1, 0
	under := *proc
	under.Command = append([]string{
		"dlv", "exec", "--headless", "--listen=" + f.dev.debug.listen, "--api-version=2", "--accept-multiclient", "--continue",
		proc.Command[0], "--",
	}, proc.Command[1:]...)
	return &under, func(c *sandbox.Config) {
		c.NoTimeout, c.MaxProcesses, c.IdleTimeout = true, 1, debugged
	}
}

// release ends the process that has the debugger's address, whatever it is at:
// its invocation is repeated with the new build.
func (f *devFunction) release() {
	f.mu.Lock()
	var old []*deployed
	for d := range f.running {
		old = append(old, d)
	}
	f.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), debugEnd)
	defer cancel()
	for _, d := range old {
		_ = d.Pool.Close(ctx)
	}
}

// invite starts the process, unless it was, and says where its debugger is.
func (f *devFunction) invite(ctx context.Context, d *deployed) {
	if e := d.Warm(ctx); e == nil {
		f.say(tonePlain, "waits for a debugger: dlv connect %s", f.dev.debug.listen)
	} else if ctx.Err() == nil {
		f.say(toneBad, "does not start: %s", cut(progress.ErrorLine(e)))
	}
}
