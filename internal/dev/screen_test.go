package dev

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestScreen(t *testing.T) {
	var b bytes.Buffer
	s := NewScreen(&b, false)
	s.reserve([]string{"a-function"}, true)
	s.Say("", Plain, "stands alone")
	s.Say("a", bad, "one %s", "line\nand\x1b[2J more")
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
