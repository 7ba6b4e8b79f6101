package cli

import (
	"errors"
	"flag"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/perdure/perdure/internal/text"
)

// ParseFlags parses args, in which flags may stand before, between and after the positional arguments, and returns the
// latter. A lone "--" ends the flags. It fails with [flag.ErrHelp] for --help, else with a [Problem].
//
// An empty value or argument is refused, unless the flag is a [Text]: a script probably forgot to set a variable.
func ParseFlags(fs *flag.FlagSet, args []string) ([]string, error) {
	fs.SetOutput(io.Discard)
	fs.VisitAll(func(f *flag.Flag) { f.Value = refuseEmpty(f.Value) })
	positional, err := parseFlags(fs, args)
	if err == nil && slices.Contains(positional, "") {
		err = Usagef("%s: an argument is empty", fs.Name()).Hintf("is a variable unset? see perdure help %s", fs.Name())
	}
	return positional, err
}

func parseFlags(fs *flag.FlagSet, args []string) ([]string, error) {
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

// Text is the value of a flag that takes a text, which may be empty; nil is a flag that was not given.
type Text struct{ Value *string }

// String implements [flag.Value].
func (t *Text) String() string {
	if t.Value == nil {
		return ""
	}
	return *t.Value
}

// Set implements [flag.Value].
func (t *Text) Set(value string) error { t.Value = &value; return nil }

func (*Text) mayBeEmpty() {}

// required is the value of a flag that cannot be empty.
type required struct{ flag.Value }

var errEmpty = errors.New("empty value")

func (v required) Set(value string) error {
	if value == "" {
		return errEmpty
	}
	return v.Value.Set(value)
}

func refuseEmpty(v flag.Value) flag.Value {
	switch v := v.(type) {
	case required, interface{ mayBeEmpty() }, interface{ IsBoolFlag() bool }:
		return v
	}
	return required{v}
}

var emptyValue = regexp.MustCompile(`^invalid (?:boolean )?value "" for --([^:]+):`)

// flagProblem turns an error of package flag into a problem. The package has no error types, so its words must do.
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
	if m := emptyValue.FindStringSubmatch(text); m != nil {
		return Usagef("--%s is empty: give it a value, or leave it out", m[1]).
			Hintf("is a variable unset? see perdure help %s", fs.Name())
	}
	return Usagef("%s", text).Hintf("perdure help %s", fs.Name())
}

func unknownFlag(fs *flag.FlagSet, name string) error {
	var names []string
	fs.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
	p := Usagef("%s has no flag --%s", fs.Name(), strings.TrimLeft(name, "-"))
	if near := text.Nearest(name, names); near != "" {
		p.Hintf("did you mean --%s?", near)
	}
	return p.Hintf("perdure help %s", fs.Name())
}
