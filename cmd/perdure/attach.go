package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/api/lambdaapi"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/function/project"
	"github.com/perdure/perdure/internal/host"
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
	program     project.Program
	env         assignments
	concurrency int
	perProcess  int
	data        string
}

func (v *attachVerb) define(fs *flag.FlagSet) {
	v.remoteFlags.define(fs)
	fs.StringVar(&v.program.Name, "function", "", "`NAME` of the function at the engine")
	fs.StringVar(&v.program.Handler, "handler", "",
		"`FILE.FUNCTION` of a function that is not in Go, if it cannot be guessed")
	fs.StringVar(&v.program.Runtime, "runtime", "", "`IDENTIFIER` of its language as on Lambda, such as python3.13")
	fs.IntVar(&v.concurrency, "concurrency", 4, "`NUMBER` of invocations that may run here at one time")
	definePerProcess(fs, &v.perProcess)
	defineEnv(fs, &v.env)
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
	if t, ok := r.Transport.(*http.Transport); ok {
		t.MaxIdleConnsPerHost = v.concurrency + 2
	}
	tell := func(line string) { fmt.Fprintf(std.err, "perdure: %s\n", cli.Printable(line)) }
	shop := &host.Workshop{Data: v.data, Building: building(std)}
	defer shop.Close()
	proc, err := shop.Prepare(ctx, &v.program)
	if err != nil {
		return interruptedOr(ctx, err)
	}
	proc.Command = append(proc.Command, args[1:]...)
	log := cli.NewLogger(tell)
	post, err := host.OpenOutpost(lambdaapi.Through(r.Forward(), log), log)
	if err != nil {
		return err
	}
	defer post.Close()
	w := &worker{client: r.Client, function: v.program.Name, slots: v.concurrency, tell: tell}
	w.from, _ = os.Hostname()
	w.pool = func(j *adminapi.Joined) (engine.Invoker, error) {
		code := &host.Code{Function: v.function(j), Process: proc, Env: v.env.values}
		return post.Run(code, j.Region, j.Account, v.output(w, std))
	}
	if err := w.work(ctx); err != nil {
		return r.fault(ctx, err)
	}
	return nil
}

// function describes the function as the engine has told.
func (v *attachVerb) function(j *adminapi.Joined) engine.Function {
	return engine.Function{
		Name: v.program.Name, Version: j.Version, MemoryMB: j.MemoryMB, Concurrency: v.concurrency,
		PerProcess: v.perProcess,
		Timeout:    time.Duration(j.TimeoutMs) * time.Millisecond,
	}
}

// output sends the function's output to the engine, and shows it here.
func (v *attachVerb) output(w *worker, std *stdio) func(engine.LogLine) {
	show := host.Throttled(func(line engine.LogLine) {
		fmt.Fprintf(std.err, "%s | %s\n", v.program.Name, cli.Printable(line.Text))
	})
	return func(line engine.LogLine) {
		w.write(line)
		show(line)
	}
}

func (v *attachVerb) check(args []string) error {
	switch {
	case v.program.Name == "":
		return cli.Usagef("perdure attach needs the name of the function at the engine").
			Hintf("give it with --function NAME")
	case len(args) == 0:
		return exactly(args, "attach", "the function's directory or executable")
	case v.concurrency < 1 || v.concurrency > 1000:
		return cli.Usagef("--concurrency must be between 1 and 1000")
	case checkPerProcess(v.perProcess) != nil:
		return checkPerProcess(v.perProcess)
	}
	v.program.Path = args[0]
	if len(args) > 1 && !v.program.IsExecutable() {
		return cli.Usagef("%s is not an executable, so it takes no arguments", args[0])
	}
	return v.program.Check()
}
