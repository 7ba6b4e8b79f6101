package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

var helpCommand = &command{
	name:    "help",
	args:    "[COMMAND]",
	summary: "explain a command",
	verb:    func() verb { return helpVerb{} },
}

type helpVerb struct{}

func (helpVerb) define(*flag.FlagSet) {}

func (helpVerb) run(_ context.Context, std *stdio, args []string) error {
	if len(args) == 0 {
		writeOverview(std.out)
		return nil
	}
	if err := exactly(args, "help", "a command"); err != nil {
		return err
	}
	c, err := find(args[0])
	if err != nil {
		return err
	}
	return writeHelp(std.out, c)
}

const statuses = `Exit status:
  0    success
  1    the execution failed, timed out or was stopped
  2    wrong usage, bad input, or a build that failed
  3    the engine: it refused, its data cannot be used, or it cannot be reached
  130  interrupted; nothing is lost
`

// writeOverview explains the command line.
func writeOverview(w io.Writer) {
	fmt.Fprint(w, "Perdure runs durable functions: they survive crashes and can wait for a year.\n\nUsage: "+
		"perdure COMMAND\n\n")
	tab := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	for _, c := range commands() {
		fmt.Fprintf(tab, "  %s\t%s\n", c.name, c.summary)
	}
	tab.Flush()
	fmt.Fprintf(w, "\nResults go to stdout, everything else to stderr.\n\n%s\nperdure help COMMAND tells more "+
		"about one.\n", statuses)
}

// writeHelp explains one command.
func writeHelp(w io.Writer, c *command) error {
	fmt.Fprintf(w, "Usage: perdure %s %s\n\n%s%s.\n", c.name, c.args, strings.ToUpper(c.summary[:1]), c.summary[1:])
	if c.help != "" {
		fmt.Fprintf(w, "\n%s\n", strings.TrimSpace(c.help))
	}
	fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
	c.verb().define(fs)
	if text := flagHelp(fs); text != "" {
		fmt.Fprintf(w, "\nFlags, before or after the arguments:\n%s", text)
	}
	return nil
}

// flagHelp lists flags with their defaults.
func flagHelp(fs *flag.FlagSet) string {
	var b bytes.Buffer
	tab := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	fs.VisitAll(func(f *flag.Flag) {
		value, usage := flag.UnquoteUsage(f)
		name := strings.TrimSpace("--" + f.Name + " " + value)
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" {
			usage += " (default " + shortDuration(f.DefValue) + ")"
		}
		fmt.Fprintf(tab, "  %s\t%s\n", name, usage)
	})
	tab.Flush()
	return b.String()
}

// shortDuration drops the zeros at the end of a printed duration.
func shortDuration(s string) string {
	if _, err := time.ParseDuration(s); err != nil {
		return s
	}
	if trimmed, ok := strings.CutSuffix(s, "m0s"); ok {
		s = trimmed + "m"
	}
	if trimmed, ok := strings.CutSuffix(s, "h0m"); ok {
		s = trimmed + "h"
	}
	return s
}
