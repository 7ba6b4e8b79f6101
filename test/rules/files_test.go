package rules

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the repository, seen from this package.
const root = "../.."

// maxLines is where a Go file is too long to be one room.
const maxLines = 900

func TestGoFilesStayShort(t *testing.T) {
	for path, data := range files(t, ".go") {
		if n := bytes.Count(data, []byte("\n")); n > maxLines {
			t.Errorf("%s has %d lines; split it below %d", path, n, maxLines)
		}
	}
}

// leftover matches the marks of unfinished work. What is unfinished goes into
// docs/rough-edges.md, where readers look for it.
var leftover = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)

func TestNothingIsMarkedUnfinished(t *testing.T) {
	for path, data := range files(t, ".go", ".md", ".py", ".yaml", ".toml") {
		if at := leftover.FindIndex(data); at != nil {
			t.Errorf("%s:%d: %s", path, 1+bytes.Count(data[:at[0]], []byte("\n")), data[at[0]:at[1]])
		}
	}
}

// link matches a relative link in Markdown, without its fragment.
var link = regexp.MustCompile(`\]\(([^):#"\s]+)(?:#[^)]*)?\)`)

func TestDocumentsPointAtFilesThatExist(t *testing.T) {
	for path, data := range files(t, ".md") {
		for _, m := range link.FindAllSubmatch(data, -1) {
			target := filepath.Join(filepath.Dir(path), string(m[1]))
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s points at %s: %v", path, m[1], err)
			}
		}
	}
}

// ofRoot matches a path from the root, as a command names it.
var ofRoot = regexp.MustCompile(`(?:^|\s)\./((?:[\w-]+/)*[\w-]+)`)

func TestChecksNamePathsThatExist(t *testing.T) {
	for _, file := range []string{"Makefile", ".ci/run"} {
		data, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		paths := ofRoot.FindAllSubmatch(data, -1)
		if len(paths) == 0 {
			t.Errorf("%s names no path", file)
		}
		for _, m := range paths {
			if _, err := os.Stat(filepath.Join(root, string(m[1]))); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
}

// ignored are directories that hold nothing of the project's own.
var ignored = []string{".git", ".aws-sam", ".perdure", "bin", "testdata"}

// files returns the repository's files with one of the extensions, by path.
func files(t *testing.T, extensions ...string) map[string][]byte {
	t.Helper()
	found := make(map[string][]byte)
	repository := os.DirFS(root)
	err := fs.WalkDir(repository, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains(ignored, d.Name()) {
			return fs.SkipDir
		}
		if d.IsDir() || !slices.Contains(extensions, strings.ToLower(filepath.Ext(path))) {
			return nil
		}
		found[path], err = fs.ReadFile(repository, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Fatalf("found no files of %q", extensions)
	}
	return found
}

// apart matches code that takes the name of a type apart: an event's, say.
var apart = regexp.MustCompile(`(HasPrefix|HasSuffix|CutPrefix|CutSuffix|TrimPrefix|TrimSuffix|Contains)\(string\((\w+\.)*([Tt]ype|[Tt]yp|t)\),`)

// TestEventsMeanWhatTheTableSays: protocol.Meanings, and not how they are called.
func TestEventsMeanWhatTheTableSays(t *testing.T) {
	for path, data := range files(t, ".go") {
		if at := apart.FindIndex(data); at != nil && !strings.HasSuffix(path, "_test.go") {
			t.Errorf("%s:%d: %s takes a name apart", path, 1+bytes.Count(data[:at[0]], []byte("\n")), data[at[0]:at[1]])
		}
	}
}
