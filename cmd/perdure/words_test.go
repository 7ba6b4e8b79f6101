package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/protocol"
)

func TestShortDuration(t *testing.T) {
	for in, want := range map[string]string{"1h0m0s": "1h", "15m0s": "15m", "1h30m0s": "1h30m", "10m30s": "10m30s",
		"127.0.0.1:0": "127.0.0.1:0"} {
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

// Fifty of the longest tags have no room in a request: that is said before it is sent.
func TestTagsWithoutRoom(t *testing.T) {
	tags := map[string]string{}
	for i := range engine.MaxTags {
		tags[fmt.Sprint(strings.Repeat("日", engine.MaxTagKey-2), 10+i)] = strings.Repeat("日", engine.MaxTagValue)
	}
	err := (&invokeVerb{tags: tags}).run(t.Context(), &stdio{}, []string{"f"})
	const want = "these tags take 172099 bytes in a request, of which at most 49152 are for tags"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestOthers(t *testing.T) {
	var met []string
	o := others{name: "mine", meet: func(name string) { met = append(met, name) }}
	arn := func(name string) string {
		return "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST/durable-execution/" + name + "/id"
	}
	for _, name := range []string{"mine", "a", "a", "b", "c", "d", "e"} {
		o.note(&engine.Invocation{ExecutionARN: arn(name)})
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, met); diff != "" {
		t.Errorf("executions mentioned (-want +got):\n%s", diff)
	}
	for of, want := range map[string]bool{arn("mine"): false, arn("a"): true, arn("e"): true, "": false} {
		if got := o.wrote(engine.LogLine{ExecutionARN: of}); got != want {
			t.Errorf("line of %q: another's %v, want %v", of, got, want)
		}
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
