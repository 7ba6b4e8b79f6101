package template

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// TestSamples reads templates in the manner of those that people have. Each has
// a list of what is served, and of what is told.
func TestSamples(t *testing.T) {
	paths, err := filepath.Glob("testdata/samples/*.txtar")
	if err != nil || len(paths) < 20 {
		t.Fatalf("got %d samples, %v", len(paths), err)
	}
	guide, err := os.ReadFile("../../../docs/guides/templates.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if !strings.Contains(string(guide), filepath.ToSlash(path)) {
			t.Errorf("docs/guides/templates.md does not name %s", path)
		}
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) { sample(t, path) })
	}
}

func sample(t *testing.T, path string) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]*txtar.File{}
	for i := range archive.Files {
		files[archive.Files[i].Name] = &archive.Files[i]
	}
	opts := &Options{StackName: "shop", Read: func(file string) ([]byte, error) {
		if f := files[file]; f != nil {
			return f.Data, nil
		}
		return nil, fs.ErrNotExist
	}}
	if f := files["configured"]; f != nil {
		opts.Configured = parameters(string(f.Data))
	}
	name, source := "template.yaml", files["template.yaml"]
	if source == nil {
		name, source = "template.json", files["template.json"]
	}
	got := served(t, name, source.Data, opts)
	want := files["want"]
	if *update {
		want.Data = []byte(got)
		if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := gocmp.Diff(string(want.Data), got); diff != "" {
		t.Errorf("%s, -want +got:\n%s", path, diff)
	}
	if name == "template.yaml" { // Windows' ends of lines change nothing
		crlf := served(t, name, []byte(strings.ReplaceAll(string(source.Data), "\n", "\r\n")), opts)
		if diff := gocmp.Diff(got, strings.ReplaceAll(crlf, `\r\n`, `\n`)); diff != "" {
			t.Errorf("%s with CRLF, -without +with:\n%s", path, diff)
		}
	}
}

// served is what is made of a template, a line for each fact.
func served(t *testing.T, name string, data []byte, opts *Options) string {
	read, err := Parse(name, data, opts)
	if err != nil {
		return err.Error() + "\n"
	}
	var b strings.Builder
	for _, f := range read.Functions {
		fmt.Fprintf(&b, "serves %s: %s %s in %s, %v, %d MB", f.Name, f.Runtime, f.Handler, where(f), f.Timeout, f.MemoryMB)
		for _, more := range extras(f) {
			b.WriteString(", " + more)
		}
		b.WriteString("\n")
		for _, name := range slices.Sorted(maps.Keys(f.Environment)) {
			fmt.Fprintf(&b, "       %s=%q\n", name, f.Environment[name])
		}
	}
	for _, file := range read.Files {
		fmt.Fprintf(&b, "reads  %s\n", file)
	}
	for _, w := range read.Warnings {
		fmt.Fprintf(&b, "tells  %s\n", w)
	}
	return b.String()
}

func where(f *Function) string {
	if f.Inline != "" {
		return fmt.Sprintf("%q", f.Inline)
	}
	return filepath.ToSlash(filepath.Join(filepath.Dir(f.Position.File), f.CodeURI))
}

func extras(f *Function) (words []string) {
	if f.Durable != nil {
		words = append(words, fmt.Sprintf("durable %v %d d", f.Durable.ExecutionTimeout, f.Durable.RetentionDays))
	}
	if f.Build.Method != "" || f.Build.Skip || len(f.Build.Properties) > 0 {
		words = append(words, fmt.Sprintf("build %+v", f.Build))
	}
	if len(f.Aliases) > 0 {
		words = append(words, fmt.Sprintf("aliases %v", f.Aliases))
	}
	if f.Architecture != "" {
		words = append(words, f.Architecture)
	}
	if f.Concurrency > 0 {
		words = append(words, fmt.Sprintf("%d at a time", f.Concurrency))
	}
	if f.PerTenant {
		words = append(words, "per tenant")
	}
	if f.LogFormat+f.LogLevel != "" {
		words = append(words, "logs "+f.LogFormat+" "+f.LogLevel)
	}
	return words
}
