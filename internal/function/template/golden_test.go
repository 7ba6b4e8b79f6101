package template

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestGolden reads the templates in testdata, each with what is wanted of it.
func TestGolden(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("golden files: %d, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) { golden(t, path) })
	}
}

func golden(t *testing.T, path string) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	opts := &Options{}
	var source, want *txtar.File
	for i := range archive.Files {
		switch f := &archive.Files[i]; f.Name {
		case "parameters":
			opts.Parameters = parameters(string(f.Data))
		case "want":
			want = f
		default:
			source = f
		}
	}
	got := describe(t, source.Name, source.Data, opts)
	if *update {
		want.Data = []byte(got)
		if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := gocmp.Diff(string(want.Data), got); diff != "" {
		t.Errorf("%s, -want +got:\n%s", path, diff)
	}
}

func parameters(lines string) map[string]string {
	values := map[string]string{}
	for line := range strings.Lines(lines) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		values[name] = value
	}
	return values
}

// describe is all that was read of a template, as text.
func describe(t *testing.T, name string, data []byte, opts *Options) string {
	read, err := Parse(name, data, opts)
	var b strings.Builder
	for _, f := range cmp.Or(read, &Template{}).Functions {
		text, err := json.MarshalIndent(f, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %s\n", f.LogicalID, text)
	}
	for _, w := range cmp.Or(read, &Template{}).Warnings {
		fmt.Fprintf(&b, "warning %s\n", w)
	}
	if err != nil {
		all, ok := errors.AsType[Errors](err)
		if !ok {
			t.Fatalf("got an error of type %T, want Errors", err)
		}
		for _, e := range all {
			fmt.Fprintf(&b, "error %s\n", e)
		}
	}
	return b.String()
}
