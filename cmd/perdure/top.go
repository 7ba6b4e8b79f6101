package main

import (
	"context"
	"flag"
	"os"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/top"
)

var topCommand = &command{
	name:    "top",
	args:    "[FUNCTION] [--status STATUS] [--doing WHAT] [--tag KEY=VALUE] …",
	summary: "watch all executions: counts, what needs attention, throughput",
	help: `
On a terminal the screen stays up to date. It shows how many executions there are
by status and by what they do, how many start, end and fail, in a line for each
minute of the last hour, jobs that run, failures by error, and the executions,
what needs attention first, as "perdure list --attention" has them. With a filter
(perdure help list) the counts, the failures and the list are of what it selects.

  ↑ ↓ or k j     move; also PgUp, PgDn, Home, End
  Enter          say why the execution is where it is; Esc goes back
  /              change the filter: words such as status=failed name=order-*
  p              pause the execution, or resume it
  s              stop it
  r              redrive it: try again what failed, in a copy
  q              quit

What is done to an execution is asked for once more. Access that may only look has
no such keys. If the engine goes away the screen says so, and goes on when it is
back.

In a pipe, or with --once, lines are written in place of a screen, once for each
interval; with --json one JSON object each. Throughput is that of the engine that
answers, as all nodes of a fleet count their own.`,
	verb: func() verb { return &topVerb{} },
}

type topVerb struct {
	remoteFlags
	filterFlags
	interval time.Duration
	once     bool
}

func (v *topVerb) define(fs *flag.FlagSet) {
	v.remoteFlags.define(fs)
	v.filterFlags.define(fs)
	fs.DurationVar(&v.interval, "interval", 2*time.Second, "`TIME` between two looks")
	fs.BoolVar(&v.once, "once", false, "look once, and end")
}

// leastInterval keeps an engine from being asked all the time.
const leastInterval = 100 * time.Millisecond

func (v *topVerb) run(ctx context.Context, std *stdio, args []string) error {
	switch {
	case len(args) > 1:
		return exactly(args, "top", "a function")
	case len(args) == 1:
		if err := v.add("Function", args[0]); err != nil {
			return err
		}
	}
	if v.interval < leastInterval {
		return cli.Usagef("--interval is at least %s", leastInterval)
	}
	if _, err := v.filter(); err != nil {
		return err
	}
	r, err := v.dial()
	if err != nil {
		return err
	}
	opt := &top.Options{
		Client: r.Client, Filter: v.values, Interval: v.interval,
		Word: func(err error) error { return r.fault(ctx, err) },
	}
	if v.json || v.once || !onTerminal(os.Stdin, os.Stdout) {
		err = top.Lines(ctx, std.out, std.err, opt, v.once, v.json)
	} else {
		err = top.Run(ctx, os.Stdin, os.Stdout, opt)
	}
	if interrupted(ctx) {
		return &cli.Problem{Status: cli.StatusInterrupted}
	}
	return err
}

// onTerminal reports whether all files are terminals that can move their cursor.
func onTerminal(files ...*os.File) bool {
	for _, f := range files {
		if !isatty.IsTerminal(f.Fd()) {
			return false
		}
	}
	return os.Getenv("TERM") != "dumb"
}
