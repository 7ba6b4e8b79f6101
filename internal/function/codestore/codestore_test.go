package codestore

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// write makes files of a directory: a path that ends with a slash is a
// directory, a content that begins with -> a link, one with #! is executable.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for path, content := range files {
		full := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		target, link := strings.CutPrefix(content, "->")
		switch {
		case strings.HasSuffix(path, "/"):
			err = os.MkdirAll(full, 0o755)
		case link:
			err = os.Symlink(target, full)
		default:
			mode := fs.FileMode(0o640)
			if strings.HasPrefix(content, "#!") {
				mode = 0o750
			}
			err = errors.Join(os.WriteFile(full, []byte(content), mode), os.Chmod(full, mode))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// files reads a directory in the notation of write.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		below, _ := filepath.Rel(dir, path)
		switch {
		case d.IsDir():
			got[below+"/"] = ""
		case d.Type() == fs.ModeSymlink:
			target, err := os.Readlink(path)
			got[below] = "->" + target
			return err
		default:
			content, err := os.ReadFile(path)
			got[below] = string(content)
			if info, _ := d.Info(); executable(info) != strings.HasPrefix(string(content), "#!") || info.Mode()&0o222 != 0 {
				t.Errorf("%s has mode %v", below, info.Mode())
			}
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func keep(t *testing.T, s *Store, src Source) (Code, string) {
	t.Helper()
	code, err := s.Keep(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	path, err := s.Path(code.Hash)
	if err != nil {
		t.Fatal(err)
	}
	if hash, err := s.Hash(t.Context(), src); err != nil || hash != code {
		t.Errorf("Hash: got %+v, %v, want %+v", hash, err, code)
	}
	return code, path
}

var program = map[string]string{
	"app.py": "import lib", "bin/tool": "#!/bin/sh", "lib/a.py": "a", "lib/latest": "->a.py", "empty/": "", "data.bin": "\x00\xff",
}

func TestKeepCopiesADirectory(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, program)
	write(t, dir, map[string]string{".git/HEAD": "x", "lib/__pycache__/a.pyc": "x", ".perdure/perdure.db": "x"})
	s := New(filepath.Join(dir, ".perdure", "code"))
	code, path := keep(t, s, Source{dir, filepath.Join(dir, ".perdure")})
	want := map[string]string{"bin/": "", "lib/": ""}
	size := 0
	for path, content := range program {
		want[path] = content
		if !strings.HasPrefix(content, "->") {
			size += len(content)
		}
	}
	if diff := cmp.Diff(want, files(t, path)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if code.Size != int64(size) || len(code.Base64()) != 44 {
		t.Errorf("got %+v, %s; want %d bytes and 32 bytes of hash", code, code.Base64(), size)
	}
	write(t, dir, map[string]string{"app.py": "changed"})
	if got, err := os.ReadFile(filepath.Join(path, "app.py")); err != nil || string(got) != "import lib" {
		t.Errorf("got %q, %v, want what was kept", got, err)
	}
}

func TestKeepCopiesAFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"bootstrap": "#! first", "beside": "x"})
	s := New(filepath.Join(dir, "code"))
	src := Source{Path: filepath.Join(dir, "bootstrap")}
	first, path := keep(t, s, src)
	if diff := cmp.Diff(map[string]string{"bootstrap": "#! first"}, files(t, path)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if again, _ := keep(t, s, src); again != first {
		t.Errorf("the same again: got %+v, want %+v", again, first)
	}
	write(t, dir, map[string]string{"bootstrap": "#! other"}) // as long as the first
	if second, _ := keep(t, s, src); second.Hash == first.Hash {
		t.Errorf("other code has the same hash")
	}
	if entries, err := os.ReadDir(filepath.Join(dir, "code")); err != nil || len(entries) != 2 {
		t.Errorf("got %v, %v, want two pieces of code and no temporary files", entries, err)
	}
}

// Builds link to packages that are installed once for all.
func TestKeepCopiesWhatLinksLeadTo(t *testing.T) {
	dir := t.TempDir()
	elsewhere := filepath.Join(dir, "elsewhere")
	write(t, dir, map[string]string{
		"elsewhere/left/index.js": "left", "elsewhere/.bin/left": "->../left/index.js", "elsewhere/again": "->left", "shared.txt": "shared",
		"src/index.js": "x", "src/node_modules": "->" + elsewhere, "src/shared": "->../shared.txt", "src/nowhere": "->nothing",
		"src/absolute": "->" + filepath.Join(dir, "src", "index.js"),
	})
	s := New(filepath.Join(dir, "code"))
	_, path := keep(t, s, Source{Path: filepath.Join(dir, "src")})
	want := map[string]string{
		"index.js": "x", "absolute": "->index.js", "shared": "shared", "nowhere": "->nothing",
		"node_modules/": "", "node_modules/left/": "", "node_modules/left/index.js": "left",
		"node_modules/.bin/": "", "node_modules/.bin/left": "->../left/index.js", "node_modules/again": "->left",
	}
	if diff := cmp.Diff(want, files(t, path)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	write(t, dir, map[string]string{"loop/up": "->.."})
	if _, err := s.Keep(t.Context(), Source{Path: filepath.Join(dir, "loop")}); err == nil || !strings.Contains(err.Error(), "circle") {
		t.Errorf("a link to a directory above: got %v, want it refused", err)
	}
}

// Whatever a function could notice changes the hash, and nothing else does.
func TestHash(t *testing.T) {
	hash := func(files map[string]string) string {
		dir := t.TempDir()
		write(t, dir, files)
		code, err := New(t.TempDir()).Hash(t.Context(), Source{Path: dir})
		if err != nil {
			t.Fatal(err)
		}
		return code.Hash
	}
	same := hash(map[string]string{"a": "1", "b": "2"})
	if got := hash(map[string]string{"b": "2", "a": "1", "__pycache__/x": "3"}); got != same {
		t.Errorf("got %s and %s for the same code", same, got)
	}
	seen := map[string]string{same: "the first"}
	for name, files := range map[string]map[string]string{
		"content": {"a": "1", "b": "3"}, "name": {"a": "1", "c": "2"}, "moved": {"a": "1", "d/b": "2"},
		"more":               {"a": "1", "b": "2", "c": ""},
		"an empty directory": {"a": "1", "b": "2", "d/": ""}, "a link": {"a": "1", "b": "->a"}, "another link": {"a": "1", "b": "->b"},
		"a border": {"a": "12", "b": ""}, "executable": {"a": "#!", "b": "2"},
	} {
		got := hash(files)
		if other := seen[got]; other != "" {
			t.Errorf("%s has the hash of %s", name, other)
		}
		seen[got] = name
	}
}

func TestKeepRefusals(t *testing.T) {
	dir := t.TempDir()
	s := New(filepath.Join(t.TempDir(), "code"))
	refused := func(name string, src Source, text string) {
		t.Helper()
		code, err := s.Keep(t.Context(), src)
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: got %+v, %v, want an error with %q", name, code, err, text)
		}
		if entries, _ := os.ReadDir(s.dir); len(entries) != 0 {
			t.Errorf("%s: left %v", name, entries)
		}
	}
	refused("missing", Source{Path: filepath.Join(dir, "nothing")}, "no such file")
	large := filepath.Join(dir, "large")
	if err := errors.Join(os.WriteFile(large, nil, 0o644), os.Truncate(large, MaxSize+1)); err != nil { // a hole, no bytes
		t.Fatal(err)
	}
	refused("large", Source{Path: large}, "250 MB")
	refused("large below", Source{Path: dir}, "250 MB")
	if runtime.GOOS != "windows" {
		sockets := t.TempDir()
		l, err := net.Listen("unix", filepath.Join(sockets, "s"))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		refused("a socket", Source{Path: sockets}, "neither a file nor a directory")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	write(t, dir, map[string]string{"small/a": "1"})
	if _, err := s.Keep(ctx, Source{Path: filepath.Join(dir, "small")}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
	if _, err := s.Path("../../etc"); err == nil {
		t.Error("a path for what is no hash")
	}
	if _, err := s.Path(strings.Repeat("0", 64)); err == nil || !strings.Contains(err.Error(), "code is missing") {
		t.Errorf("unknown code: got %v", err)
	}
}

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a/x": "a", "b/x": "b"})
	s := New(filepath.Join(dir, "code"))
	if err := s.Sweep(func(string) bool { return false }); err != nil {
		t.Errorf("before anything was kept: %v", err)
	}
	a, _ := keep(t, s, Source{Path: filepath.Join(dir, "a")})
	b, _ := keep(t, s, Source{Path: filepath.Join(dir, "b")})
	crashed := copying + strings.Repeat("A", 26) // a name as they are made
	write(t, s.dir, map[string]string{crashed + "/code/x": "of a crash", crashed + ".lock": "", copying + "notes": "somebody's",
		"notes.txt": "somebody's"})
	if err := s.Sweep(func(hash string) bool { return hash == b.Hash }); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Path(a.Hash); err == nil {
		t.Error("a is still there")
	}
	want := map[string]string{b.Hash + "/": "", b.Hash + "/x": "b", "notes.txt": "somebody's", copying + "notes": "somebody's"}
	for _, name := range []string{"notes.txt", copying + "notes"} {
		if err := os.Chmod(filepath.Join(s.dir, name), 0o444); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, files(t, s.dir)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestCodeThatCouldNotBeRemoved: what a removal leaves when it breaks off is
// not code.
func TestCodeThatCouldNotBeRemoved(t *testing.T) {
	if runtime.GOOS == "windows" || os.Geteuid() == 0 {
		t.Skip("needs a user whom the mode of a directory keeps from removing what is in it")
	}
	dir := t.TempDir()
	src := Source{Path: filepath.Join(dir, "a")}
	write(t, dir, map[string]string{"a/main": "main", "a/sub/x": "x"})
	s := New(filepath.Join(dir, "code"))
	code, path := keep(t, s, src)
	if err := os.Chmod(filepath.Join(path, "sub"), 0o500); err != nil {
		t.Fatal(err)
	}
	if err := s.Sweep(func(string) bool { return false }); err == nil {
		t.Fatal("the sweep could remove everything")
	}
	again, path := keep(t, s, src)
	if again != code {
		t.Errorf("got %v, want %v", again, code)
	}
	if got, err := os.ReadFile(filepath.Join(path, "main")); err != nil || string(got) != "main" {
		t.Errorf("got %q, %v, want the whole code again", got, err)
	}
	left, _ := filepath.Glob(filepath.Join(s.dir, copying+"*", "*", "sub"))
	for _, dir := range left {
		_ = os.Chmod(dir, 0o700) // so that the test's directory can be removed
	}
}

func TestKeepOfTheSameAtOnce(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, program)
	s := New(filepath.Join(t.TempDir(), "code"))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := s.Keep(t.Context(), Source{Path: dir}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if entries, err := os.ReadDir(s.dir); err != nil || len(entries) != 1 {
		t.Errorf("got %v, %v, want one piece of code", entries, err)
	}
}
