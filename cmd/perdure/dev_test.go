package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/internal/function/samconfig"
	"github.com/perdure/perdure/internal/function/template"
	"github.com/perdure/perdure/protocol"
)

func TestScreen(t *testing.T) {
	var b bytes.Buffer
	s := newScreen(&b, false)
	s.reserve([]string{"a-function"}, true)
	s.say("", tonePlain, "stands alone")
	s.say("a", toneBad, "one %s", "line\nand\x1b[2J more")
	out := s.about("an-execution-with-quite-a-long-name-that-is-cut")
	fmt.Fprint(out, "half ")
	fmt.Fprint(out, "a line\nand another\n")
	want := `stands alone
a            | one line�and�[2J more
an-execution-with-quite-a-long-…  | half a line
an-execution-with-quite-a-long-…  | and another
`
	want = strings.ReplaceAll(want, "…  |", "… |")
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestSameSettings: where a function stands in a template does not matter, but
// all that is said of it does.
func TestSameSettings(t *testing.T) {
	read := func(text string) program {
		path := filepath.Join(t.TempDir(), "template.yaml")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		p, err := parseProject(path, &templateFlags{configEnv: samconfig.DefaultEnvironment})
		if err != nil {
			t.Fatal(err)
		}
		p.programs[0].path = "somewhere"
		return p.programs[0]
	}
	const text = "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties: {CodeUri: ., Handler: h, Runtime: provided.al2023, Timeout: 5}\n"
	f := read(text)
	if !sameSettings(f, read("# moved\n"+text)) {
		t.Error("moving a function in the template changes its settings")
	}
	if sameSettings(f, read(strings.ReplaceAll(text, "Timeout: 5", "Timeout: 6"))) {
		t.Error("another timeout is the same")
	}
	if sameSettings(program{path: "somewhere", spec: &template.Function{}}, f) {
		t.Error("another function is the same")
	}
}

func TestSampleEvent(t *testing.T) {
	dir := t.TempDir()
	if got := sampleEvent(dir); got != "" {
		t.Errorf("without events: got %q", got)
	}
	for _, name := range []string{"another.json", "event.json"} {
		path := filepath.Join(dir, "events", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if got := sampleEvent("nowhere", dir); got != path {
			t.Errorf("got %q, want %q", got, path)
		}
	}
}

func TestNameFiles(t *testing.T) {
	for want, paths := range map[string][]string{
		"/a":                       {"/a"},
		"/a, /b, /c":               {"/a", "/b", "/c"},
		"/a, /b, /c and 2 more":    {"/a", "/b", "/c", "/d", "/e"},
		filepath.Join("x", "y.go"): {filepath.Join(mustGetwd(t), "x", "y.go")},
	} {
		if got := nameFiles(paths); got != want {
			t.Errorf("%q: got %q, want %q", paths, got, want)
		}
	}
}

func mustGetwd(t *testing.T) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestReason(t *testing.T) {
	e := &protocol.ErrorObject{ErrorType: "NonDeterminismError", ErrorMessage: `perdure: non-deterministic code at operation 2: recorded WAIT/Wait "pause", but the code returned without reaching it; code between operations must do the same`}
	if got, want := reason(e), `operation 2: recorded WAIT/Wait "pause", but the code returned without reaching it`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
