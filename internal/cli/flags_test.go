package cli

import (
	"errors"
	"flag"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseFlags(t *testing.T) {
	for _, test := range []struct {
		args, positional, name string
	}{
		{"", "", ""},
		{"a b", "a b", ""},
		{"--name x a", "a", "x"},
		{"a --name x", "a", "x"},
		{"a -name=x b", "a b", "x"},
		{"--json a --name x -- --name y", "a --name y", "x"},
		{"-- --name y", "--name y", ""},
		{"a - --name -", "a -", "-"},
	} {
		t.Run(test.args, func(t *testing.T) {
			fs := flag.NewFlagSet("run", flag.ContinueOnError)
			name := fs.String("name", "", "")
			fs.Bool("json", false, "")
			got, err := ParseFlags(fs, strings.Fields(test.args))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Fields(test.positional), append([]string{}, got...)); diff != "" || *name != test.name {
				t.Errorf("positional (-want +got):\n%s\nname: got %q, want %q", diff, *name, test.name)
			}
		})
	}
}

func TestParseFlagsProblems(t *testing.T) {
	for args, want := range map[string]string{
		"--evnt x":     "perdure: run has no flag --evnt\nhint: did you mean --event?\nhint: perdure help run\n",
		"a --zzzzzz":   "perdure: run has no flag --zzzzzz\nhint: perdure help run\n",
		"--event":      "perdure: --event needs a value\nhint: perdure help run\n",
		"--timeout x":  "perdure: invalid value \"x\" for --timeout: parse error\nhint: perdure help run\n",
		"--json=maybe": "perdure: invalid boolean value \"maybe\" for --json: parse error\nhint: perdure help run\n",
	} {
		fs := flag.NewFlagSet("run", flag.ContinueOnError)
		fs.String("event", "", "")
		fs.Bool("json", false, "")
		fs.Duration("timeout", time.Second, "")
		_, err := ParseFlags(fs, strings.Fields(args))
		var b strings.Builder
		if status := Report(&b, err); status != StatusUsage || b.String() != want {
			t.Errorf("%s: status %d, output %q, want %q", args, status, b.String(), want)
		}
	}
	fs := flag.NewFlagSet("run", flag.ContinueOnError)
	if _, err := ParseFlags(fs, []string{"--help"}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("--help: got %v, want flag.ErrHelp", err)
	}
}

// TestEmptyValues: an empty value is refused wherever it cannot be meant.
func TestEmptyValues(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string // empty if they are accepted
	}{
		{[]string{"--name", ""}, "perdure: --name is empty: give it a value, or leave it out\n" +
			"hint: is a variable unset? see perdure help run\n"},
		{[]string{"--name="}, "perdure: --name is empty: give it a value, or leave it out\n" +
			"hint: is a variable unset? see perdure help run\n"},
		{[]string{"--timeout="}, "perdure: --timeout is empty: give it a value, or leave it out\n" +
			"hint: is a variable unset? see perdure help run\n"},
		{[]string{"--json="}, "perdure: --json is empty: give it a value, or leave it out\n" +
			"hint: is a variable unset? see perdure help run\n"},
		{[]string{"--env", "", "a"}, "perdure: --env is empty: give it a value, or leave it out\n" +
			"hint: is a variable unset? see perdure help run\n"},
		{[]string{"a", ""}, "perdure: run: an argument is empty\nhint: is a variable unset? see perdure help run\n"},
		{[]string{"--", ""}, "perdure: run: an argument is empty\nhint: is a variable unset? see perdure help run\n"},
		{[]string{"--result", ""}, ""},
		{[]string{"--result="}, ""},
		{[]string{"--name", " "}, ""},
	} {
		fs := flag.NewFlagSet("run", flag.ContinueOnError)
		fs.String("name", "", "")
		fs.Bool("json", false, "")
		fs.Duration("timeout", time.Second, "")
		fs.Func("env", "", func(string) error { return nil })
		var result Text
		fs.Var(&result, "result", "")
		_, err := ParseFlags(fs, test.args)
		var b strings.Builder
		if err != nil {
			Report(&b, err)
		}
		if b.String() != test.want {
			t.Errorf("%q: got %q, want %q", test.args, b.String(), test.want)
		}
	}
}
