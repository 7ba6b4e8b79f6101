package project

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/internal/function/samconfig"
	"github.com/perdure/perdure/internal/function/template"
)

// TestSameSettings: where a function stands in a template does not matter, but
// all that is said of it does.
func TestSameSettings(t *testing.T) {
	read := func(text string) *Program {
		path := filepath.Join(t.TempDir(), "template.yaml")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		p, err := Read(path, &Options{Environment: samconfig.DefaultEnvironment})
		if err != nil {
			t.Fatal(err)
		}
		p.Programs[0].Path = "somewhere"
		return &p.Programs[0]
	}
	const text = "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties: {CodeUri: ., Handler: h, Runtime: provided.al2023, Timeout: 5}\n"
	f := read(text)
	if !f.SameSettings(read("# moved\n" + text)) {
		t.Error("moving a function in the template changes its settings")
	}
	if f.SameSettings(read(strings.ReplaceAll(text, "Timeout: 5", "Timeout: 6"))) {
		t.Error("another timeout is the same")
	}
	if (&Program{Path: "somewhere", Spec: &template.Function{}}).SameSettings(f) {
		t.Error("another function is the same")
	}
}

const oneFunction = "Resources:\n  F: {Type: AWS::Serverless::Function, Properties: {CodeUri: src, Handler: h, Runtime: provided.al2023}}\n" +
	"  T: {Type: AWS::DynamoDB::Table}\n  Q: {Type: AWS::SQS::Queue}\n"

// TestFind: the template of a directory is the one that samconfig.toml names, or
// one that lies there.
func TestFind(t *testing.T) {
	const names = "[default.global.parameters]\ntemplate_file = \"deep/t.yaml\"\n"
	for want, in := range map[string]map[string]string{
		"":              {"main.go": ""},
		"template.yaml": {"template.yaml": "", "template.json": ""},
		"template.json": {"template.json": ""},
		"deep/t.yaml":   {"template.yaml": "", "samconfig.toml": names, "deep/t.yaml": ""},
		"template.yml":  {"template.yml": "", "samconfig.toml": names},
	} {
		dir := files(t, in)
		opts := Options{Environment: samconfig.DefaultEnvironment}
		got, err := Find(dir, &opts)
		if rel, _ := filepath.Rel(dir, got); err != nil || rel != want && got != want {
			t.Errorf("%v: got %q, %v, want %q", in, got, err, want)
		}
	}
	for path, want := range map[string]string{"t.yaml": "t.yaml", "t.go": ""} {
		if got, err := Find(path, &Options{}); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", path, got, err, want)
		}
	}
}

// TestRead: a template is read with the configuration that belongs to it.
func TestRead(t *testing.T) {
	dir := files(t, map[string]string{"template.yaml": oneFunction, "samconfig.toml": "[other.deploy.parameters]\nregion = \"eu-west-1\"\n"})
	path := filepath.Join(dir, "template.yaml")
	p, err := Read(path, &Options{Environment: samconfig.DefaultEnvironment})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Programs) != 1 || p.Programs[0].Name != "F" || p.Programs[0].Path != filepath.Join(dir, "src") || !p.Programs[0].Plain {
		t.Errorf("got %+v, want F, which is plain, in src", p.Programs)
	}
	if diff := cmp.Diff([]string{path + ": not created here: T, Q [resource]"}, p.Notes()); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
	if !slices.Contains(p.Files, path) || !slices.Contains(p.Files, filepath.Join(dir, "samconfig.toml")) {
		t.Errorf("the files are %q", p.Files)
	}
	if p.LeavesOut(&p.Programs[0]) {
		t.Error("F is left out")
	}
	bare := files(t, map[string]string{"template.yaml": oneFunction})
	if _, err := Read(filepath.Join(bare, "template.yaml"), &Options{Environment: "prod"}); !errors.Is(err, ErrNoConfiguration) {
		t.Errorf("got %v, want %v", err, ErrNoConfiguration)
	}
	if _, err := Read(filepath.Join(bare, "nothing.yaml"), &Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want %v", err, os.ErrNotExist)
	}
	broken := files(t, map[string]string{"template.yaml": "Resources: none"})
	_, err = Read(filepath.Join(broken, "template.yaml"), &Options{Environment: samconfig.DefaultEnvironment})
	if _, ok := errors.AsType[template.Errors](err); !ok {
		t.Errorf("got %T %v, want mistakes", err, err)
	}
}
