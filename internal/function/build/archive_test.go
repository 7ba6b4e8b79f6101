package build

import (
	"archive/zip"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// member is a file of an archive.
type member struct {
	name, content string
	mode          fs.FileMode
}

func pack(t *testing.T, path string, members ...member) {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, m := range members {
		h := &zip.FileHeader{Name: m.name, Method: zip.Deflate}
		if m.mode != 0 {
			h.SetMode(m.mode)
		}
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(m.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestArchive runs what an archive holds, whatever else a template says of it.
func TestArchive(t *testing.T) {
	file, root := filepath.Join(t.TempDir(), "fn.zip"), t.TempDir()
	pack(t, file,
		member{"bootstrap", "#!/bin/sh\necho hello\n", 0o755}, member{"lib/", "", 0}, member{"lib/a", "1", 0o444},
		member{"old", "lib/a", fs.ModeSymlink | 0o777}, member{`win\dows`, "2", 0})
	for _, src := range []Source{{}, {Skip: true}, {Method: "go1.x"}, {Method: "makefile"}} {
		src.Name, src.Dir, src.Runtime, src.Handler = "fn", file, "provided.al2023", "bootstrap"
		b := mustBuild(t, src, root)
		if b.Method != "archive" || output(t, filepath.Join(b.Dir, "bootstrap")) != "hello\n" {
			t.Errorf("got %+v", b)
		}
		if got, want := list(t, b.Dir), []string{"bootstrap", "lib", "old", "win"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if data, err := os.ReadFile(filepath.Join(b.Dir, "old")); err != nil || string(data) != "1" {
			t.Errorf("the link has %q, %v", data, err)
		}
	}
	before := mustBuild(t, Source{Name: "fn", Dir: file}, root)
	pack(t, file, member{"bootstrap", "#!/bin/sh\n", 0o755})
	if after := mustBuild(t, Source{Name: "fn", Dir: file}, root); after.ID == before.ID {
		t.Error("another archive, the same build")
	}
}

// TestHostileArchives: none writes outside of its own directory, or without end.
func TestHostileArchives(t *testing.T) {
	for name, test := range map[string]struct {
		members []member
		want    string
	}{
		"above":             {[]member{{"../evil", "x", 0}}, "outside of the function's directory"},
		"above, by Windows": {[]member{{`..\evil`, "x", 0}}, "outside of the function's directory"},
		"absolute":          {[]member{{"/evil", "x", 0}}, "outside of the function's directory"},
		"a link out":        {[]member{{"a", "..", fs.ModeSymlink | 0o777}}, "the link leads outside"},
		"a link to the top": {[]member{{"a", "/etc", fs.ModeSymlink | 0o777}}, "the link leads outside"},
		"through a link":    {[]member{{"b/x", "", 0}, {"a", "b", fs.ModeSymlink | 0o777}, {"a/x", "x", 0}}, "cannot be unpacked"},
		"twice":             {[]member{{"a", "x", 0}, {"a", "y", 0}}, "cannot be unpacked"},
		"a device":          {[]member{{"a", "", fs.ModeDevice | 0o644}}, "neither a file, a directory nor a link"},
		"too much":          {[]member{{"a", strings.Repeat("x", 600), 0}, {"b", strings.Repeat("x", 600), 0}}, "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file, to := filepath.Join(dir, "fn.zip"), filepath.Join(dir, "to", "deep")
			if err := os.MkdirAll(to, 0o755); err != nil {
				t.Fatal(err)
			}
			pack(t, file, test.members...)
			err := unzip(t.Context(), file, to, 1000)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if exists(dir, "evil") || exists(dir, "to/evil") || exists("/", "evil") {
				t.Error("something was written outside")
			}
		})
	}
	file := filepath.Join(t.TempDir(), "cut.zip")
	pack(t, file, member{"a", "x", 0})
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, string(data[:len(data)/2]))
	if _, err := Do(t.Context(), Source{Name: "fn", Dir: file}, &Options{Root: t.TempDir()}); err == nil ||
		!strings.Contains(err.Error(), "is cut off") {
		t.Errorf("half an archive: got %v", err)
	}
}

// FuzzUnzip looks for archives that crash the reader, or write outside.
func FuzzUnzip(f *testing.F) {
	for _, m := range []member{{"a/b", "x", 0}, {"../a", "x", 0}, {"a", "b", fs.ModeSymlink}} {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		h := &zip.FileHeader{Name: m.name}
		h.SetMode(m.mode)
		w, err := z.CreateHeader(h)
		if err != nil {
			f.Fatal(err)
		}
		_, _ = w.Write([]byte(m.content))
		_ = z.Close()
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		file, to := filepath.Join(dir, "z"), filepath.Join(dir, "to")
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(to, 0o755); err != nil {
			t.Fatal(err)
		}
		_ = unzip(t.Context(), file, to, 1<<20)
		if got := list(t, dir); !slices.Equal(got, []string{"to", "z"}) {
			t.Errorf("beside the archive there is %q", got)
		}
	})
}

// TestInline writes code of a template into the file that Lambda runs.
func TestInline(t *testing.T) {
	for runtime, name := range map[string]string{"python3.13": "index.py", "nodejs22.x": "index.js"} {
		b := mustBuild(t, Source{Name: "fn", Inline: "code", Runtime: runtime, Handler: "index.handler"}, t.TempDir())
		if data, err := os.ReadFile(filepath.Join(b.Dir, name)); err != nil || string(data) != "code" {
			t.Errorf("%s: got %q, %v", runtime, data, err)
		}
	}
}
