package main

import (
	"context"
	"flag"
	"os"
	"path/filepath"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/text"
)

// eventFlags say where the event comes from.
type eventFlags struct{ file, text string }

func (f *eventFlags) define(fs *flag.FlagSet) {
	fs.StringVar(&f.file, "event", "", "`FILE` with the event as JSON; - is stdin")
	fs.StringVar(&f.text, "event-json", "", "the event itself, as `JSON`")
}

// given reports whether there is an event in a file or in the flags.
func (f *eventFlags) given() bool { return f.file != "" || f.text != "" }

// read returns the event, nil if none was given.
func (f *eventFlags) read(ctx context.Context, std *stdio) ([]byte, error) {
	switch {
	case f.file != "" && f.text != "":
		return nil, cli.Usagef("--event and --event-json exclude each other")
	case f.text != "":
		return cli.CheckEvent("the event of --event-json", []byte(f.text))
	case f.file != "":
		return interruptibleRead(ctx, func() ([]byte, error) { return cli.ReadEvent(f.file, std.in) })
	}
	return nil, nil
}

// storedEventFlags are those of verbs that talk to an engine: it may keep the event.
type storedEventFlags struct {
	eventFlags
	saved string
}

func (f *storedEventFlags) define(fs *flag.FlagSet) {
	f.eventFlags.define(fs)
	fs.StringVar(&f.saved, "event-saved", "", "`NAME` of an event that the engine keeps; see perdure help events")
}

func (f *storedEventFlags) read(ctx context.Context, std *stdio) ([]byte, error) {
	if f.saved != "" && f.given() {
		return nil, cli.Usagef("--event-saved excludes --event and --event-json")
	}
	return f.eventFlags.read(ctx, std)
}

// stored returns the event that the engine keeps of a function, or else the one that was read.
func (f *storedEventFlags) stored(ctx context.Context, r *remote, function string, read []byte) ([]byte, error) {
	if f.saved == "" {
		return read, nil
	}
	one, err := r.SavedEvent(ctx, function, f.saved)
	if err != nil {
		return nil, r.fault(ctx, err)
	}
	return []byte(one.Event), nil
}

// interruptibleRead runs read, and abandons it when ctx is done: a terminal or a pipe may stay silent for ever.
func interruptibleRead(ctx context.Context, read func() ([]byte, error)) ([]byte, error) {
	type event struct {
		data []byte
		err  error
	}
	done := make(chan event, 1)
	go func() {
		data, err := read()
		done <- event{data, err}
	}()
	select {
	case e := <-done:
		return e.data, e.err
	case <-ctx.Done():
		return nil, interruptedOr(ctx, context.Cause(ctx))
	}
}

// missingEvent is the problem of a start without an event for the function in dir.
func missingEvent(dir string) error {
	p := cli.Usagef("there is no event for the function")
	if sample := filepath.Join(dir, "events", "event.json"); fileExists(sample) {
		p.Hintf("there is one in the function's directory: --event %s", text.Quote(sample))
	}
	return p.Hintf("--event FILE names a JSON file; - reads stdin; --event-json '{…}' takes the event itself")
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
