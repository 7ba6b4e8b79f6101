// Package top shows an engine's executions live: counts, what needs attention first, failures by error, throughput,
// nodes and jobs. [Run] does it on a terminal, where executions can be acted on, and [Lines] in a pipe.
//
//	look.go    asks the engine: one look is an [Overview]
//	lines.go   writes an overview as lines, and has the words that both share
//	model.go   what the screen shows at a moment, and what keys do to it
//	act.go     what is done to executions, once that is confirmed
//	view.go    draws the screen
//	filter.go  filters as people type them
//
// Only the command links it, as it brings a library for terminals.
package top

import (
	"cmp"
	"context"
	"net/url"
	"os"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/perdure/perdure/internal/client"
)

// Options say what is shown. All are required but Filter.
type Options struct {
	Client *client.Client
	// Filter selects the executions, as the query of a URL does. Ages in it count back from each look.
	Filter url.Values
	// Interval is the time between looks.
	Interval time.Duration
	// Word words an error of the client for people.
	Word func(error) error
}

// Run shows the engine on the terminal that in and out are, until somebody quits, or ctx is done, whose cause it
// returns then. An engine that is away is no error: the screen says so, and goes on when it is back.
func Run(ctx context.Context, in, out *os.File, opt *Options) error {
	p := tea.NewProgram(newModel(ctx, opt), tea.WithInput(in), tea.WithOutput(out), tea.WithoutSignalHandler())
	defer context.AfterFunc(ctx, p.Quit)()
	_, err := p.Run()
	return cmp.Or(context.Cause(ctx), err)
}
