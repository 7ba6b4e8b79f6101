package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"

	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/api/lambdaapi"
	"github.com/perdure/perdure/internal/api/runtimeapi"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/function/runtimes"
	"github.com/perdure/perdure/internal/function/sandbox"
)

var attachCommand = &command{
	name:    "attach",
	args:    "--function NAME PATH [--endpoint URL] [-- ARGUMENT…]",
	summary: "run a function on this machine for an engine on another",
	help: `
The engine declares the function with perdure serve --attach NAME. PATH is the
function's code as for serve; arguments for an executable follow behind --.
There may be any number of workers. One that is lost takes nothing with it: what
it was at is run again.

Functions reach the engine through this command, which signs for them: they need
no key, and nothing is opened to the network here.

Ctrl-C ends in good order: what runs is finished, and nothing more is taken.`,
	verb: func() verb { return &attachVerb{} },
}

type attachVerb struct {
	remoteFlags
	program     program
	env         environment
	concurrency int
	data        string
}

func (v *attachVerb) define(fs *flag.FlagSet) {
	v.remoteFlags.define(fs)
	fs.StringVar(&v.program.name, "function", "", "`NAME` of the function at the engine")
	fs.StringVar(&v.program.handler, "handler", "", "`FILE.FUNCTION` of a function that is not in Go, if it cannot be guessed")
	fs.StringVar(&v.program.runtime, "runtime", "", "`IDENTIFIER` of its language as on Lambda, such as python3.13")
	fs.IntVar(&v.concurrency, "concurrency", 4, "`NUMBER` of invocations that may run here at one time")
	fs.Var(&v.env, "env", "`NAME=VALUE` for the function's environment, NAME to pass ours on; may be repeated")
	fs.StringVar(&v.data, "data", ".perdure", "`DIR` for builds and what languages need")
}

func (v *attachVerb) run(ctx context.Context, std *stdio, args []string) error {
	if err := v.check(args); err != nil {
		return err
	}
	r, err := v.dial()
	if err != nil {
		return err
	}
	if t, ok := r.http.client.Transport.(*http.Transport); ok {
		t.MaxIdleConnsPerHost = v.concurrency + 2
	}
	tell := func(line string) { fmt.Fprintf(std.err, "perdure: %s\n", cli.Printable(line)) }
	if err := sandbox.Shelter(); err != nil {
		tell("functions may be able to read this command's environment: " + err.Error())
	}
	l := &local{localFlags: localFlags{data: v.data}}
	defer l.builds.Release()
	proc, err := v.program.prepare(ctx, std, l)
	if err != nil {
		return interruptedOr(ctx, err)
	}
	proc.Command = append(proc.Command, args[1:]...)
	side, err := openSide(r, newLogger(tell))
	if err != nil {
		return err
	}
	defer side.close()
	w := &worker{client: r.admin, function: v.program.name, slots: v.concurrency, tell: tell}
	w.from, _ = os.Hostname()
	w.pool = func(j *adminapi.Joined) (invoker, error) { return v.open(side, w, proc, j, std) }
	if err := w.work(ctx); err != nil {
		return r.fault(ctx, err)
	}
	return nil
}

func (v *attachVerb) check(args []string) error {
	switch {
	case v.program.name == "":
		return cli.Usagef("perdure attach needs the name of the function at the engine").Hintf("give it with --function NAME")
	case len(args) == 0:
		return exactly(args, "attach", "the function's directory or executable")
	case v.concurrency < 1 || v.concurrency > 1000:
		return cli.Usagef("--concurrency must be between 1 and 1000")
	}
	v.program.path = args[0]
	if len(args) > 1 && !v.program.isExecutable() {
		return cli.Usagef("%s is not an executable, so it takes no arguments", args[0])
	}
	return v.program.check()
}

// open makes the pool that runs the function, in place of the one of an
// earlier session.
func (v *attachVerb) open(side *side, w *worker, proc *runtimes.Process, j *adminapi.Joined, std *stdio) (invoker, error) {
	side.closePool()
	cfg := settingsOf(j, v.program.name)
	cfg.Command, cfg.Handler, cfg.OwnPort, cfg.Dir = proc.Command, proc.Handler, proc.OwnPort, proc.Dir
	cfg.RuntimeEnv, cfg.Env = proc.Env, v.env.vars
	cfg.MaxProcesses = v.concurrency
	cfg.LambdaEndpoint = side.doors.url + side.doors.Path(v.program.name)
	cfg.Runtime, cfg.Logger = side.runtime, side.log
	show := throttled(func(line sandbox.Line) {
		fmt.Fprintf(std.err, "%s | %s\n", v.program.name, cli.Printable(line.Text))
	})
	cfg.Output = func(line sandbox.Line) {
		w.write(line)
		show(line)
	}
	pool, err := sandbox.New(cfg)
	side.pool = pool
	return pool, err
}

// side is what a worker has on its own side: the Runtime API for the function's
// processes, their way to the engine, and the processes.
type side struct {
	log     *slog.Logger
	runtime *runtimeapi.Server
	doors   *doors
	pool    *sandbox.Pool
}

func openSide(r *remote, log *slog.Logger) (*side, error) {
	runtime, err := runtimeapi.Listen(log)
	if err != nil {
		return nil, cli.Faultf("%v", err)
	}
	// Without a time limit: a function may wait for another as long as it likes.
	client := &http.Client{Transport: r.http.client.Transport}
	d, err := openDoors(lambdaapi.Through(&forwarder{r.endpoint, &signer{client, r.key}}, log), log, nil)
	if err != nil {
		runtime.Close()
		return nil, err
	}
	d.serve(make(chan error, 1))
	return &side{log: log, runtime: runtime, doors: d}, nil
}

func (s *side) closePool() {
	if s.pool == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	s.pool.Close(ctx)
	s.pool = nil
}

func (s *side) close() {
	s.closePool()
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	s.doors.close(ctx)
	s.runtime.Close()
}
