package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/function/sandbox"
	"github.com/perdure/perdure/protocol"
)

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		"plain/path.json": "plain/path.json",
		"":                "''",
		`{"a":1}`:         `'{"a":1}'`,
		"it's":            `'it'\''s'`,
		"$LATEST":         "'$LATEST'",
	} {
		if got := quote(in); got != want {
			t.Errorf("quote(%q): got %s, want %s", in, got, want)
		}
	}
}

func TestFunctionNameOf(t *testing.T) {
	for path, want := range map[string]string{
		"examples/order": "order", "./my.func/": "my-func", "/": "function", "/tmp/ä": "function",
		strings.Repeat("a", 80): strings.Repeat("a", 64),
	} {
		if got := functionNameOf(path); got != want {
			t.Errorf("functionNameOf(%q): got %q, want %q", path, got, want)
		}
	}
}

func TestQualified(t *testing.T) {
	const arn = "arn:aws:lambda:us-east-1:000000000000:function:f"
	for in, want := range map[string]string{"f": "f:$LATEST", "f:7": "f:7", arn: arn + ":$LATEST", arn + ":7": arn + ":7"} {
		if got := qualified(in); got != want {
			t.Errorf("qualified(%q): got %q, want %q", in, got, want)
		}
	}
}

func TestShortDuration(t *testing.T) {
	for in, want := range map[string]string{"1h0m0s": "1h", "15m0s": "15m", "1h30m0s": "1h30m", "10m30s": "10m30s", "127.0.0.1:0": "127.0.0.1:0"} {
		if got := shortDuration(in); got != want {
			t.Errorf("shortDuration(%q): got %q, want %q", in, got, want)
		}
	}
}

// Going on must repeat what matters and nothing that would fail.
func TestCommandLineToGoOn(t *testing.T) {
	for args, want := range map[string]string{
		"f --event e.json":                                    "run f --event e.json --name N",
		"f --event - --data d --keep-going":                   "run f --data d --keep-going --name N",
		"f --name N --listen 127.0.0.1:9":                     "run f --name N",
		"t.yaml --parameter A=1 --parameter B=2":              "run t.yaml --parameter A=1 --parameter B=2 --name N",
		"f --env A=1 --env B=2 --event-json {} --timeout 90s": "run f --env A=1 --env B=2 --event-json '{}' --timeout 1m30s --name N",
	} {
		v := &runVerb{name: "N"}
		fs := flag.NewFlagSet("run", flag.ContinueOnError)
		v.define(fs)
		positional, err := cli.ParseFlags(fs, strings.Fields(args))
		if err != nil {
			t.Fatal(err)
		}
		v.path, v.name = positional[0], "N"
		if got := v.commandLine(); !strings.HasSuffix(got, " "+want) {
			t.Errorf("%s:\n got %s\nwant … %s", args, got, want)
		}
	}
}

func TestPatience(t *testing.T) {
	crash := &protocol.ErrorObject{ErrorType: "Runtime.ExitError"}
	events := func(kinds string) (list []*protocol.Event) {
		for i, kind := range kinds {
			e := &protocol.Event{ID: int64(i + 1), Type: protocol.EventInvocationCompleted}
			switch kind {
			case 'x':
				e.Error = crash
			case 's':
				e.Type = protocol.EventStepStarted
			}
			list = append(list, e)
		}
		return list
	}
	for _, test := range []struct {
		kinds string // x a failed invocation, s a step, . an invocation that went well
		p     patience
		ends  int // with which event; 0 is never
	}{
		{"sxxx", patience{}, 4},
		{"sxxsxx.xx", patience{}, 0},
		{"sxxxxx", patience{ignored: 3}, 6},
		{"sxxxxxxx", patience{endless: true}, 0},
	} {
		got := 0
		for _, e := range events(test.kinds) {
			if test.p.judge(e) != nil {
				got = int(e.ID)
				break
			}
		}
		if got != test.ends {
			t.Errorf("%s: patience ended with event %d, want %d", test.kinds, got, test.ends)
		}
	}
}

// Ctrl-C must work while the event is still to come on stdin.
func TestReadingTheEventCanBeInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stdin, end := io.Pipe()
	defer end.Close()
	cancel(errInterrupted)
	_, err := (&eventFlags{file: "-"}).read(ctx, &stdio{in: stdin})
	if status := cli.Report(io.Discard, err); status != cli.StatusInterrupted {
		t.Errorf("status %d, error %v, want %d", status, err, cli.StatusInterrupted)
	}
}

// answered is an invoker that answers at once.
type answered struct{}

func (answered) Invoke(context.Context, *engine.Invocation) engine.Outcome { return engine.Outcome{} }

func TestOthers(t *testing.T) {
	var met []string
	o := others{name: "mine", meet: func(name string) { met = append(met, name) }}
	inv := o.watch(answered{})
	for i, name := range []string{"mine", "a", "a", "b", "c", "d", "e"} {
		arn := "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST/durable-execution/" + name + "/id"
		inv.Invoke(t.Context(), &engine.Invocation{RequestID: fmt.Sprint(i), ExecutionARN: arn})
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, met); diff != "" {
		t.Errorf("executions mentioned (-want +got):\n%s", diff)
	}
	for request, want := range map[string]bool{"0": false, "1": true, "2": true, "6": true, "": false} {
		if got := o.wrote(sandbox.Line{RequestID: request}); got != want {
			t.Errorf("line of invocation %q: another's %v, want %v", request, got, want)
		}
	}
}

func TestLogger(t *testing.T) {
	var b bytes.Buffer
	log := newLogger(func(line string) { fmt.Fprintln(&b, line) }).With("execution", "x")
	log.Info("not worth a line")
	for range 3 {
		log.Warn("trying again", "error", "full")
	}
	log.WithGroup("g").Error("gave up")
	want := "perdure: trying again, execution: x, error: full\nperdure: gave up, execution: x\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if log.Enabled(t.Context(), slog.LevelInfo) {
		t.Error("info records are made though nobody sees them")
	}
}

// Every command must explain itself.
func TestHelpOfEveryCommand(t *testing.T) {
	for _, c := range commands() {
		var b bytes.Buffer
		if err := writeHelp(&b, c); err != nil || !strings.HasPrefix(b.String(), "Usage: perdure "+c.name) {
			t.Errorf("help %s: error %v, output %q", c.name, err, b.String())
		}
		for line := range strings.Lines(b.String()) {
			if n := len([]rune(line)); n > 130 {
				t.Errorf("help %s has a line of %d characters: %s", c.name, n, line)
			}
		}
	}
}
