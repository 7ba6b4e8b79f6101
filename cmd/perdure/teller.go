package main

import (
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/function/sandbox"
)

// teller says what happens while an engine serves: in lines for people, or in
// JSON for programs.
type teller struct {
	format string // text or json
	err    io.Writer
	log    *slog.Logger
}

func (t *teller) define(fs *flag.FlagSet) {
	fs.StringVar(&t.format, "log-format", "text", "`FORMAT` of what is said while serving: text or json")
}

// open begins to tell on err. That those who read it go away ends no engine.
func (t *teller) open(err io.Writer) error {
	t.err = err
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // else the runtime ends the process
	switch t.format {
	case "text":
		t.log = newLogger(t.line)
	case "json":
		t.log = slog.New(slog.NewJSONHandler(err, nil))
	default:
		return cli.Usagef("--log-format is text or json, not %q", t.format)
	}
	return nil
}

func (t *teller) line(s string) { fmt.Fprintln(t.err, cli.Printable(s)) }

// say tells people in lines, and programs message with attrs.
func (t *teller) say(message string, attrs []any, lines ...string) {
	if t.format == "json" {
		t.log.Info(message, attrs...)
		return
	}
	for _, s := range lines {
		t.line(s)
	}
}

// output tells what a function writes. Its version is empty if it is the newest.
func (t *teller) output(function, version string) func(sandbox.Line) {
	name := function
	if version != "" {
		name += ":" + version
	}
	if t.format == "text" {
		return func(line sandbox.Line) { t.line(name + " | " + line.Text) }
	}
	log := t.log.With("function", name)
	return func(line sandbox.Line) {
		log.Info(line.Text, "stream", line.Stream, "requestId", line.RequestID, "executionArn", line.ExecutionARN)
	}
}
