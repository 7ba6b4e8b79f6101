package sidebyside

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

var update = flag.Bool("update", false, "write the programs into the page")

const page = "../../docs/side-by-side.md"

// quote is a program on the page: the name of its file, and what follows the
// file's imports.
var quote = regexp.MustCompile("(?s)(<!-- (\\w+\\.go) -->\n```go\n).*?(```\n)")

// count is how many lines of code the page says that a program has.
var count = regexp.MustCompile("`(\\w+\\.go)` \\d+")

func TestThePageQuotesThePrograms(t *testing.T) {
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var quoted []string
	want := quote.ReplaceAllFunc(got, func(match []byte) []byte {
		parts := quote.FindSubmatch(match)
		quoted = append(quoted, string(parts[2]))
		return slices.Concat(parts[1], program(t, string(parts[2])), parts[3])
	})
	want = count.ReplaceAllFunc(want, func(match []byte) []byte {
		name := string(count.FindSubmatch(match)[1])
		return fmt.Appendf(nil, "`%s` %d", name, lines(program(t, name)))
	})
	if *update {
		if err := os.WriteFile(page, want, 0o644); err != nil {
			t.Fatal(err)
		}
	} else if !bytes.Equal(got, want) {
		t.Error("docs/side-by-side.md differs from the programs; run go test ./examples/sidebyside -update")
	}
	everyProgramIn(t, quoted)
}

// program is a file without its package clause and imports.
func program(t *testing.T, name string) []byte {
	t.Helper()
	source, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	_, body, ok := bytes.Cut(source, []byte("\n)\n\n"))
	if !ok {
		t.Fatalf("%s has no imports", name)
	}
	return body
}

// lines counts the lines of code in a program: not blank, not a comment.
func lines(program []byte) (n int) {
	for line := range bytes.Lines(program) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && !bytes.HasPrefix(line, []byte("//")) {
			n++
		}
	}
	return n
}

// everyProgramIn checks that no program is missing from the page.
func everyProgramIn(t *testing.T, quoted []string) {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		isTest, _ := filepath.Match("*_test.go", name)
		if name != "doc.go" && !isTest && !slices.Contains(quoted, name) {
			t.Errorf("docs/side-by-side.md does not quote %s", name)
		}
	}
}
