package cli

import (
	"errors"
	"flag"
	"io"
	"strings"

	"github.com/perdure/perdure/internal/nearest"
)

// ParseFlags parses args, in which flags may stand before, between and after
// the positional arguments, and returns the latter. A lone "--" ends the
// flags. It fails with [flag.ErrHelp] for --help, else with a [Problem].
func ParseFlags(fs *flag.FlagSet, args []string) ([]string, error) {
	fs.SetOutput(io.Discard)
	var positional []string
	for {
		if err := fs.Parse(args); err != nil {
			return nil, flagProblem(fs, err)
		}
		rest := fs.Args()
		if len(rest) == 0 {
			return positional, nil
		}
		if n := len(args) - len(rest); n > 0 && args[n-1] == "--" {
			return append(positional, rest...), nil
		}
		positional = append(positional, rest[0])
		args = rest[1:]
	}
}

// flagProblem words an error of package flag as this command line does. The
// package has no error types, so its words are what there is to go by.
func flagProblem(fs *flag.FlagSet, err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	text := err.Error()
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: -"); ok {
		return unknownFlag(fs, name)
	}
	if name, ok := strings.CutPrefix(text, "flag needs an argument: -"); ok {
		return Usagef("--%s needs a value", name).Hintf("perdure help %s", fs.Name())
	}
	text = strings.NewReplacer("for flag -", "for --", "for -", "for --").Replace(text)
	return Usagef("%s", text).Hintf("perdure help %s", fs.Name())
}

func unknownFlag(fs *flag.FlagSet, name string) error {
	var names []string
	fs.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
	p := Usagef("%s has no flag --%s", fs.Name(), strings.TrimLeft(name, "-"))
	if near := nearest.Word(name, names); near != "" {
		p.Hintf("did you mean --%s?", near)
	}
	return p.Hintf("perdure help %s", fs.Name())
}
