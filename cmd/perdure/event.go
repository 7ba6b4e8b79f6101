package main

import (
	"flag"
	"os"
	"path/filepath"

	"github.com/perdure/perdure/internal/cli"
)

// eventFlags say where the event comes from.
type eventFlags struct{ file, text string }

func (f *eventFlags) define(fs *flag.FlagSet) {
	fs.StringVar(&f.file, "event", "", "`FILE` with the event as JSON; - is stdin")
	fs.StringVar(&f.text, "event-json", "", "the event itself, as `JSON`")
}

// given reports whether there is an event at all.
func (f *eventFlags) given() bool { return f.file != "" || f.text != "" }

// read returns the event, nil if none was given.
func (f *eventFlags) read(std *stdio) ([]byte, error) {
	switch {
	case f.file != "" && f.text != "":
		return nil, cli.Usagef("--event and --event-json exclude each other")
	case f.text != "":
		return cli.CheckEvent("the event of --event-json", []byte(f.text))
	case f.file != "":
		return cli.ReadEvent(f.file, std.in)
	}
	return nil, nil
}

// missingEvent is the problem of a start without an event for the function in dir.
func missingEvent(dir string) error {
	p := cli.Usagef("there is no event for the function")
	if sample := filepath.Join(dir, "events", "event.json"); fileExists(sample) {
		p.Hintf("there is one in the function's directory: --event %s", quote(sample))
	}
	return p.Hintf("--event FILE names a JSON file; - reads stdin; --event-json '{…}' takes the event itself")
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
