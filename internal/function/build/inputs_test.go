package build

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

// isNoticed reports whether a change is: its directory is watched, or that of
// its new parent is, and what is looked at then has changed.
func isNoticed(t *testing.T, src Source, path string, change func()) bool {
	t.Helper()
	in, err := Find(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	before := Take(in.Files, nil)
	real, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	change()
	files := in.Files
	if in, err := Find(t.Context(), src); err == nil {
		files = slices.Concat(files, in.Files)
	}
	now := Take(files, before)
	return slices.Contains(in.Dirs, real) && len(now.Changed(before)) > 0
}

// TestWhateverDecidesIsWatched changes what a build depends on outside of the
// function's own files, and something that it does not depend on.
func TestWhateverDecidesIsWatched(t *testing.T) {
	const module = "module example.com/app\ngo 1.26\n"
	for name, test := range map[string]struct {
		files  string
		links  map[string]string // path -> target
		src    Source
		change string // the file that is changed, or made
		not    bool   // it decides nothing
	}{
		"a linked directory": {files: "-- shared/a.py --\n", links: map[string]string{"fn/shared": "../shared"},
			src: Source{Runtime: "python3.13"}, change: "shared/a.py"},
		"deep in a linked directory": {files: "-- shared/x/y/a.py --\n", links: map[string]string{"fn/shared": "../shared"},
			src: Source{Runtime: "python3.13"}, change: "shared/x/y/b.py"},
		"a link behind a link": {files: "-- c/a.py --\n", links: map[string]string{"fn/b": "../b", "b": "c"},
			src: Source{Runtime: "python3.13"}, change: "c/a.py"},
		"a linked file": {files: "-- shared/a.py --\n", links: map[string]string{"fn/a.py": "../shared/a.py"},
			src: Source{Runtime: "python3.13"}, change: "shared/a.py"},
		"a link in what runs as is": {files: "-- shared/a --\n", links: map[string]string{"fn/lib": "../shared"}, src: Source{Skip: true},
			change: "shared/a"},
		"an archive": {files: "-- fn.zip --\n" + emptyZip, src: Source{Dir: "fn.zip"}, change: "fn.zip"},
		"requirements of others": {files: "-- fn/requirements.txt --\n-r../common.txt\n-- common.txt --\n",
			src: Source{Runtime: "python3.13"}, change: "common.txt"},
		"constraints": {files: "-- fn/requirements.txt --\n--constraint=../limits.txt\nx\n-- limits.txt --\n",
			src: Source{Runtime: "python3.13"}, change: "limits.txt"},
		"an editable package": {files: "-- fn/requirements.txt --\n-e ../lib[extra] ; python_version > '3'\n-- lib/lib/a.py --\n",
			src: Source{Runtime: "python3.13"}, change: "lib/lib/a.py"},
		"a local package": {files: "-- fn/requirements.txt --\n../lib # ours\n-- lib/a.py --\n",
			src: Source{Runtime: "python3.13"}, change: "lib/new.py"},
		"a package by its URL": {files: "-- fn/requirements.txt --\nlib @ file:HERE/lib\n-- lib/a.py --\n",
			src: Source{Runtime: "python3.13"}, change: "lib/a.py"},
		"a package of a workspace": {files: "-- fn/package.json --\n{\"dependencies\": {\"lib\": \"file:../lib\"}}\n-- lib/a.js --\n",
			links: map[string]string{"fn/node_modules/lib": "../../lib"}, src: Source{Runtime: "nodejs22.x"}, change: "lib/a.js"},
		"a scoped package": {files: "-- fn/package.json --\n{\"dependencies\": {\"@a/lib\": \"*\"}}\n-- packages/lib/a.js --\n",
			links: map[string]string{"node_modules/@a/lib": "../../packages/lib"}, src: Source{Runtime: "nodejs22.x"},
			change: "packages/lib/a.js"},
		"what npm installs": {files: "-- fn/package.json --\n{}\n-- fn/node_modules/.package-lock.json --\n{}\n",
			src: Source{Runtime: "nodejs22.x"}, change: "fn/node_modules/.package-lock.json"},
		"npm's settings": {files: "-- fn/package.json --\n{}\n-- fn/.npmrc --\n", src: Source{Runtime: "nodejs22.x"},
			change: "fn/.npmrc"},
		"an import from elsewhere": {files: "-- fn/app.ts --\nimport { a } from '../shared/a';\n-- shared/a.ts --\nexport * from " +
			"\"./b.js\";\n-- shared/b.ts --\n", src: Source{Method: "esbuild"}, change: "shared/b.ts"},
		"a base of tsconfig": {files: "-- fn/app.ts --\n-- fn/tsconfig.json --\n{\"extends\": \"../tsconfig.base.json\"}\n-- " +
			"tsconfig.base.json --\n{}\n", src: Source{Method: "esbuild"}, change: "tsconfig.base.json"},
		"the project's package.json": {files: "-- .git/x --\n-- package.json --\n{}\n-- fn/app.ts --\n", src: Source{Method: "esbuild"},
			change: "package.json"},
		"a prerequisite": {files: "-- fn/Makefile --\nbuild-Fn: $(CURDIR)/../shared/a.c\n\tcc ../shared/a.c\n-- " +
			"shared/a.c --\n", src: Source{Method: "makefile"}, change: "shared/a.c"},
		"an included Makefile": {files: "-- fn/Makefile --\ninclude ../common.mk\n-- common.mk --\nX = ../shared\n-- shared/a --\n",
			src: Source{Method: "makefile"}, change: "shared/a"},
		"a workspace of Go": {files: "-- fn/go.mod --\n" + module + "-- fn/main.go --\npackage main\n",
			src: Source{Method: "go1.x"}, change: "go.work"},
		"a file to be embedded": {files: "-- fn/go.mod --\n" + module +
			"-- fn/main.go --\npackage main\nimport _ \"embed\"\n//go:embed web\nvar w string\n-- fn/web/x/a --\n",
			src: Source{Method: "go1.x"}, change: "fn/web/b"},
		"another directory": {files: "-- other/a.py --\n", src: Source{Runtime: "python3.13"}, change: "other/a.py", not: true},
		"what a tool keeps": {files: "-- fn/__pycache__/a --\n", src: Source{Runtime: "python3.13"}, change: "fn/__pycache__/a",
			not: true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := unpack(t, "-- fn/app.py --\n"+test.files)
			if list := filepath.Join(dir, "fn/requirements.txt"); exists(list, "") {
				data, _ := os.ReadFile(list)
				write(t, list, strings.ReplaceAll(string(data), "HERE", dir))
			}
			for path, target := range test.links {
				link(t, target, filepath.Join(dir, path))
			}
			src := test.src
			src.Name, src.Dir = "fn", filepath.Join(dir, "fn")
			if test.src.Dir != "" {
				src.Dir = filepath.Join(dir, test.src.Dir)
			}
			path := filepath.Join(dir, test.change)
			if got := isNoticed(t, src, path, func() { write(t, path, "go 1.26\nuse ./fn\n") }); got == test.not {
				t.Errorf("a change of %s is noticed: %v, want %v", test.change, got, !test.not)
			}
		})
	}
}

const emptyZip = "PK\x05\x06\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// TestVendoredGoIsWatched: what is vendored may be changed in place.
func TestVendoredGoIsWatched(t *testing.T) {
	dir := unpack(t, `
-- go.mod --
module example.com/app
go 1.26
require example.com/lib v1.0.0
-- main.go --
package main
import _ "example.com/lib"
func main() {}
-- vendor/modules.txt --
# example.com/lib v1.0.0
## explicit; go 1.26
example.com/lib
-- vendor/example.com/lib/lib.go --
package lib
`)
	path := filepath.Join(dir, "vendor/example.com/lib/lib.go")
	if !isNoticed(t, Source{Name: "fn", Dir: dir}, path, func() { write(t, path, "package lib\n\nvar X int\n") }) {
		t.Error("a change of what is vendored is not noticed")
	}
}

// TestLinksBecomeWhatTheyLeadTo: a build has what links lead to, so that it is
// another one when that changes, and loops of links end.
func TestLinksBecomeWhatTheyLeadTo(t *testing.T) {
	dir, root := unpack(t, "-- fn/app.py --\n-- shared/a.py --\n1\n-- shared/deep/b.py --\n-- one.py --\n1\n"), t.TempDir()
	for path, target := range map[string]string{
		"fn/shared": "../shared", "fn/one.py": "../one.py", "fn/lost": "nowhere", "fn/self": ".", "fn/mutual": "../loop",
		"loop/back": "../fn", "shared/up": "..",
	} {
		link(t, target, filepath.Join(dir, path))
	}
	for _, src := range []Source{{Runtime: "python3.13"}, {Runtime: "nodejs22.x"}, {Skip: true}} {
		src.Name, src.Dir = "fn", filepath.Join(dir, "fn")
		began := time.Now()
		before := mustBuild(t, src, root)
		if !src.Skip {
			for _, name := range []string{"shared/a.py", "shared/deep/b.py", "one.py"} {
				if info, err := os.Lstat(filepath.Join(before.Dir, name)); err != nil || !info.Mode().IsRegular() {
					t.Errorf("%s is no file of the build: %v, %v", name, info, err)
				}
			}
		}
		for _, path := range []string{"shared/a.py", "one.py"} {
			write(t, filepath.Join(dir, path), before.ID+path)
			after := mustBuild(t, src, root)
			if after.ID == before.ID {
				t.Errorf("%s: %s has changed, and the build is the same", before.Method, path)
			}
			before = after
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("took %v", took)
		}
	}
}

// TestLinkedPackagesAreAnotherBuild: a package of the workspace is run where it
// is, so a change of it is one of the build.
func TestLinkedPackagesAreAnotherBuild(t *testing.T) {
	dir, root := unpack(t, "-- fn/index.js --\n-- fn/package.json --\n{}\n-- lib/a.js --\n1\n"), t.TempDir()
	link(t, "../../lib", filepath.Join(dir, "fn/node_modules/lib"))
	src := Source{Name: "fn", Dir: filepath.Join(dir, "fn"), Runtime: "nodejs22.x"}
	before := mustBuild(t, src, root)
	if again := mustBuild(t, src, root); again.ID != before.ID {
		t.Error("nothing has changed, and the build is another one")
	}
	write(t, filepath.Join(dir, "lib/a.js"), "22\n")
	if after := mustBuild(t, src, root); after.ID == before.ID {
		t.Error("the package has changed, and the build is the same")
	}
}

// TestRequirements reads what pip reads.
func TestRequirements(t *testing.T) {
	dir := unpack(t, "-- requirements.txt --\n# ours\n-e ../lib\nleft==1 \\\n  --hash=x # why\n-r more/other.txt\n-c limits.txt\n"+
		"-- more/other.txt --\r\nright\n-r ../requirements.txt\n-r missing.txt\n-- limits.txt --\nleft<2\n")
	got := readRequirements(dir, filepath.Join(dir, "requirements.txt"))
	want := []string{"../lib", "left==1    --hash=x", "right", "--constraint " + filepath.Join(dir, "limits.txt")}
	if !got.editable || !slices.Equal(got.lines, want) {
		t.Errorf("got %q, want %q", got.lines, want)
	}
	if len(got.files) != 4 {
		t.Errorf("got the files %q, want 4, of which one does not exist", got.files)
	}
}
