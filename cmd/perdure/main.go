// Command perdure runs durable functions: one execution to its end, or an engine that serves the Lambda API.
// "perdure help" lists its verbs; each has a file of its own here.
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/text"
	"github.com/perdure/perdure/internal/vetting"
)

func main() {
	if vetting.IsTool(os.Args[1:]) { // perdure lint has go vet call this program
		vetting.Serve()
	}
	os.Exit(execute(os.Args[1:]))
}

// stdio is a verb's input and output.
type stdio struct {
	in  io.Reader
	out io.Writer    // the result, and nothing else
	err *cli.Console // everything for people
}

// verb is one command with its flags, made anew for each run.
type verb interface {
	define(fs *flag.FlagSet)
	// run does the work. [cli.Report] tells its error.
	run(ctx context.Context, std *stdio, args []string) error
}

// command describes a verb to the dispatcher and to help.
type command struct {
	name    string
	args    string // what follows the name
	summary string
	help    string // paragraphs below the usage line
	verb    func() verb
}

// commands lists the verbs in the order in which help shows them.
func commands() []*command {
	return []*command{
		runCommand, devCommand, replayCommand, serveCommand, attachCommand,
		invokeCommand, topCommand, listCommand, getCommand, explainCommand, historyCommand, logsCommand,
		callbackCommand, forkCommand, redriveCommand, skipCommand,
		pauseCommand, resumeCommand, stopCommand, deleteCommand, jobsCommand, eventsCommand,
		nodesCommand, functionsCommand, publishCommand, unpublishCommand, aliasCommand,
		exportCommand, importCommand, verifyCommand, backupCommand, restoreCommand, moveCommand,
		lintCommand, doctorCommand, credentialsCommand, versionCommand, helpCommand,
	}
}

// exactly returns a problem unless args has one value for each name.
func exactly(args []string, verb string, names ...string) error {
	switch {
	case len(args) < len(names):
		return cli.Usagef("perdure %s needs %s", verb, names[len(args)]).Hintf("perdure help %s", verb)
	case len(args) > len(names):
		return cli.Usagef("perdure %s: unexpected argument %q", verb, args[len(names)]).Hintf("perdure help %s", verb)
	}
	return nil
}

// execute runs the command line args and returns the exit status.
func execute(args []string) int {
	std := &stdio{in: os.Stdin, out: os.Stdout, err: cli.NewConsole(os.Stderr)}
	if isatty.IsTerminal(os.Stdout.Fd()) {
		std.out = cli.Screen(os.Stdout) // results and histories hold other people's text
	}
	ctx, stop := interruptible(context.Background())
	defer stop()
	status := cli.Report(std.err, worded(dispatch(ctx, std, args)))
	std.err.Flush()
	return status
}

// errInterrupted is the cause of a context's end after a signal to stop.
var errInterrupted = errors.New("interrupted")

// sameSignal is the time within which signals to stop count as one: one Ctrl-C may reach us from a terminal and
// from a supervisor.
const sameSignal = 300 * time.Millisecond

// interruptible returns a context that the first signal to stop cancels, with
// errInterrupted as its cause. The second signal ends the process at once.
func interruptible(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		<-signals
		first := time.Now()
		cancel(errInterrupted)
		for range signals {
			if time.Since(first) > sameSignal {
				os.Exit(cli.StatusInterrupted)
			}
		}
	}()
	return ctx, func() { signal.Stop(signals); cancel(nil) }
}

// interrupted reports whether a signal asked us to stop.
func interrupted(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errInterrupted) }

// dispatch runs the verb that args start with.
func dispatch(ctx context.Context, std *stdio, args []string) error {
	if len(args) == 0 {
		writeOverview(std.err)
		return &cli.Problem{Status: cli.StatusUsage}
	}
	c, err := find(args[0])
	if err != nil {
		return err
	}
	v := c.verb()
	fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
	v.define(fs)
	positional, err := cli.ParseFlags(fs, args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return writeHelp(std.out, c)
	}
	if err != nil {
		return err
	}
	return v.run(ctx, std, positional)
}

// find returns the command called name.
func find(name string) (*command, error) {
	switch name {
	case "-h", "-help", "--help":
		name = "help"
	case "-version", "--version":
		name = "version"
	}
	var names []string
	for _, c := range commands() {
		if c.name == name {
			return c, nil
		}
		names = append(names, c.name)
	}
	p := cli.Usagef("there is no command %q", name)
	if near := text.Nearest(name, names); near != "" {
		p.Hintf("did you mean perdure %s?", near)
	}
	return nil, p.Hintf("perdure help lists the commands")
}
