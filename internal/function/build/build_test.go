package build

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// unpack writes an archive of files into a directory of its own.
func unpack(t *testing.T, archive string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range txtar.Parse([]byte(archive)).Files {
		write(t, filepath.Join(dir, f.Name), string(f.Data))
	}
	return dir
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	mode := os.FileMode(0o644)
	if strings.HasPrefix(content, "#!") {
		mode = 0o755
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

// need skips the test if a tool is not there.
func need(t *testing.T, tool string) {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		t.Skip("needs " + tool)
	}
}

func mustBuild(t *testing.T, src Source, root string) *Build {
	t.Helper()
	b, err := Do(t.Context(), src, &Options{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// goSource is a program in two packages, with an embedded file, in a module
// that a second one is replaced into.
const goSource = `
-- app/go.mod --
module example.com/app
go 1.26
require example.com/lib v0.0.0
replace example.com/lib => ../lib
-- app/fn/main.go --
package main

import (
	"fmt"

	"example.com/app/words"
	"example.com/lib"
)

func main() { fmt.Println(words.Hello, lib.World) }
-- app/fn/main_test.go --
package main
-- app/words/words.go --
package words

import _ "embed"

//go:embed text/hello.txt
var Hello string
-- app/words/text/hello.txt --
hello
-- app/other/other.go --
package other
-- lib/go.mod --
module example.com/lib
go 1.26
-- lib/lib.go --
package lib

const World = "world"
`

func TestGo(t *testing.T) {
	dir, root := unpack(t, goSource), t.TempDir()
	src := Source{Name: "fn", Dir: filepath.Join(dir, "app/fn"), Runtime: "provided.al2023", Handler: "main"}
	first := mustBuild(t, src, root)
	if out := output(t, filepath.Join(first.Dir, "bootstrap")); out != "hello\n world\n" {
		t.Errorf("the program said %q", out)
	}
	if want := (Runs{"provided.al2023", "bootstrap"}); first.Runs != want || first.Method != "go" {
		t.Errorf("got %+v, want %+v", first, want)
	}
	if again := mustBuild(t, src, root); again.Dir != first.Dir {
		t.Errorf("building the same again: got %s, want %s", again.Dir, first.Dir)
	}
	write(t, filepath.Join(dir, "lib/lib.go"), "package lib\n\nconst World = \"moon\"\n")
	second := mustBuild(t, src, root)
	if out := output(t, filepath.Join(second.Dir, "bootstrap")); out != "hello\n moon\n" {
		t.Errorf("the new program said %q", out)
	}
	if out := output(t, filepath.Join(first.Dir, "bootstrap")); out != "hello\n world\n" {
		t.Errorf("the old program said %q after a new build", out)
	}
	if err := Prune(root, "fn", nil, second.ID); err != nil {
		t.Fatal(err)
	}
	if got, want := list(t, filepath.Join(root, "fn")), []string{second.ID}; !slices.Equal(got, want) {
		t.Errorf("left after pruning: %q, want %q", got, want)
	}
}

func output(t *testing.T, path string) string {
	t.Helper()
	out, err := exec.Command(path).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func list(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestGoInputs(t *testing.T) {
	dir := unpack(t, goSource)
	in, err := Find(t.Context(), Source{Name: "fn", Dir: filepath.Join(dir, "app/fn")})
	if err != nil {
		t.Fatal(err)
	}
	within := func(paths []string) (names []string) {
		for _, path := range paths {
			names = append(names, strings.TrimPrefix(path, dir+"/"))
		}
		return names
	}
	wantFiles := []string{
		"app/fn/main.go", "app/go.mod", "app/go.sum", "app/go.work", "app/go.work.sum", "app/vendor/modules.txt",
		"app/words/text/hello.txt", "app/words/words.go", "go.work", "lib/go.mod", "lib/go.sum", "lib/lib.go",
	}
	if diff := cmp.Diff(wantFiles, within(in.Files)); diff != "" {
		t.Errorf("files, -want +got:\n%s", diff)
	}
	wantDirs := []string{dir, "app", "app/fn", "app/words", "app/words/text", "lib"}
	if diff := cmp.Diff(wantDirs, within(in.Dirs)); diff != "" {
		t.Errorf("directories, -want +got:\n%s", diff)
	}
}

// TestInputsOfBrokenCode: what does not compile has inputs all the same, for it
// will be mended.
func TestInputsOfBrokenCode(t *testing.T) {
	for name, broken := range map[string]struct{ file, content string }{
		"syntax":         {"app/fn/main.go", "package main\nfunc {"},
		"missing import": {"app/fn/main.go", "package main\nimport \"example.com/app/nowhere\"\n"},
		"module":         {"app/go.mod", "modul example"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := unpack(t, goSource)
			write(t, filepath.Join(dir, broken.file), broken.content)
			in, err := Find(t.Context(), Source{Name: "fn", Dir: filepath.Join(dir, "app/fn")})
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"app/fn/main.go", "app/go.mod"} {
				if !slices.Contains(in.Files, filepath.Join(dir, want)) {
					t.Errorf("%s is not among the inputs %q", want, in.Files)
				}
			}
		})
	}
}

func TestGoErrors(t *testing.T) {
	dir := unpack(t, goSource)
	write(t, filepath.Join(dir, "app/fn/main.go"), "package main\n\nfunc main() {\n\tx := 1\n}\n")
	src := Source{Name: "fn", Dir: filepath.Join(dir, "app/fn")}
	_, err := Do(t.Context(), src, &Options{Root: t.TempDir(), From: filepath.Join(dir, "app")})
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("got %v, want an *Error", err)
	}
	want := []string{"fn/main.go:4:2: declared and not used: x"}
	if diff := cmp.Diff(want, e.Output); diff != "" || e.Message != "fn does not build" {
		t.Errorf("got %q; -want +got:\n%s", e.Message, diff)
	}
	src.Dir = filepath.Join(dir, "app/words")
	if _, err := Do(t.Context(), src, &Options{Root: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "not a main package") {
		t.Errorf("got %v, want that it is no main package", err)
	}
}

// TestBuildsAreBrokenOff: a build that takes too long ends with its context.
func TestBuildsAreBrokenOff(t *testing.T) {
	need(t, "make")
	dir, root := unpack(t, "-- Makefile --\nbuild-Fn:\n\ttouch $(SIGNAL); sleep 60\n"), t.TempDir()
	signal := filepath.Join(t.TempDir(), "begun")
	t.Setenv("SIGNAL", signal)
	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		for ctx.Err() == nil {
			if _, err := os.Stat(signal); err == nil {
				cancel(gone)
			}
		}
	}()
	_, err := Do(ctx, Source{Name: "fn", LogicalID: "Fn", Dir: dir, Method: "makefile"}, &Options{Root: root})
	if err != gone {
		t.Errorf("got %v, want why the context ended", err)
	}
	if left := list(t, filepath.Join(root, "fn")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestMakefile(t *testing.T) {
	need(t, "make")
	dir, root := unpack(t, `
-- Makefile --
build-Fn:
	echo made >made.txt
	cp bootstrap made.txt $(ARTIFACTS_DIR)
build-Nothing:
	true
build-Broken:
	@echo main.c:3:1: no >&2; exit 1
-- bootstrap --
#!/bin/sh
echo hello
-- main.c --
`), t.TempDir()
	src := Source{Name: "fn", LogicalID: "Fn", Dir: dir, Runtime: "provided.al2023"}
	b := mustBuild(t, src, root)
	if b.Method != "makefile" || output(t, filepath.Join(b.Dir, "bootstrap")) != "hello\n" {
		t.Errorf("got %+v", b)
	}
	if got, want := list(t, dir), []string{"Makefile", "bootstrap", "main.c"}; !slices.Equal(got, want) {
		t.Errorf("the source has %q after the build, want %q", got, want)
	}
	for target, want := range map[string]string{
		"Nothing": "fn does not build: make build-Nothing put nothing into $(ARTIFACTS_DIR)",
		"Broken":  "main.c:3:1: no",
		"Missing": "No rule to make target",
	} {
		src.LogicalID, src.Method = target, "makefile"
		_, err := Do(t.Context(), src, &Options{Root: root, From: dir})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", target, err, want)
		}
	}
}

// TestESBuild uses a program in esbuild's place, which tells its arguments.
func TestESBuild(t *testing.T) {
	need(t, "sh")
	dir, root := unpack(t, `
-- package.json --
{}
-- app.ts --
-- node_modules/.bin/esbuild --
#!/bin/sh
for arg; do case $arg in --outdir=*) out=${arg#*=};; *) args="$args $arg"; esac; done
echo "$args" >$out/app.js
`), t.TempDir()
	src := Source{Name: "fn", Dir: dir, Handler: "app.handler", Method: "esbuild", Properties: map[string][]string{
		"Minify": {"true"}, "Sourcemap": {"false"}, "Target": {"es2022"}, "External": {"@aws-sdk/*", "sharp"},
		"MainFields": {"module", "main"}, "Loader": {".json=json"},
	}}
	b := mustBuild(t, src, root)
	got, err := os.ReadFile(filepath.Join(b.Dir, "app.js"))
	if err != nil {
		t.Fatal(err)
	}
	want := " ./app.ts --bundle --platform=node --log-level=warning --color=false --format=cjs --external:@aws-sdk/* --external:sharp" +
		" --loader:.json=json --main-fields=module,main --minify --target=es2022\n"
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if err := os.RemoveAll(filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	_, err = Do(t.Context(), src, &Options{Root: root})
	if e, ok := errors.AsType[*Error](err); !ok || e.Hint != "in the project's directory: npm install --save-dev esbuild" {
		t.Errorf("without esbuild: got %v", err)
	}
}

func TestNode(t *testing.T) {
	dir, root := unpack(t, `
-- index.mjs --
import "left";
-- package.json --
{"dependencies": {"left": "1"}}
-- node_modules/left/index.js --
-- .git/HEAD --
`), t.TempDir()
	src := Source{Name: "fn", Dir: dir, Runtime: "nodejs22.x", Handler: "index.handler"}
	b := mustBuild(t, src, root)
	if got, want := list(t, b.Dir), []string{"index.mjs", "node_modules", "package.json"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if !exists(b.Dir, "node_modules/left/index.js") {
		t.Error("its packages are not there")
	}
	if b.Runs != (Runs{"nodejs22.x", "index.handler"}) {
		t.Errorf("got %+v", b.Runs)
	}
}

// TestNodeModulesAbove finds packages where a workspace has them.
func TestNodeModulesAbove(t *testing.T) {
	dir := unpack(t, `
-- fn/index.js --
-- fn/package.json --
{"dependencies": {"@a/left": "1"}}
-- other/index.js --
-- other/package.json --
{"dependencies": {"@a/right": "file:../right"}}
-- node_modules/@a/left/index.js --
`)
	b := mustBuild(t, Source{Name: "fn", Dir: filepath.Join(dir, "fn")}, t.TempDir())
	if !exists(b.Dir, "node_modules/@a/left/index.js") {
		t.Error("its packages are not there")
	}
	_, err := Do(t.Context(), Source{Name: "other", Dir: filepath.Join(dir, "other")}, &Options{Root: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "is not installed") {
		t.Errorf("got %v, want that a package is not installed", err)
	}
}

// TestPython uses a program in Python's place, which installs a file, and one
// that finds no version, as version managers put onto the PATH.
func TestPython(t *testing.T) {
	need(t, "sh")
	dir, root := unpack(t, `
-- src/app.py --
import left
-- src/requirements.txt --
# one
left
-- bin/python3.13 --
#!/bin/sh
exit 127
-- bin/python3 --
#!/bin/sh
[ "$1" = --version ] && exit
for arg; do last=$arg; done
echo "$*" >"$last/left.py"
`), t.TempDir()
	t.Setenv("PATH", filepath.Join(dir, "bin")+string(filepath.ListSeparator)+os.Getenv("PATH"))
	src := Source{Name: "fn", Dir: filepath.Join(dir, "src"), Runtime: "python3.13", Handler: "app.handler"}
	b := mustBuild(t, src, root)
	installed, err := os.ReadFile(filepath.Join(b.Dir, "left.py"))
	if err != nil || !strings.HasPrefix(string(installed), "-m pip install --quiet --no-input --disable-pip-version-check --requirement requirements.txt --target ") {
		t.Errorf("got %q, %v, want how pip was called", installed, err)
	}
	write(t, filepath.Join(src.Dir, "app.py"), "import left, os\n")
	if again := mustBuild(t, src, root); again.ID == b.ID {
		t.Error("other source, same build")
	}
	if n := len(list(t, filepath.Join(root, "fn", packagesDir))); n != 1 {
		t.Errorf("its packages were installed %d times, want 1", n)
	}
}

func TestAsIs(t *testing.T) {
	dir := unpack(t, "-- bootstrap --\n#!/bin/sh\n-- node_modules/x --\n")
	src := Source{Name: "fn", Dir: dir, Runtime: "provided.al2023"}
	b := mustBuild(t, src, t.TempDir())
	if b.Dir != dir || b.Method != "none" {
		t.Errorf("got %+v, want the source itself", b)
	}
	write(t, filepath.Join(dir, "bootstrap"), "#!/bin/sh\necho\n")
	if again := mustBuild(t, src, t.TempDir()); again.ID == b.ID {
		t.Error("other content, same ID")
	}
}

// TestDataInTheSource: an engine may keep its data where the code is, which
// changes all the time.
func TestDataInTheSource(t *testing.T) {
	dir := unpack(t, "-- app.py --\n-- data/db --\n1\n-- Makefile --\nbuild-fn:\n\tcp -r . $(ARTIFACTS_DIR)\n")
	for _, src := range []Source{
		{Runtime: "python3.13"}, {Skip: true}, {Method: "makefile"},
	} {
		src.Name, src.Dir, src.Except = "fn", dir, filepath.Join(dir, "data")
		if src.Method == "makefile" {
			need(t, "make")
		}
		root := filepath.Join(dir, "data", "builds")
		before := mustBuild(t, src, root)
		write(t, filepath.Join(dir, "data/db"), before.ID)
		if after := mustBuild(t, src, root); after.ID != before.ID {
			t.Errorf("%s: what is data changed the build", before.Method)
		}
		in, err := Find(t.Context(), src)
		if err != nil || slices.Contains(in.Files, filepath.Join(dir, "data/db")) || slices.Contains(in.Dirs, filepath.Join(dir, "data")) {
			t.Errorf("%s: data is among the inputs %q, %v", before.Method, in, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	dir := unpack(t, "-- file --\n")
	for want, src := range map[string]Source{
		"does not exist":          {Name: "fn", Dir: filepath.Join(dir, "nowhere")},
		"nor a zip archive":       {Name: "fn", Dir: filepath.Join(dir, "file")},
		"which is not known here": {Name: "fn", Dir: dir, Method: "dotnet8"},
		"there is no Makefile":    {Name: "fn", Dir: dir, Method: "makefile"},
		"not known which file to": {Name: "fn", Dir: unpack(t, "-- node_modules/.bin/esbuild --\n#!/bin/sh\n"), Method: "esbuild"},
		"its package.json is not": {Name: "fn", Dir: unpack(t, "-- package.json --\n{"), Method: "nodejs22.x"},
	} {
		_, err := Do(t.Context(), src, &Options{Root: t.TempDir()})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %q", src, err, want)
		}
	}
}

func TestSnapshots(t *testing.T) {
	dir := unpack(t, "-- a --\n1\n-- b --\n1\n-- c --\n1\n")
	files := []string{filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "c"), filepath.Join(dir, "d")}
	before := Take(files, nil)
	write(t, files[0], "2\n")
	if err := os.Chtimes(files[1], before[files[1]].modified.Add(1e9), before[files[1]].modified.Add(1e9)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(files[2]); err != nil {
		t.Fatal(err)
	}
	write(t, files[3], "1\n")
	now := Take(files, before)
	if diff := cmp.Diff([]string{files[0], files[2], files[3]}, now.Changed(before)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
