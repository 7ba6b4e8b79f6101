package guides

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// block is what stands between two fences of a guide.
type block struct {
	line     int    // of the first fence
	section  string // the heading above
	language string
	text     string
	unrun    string // why it is not run, if it is not
}

var (
	heading = regexp.MustCompile(`^#+ (.*)`)
	unrun   = regexp.MustCompile(`^<!-- not run: (.+) -->$`)
)

// blocks reads a guide. A block in a list is indented as its fence is.
func blocks(guide string) (all []block, err error) {
	var section, above, indent string
	var open *block
	for i, line := range strings.Split(guide, "\n") {
		fence, isFence := strings.CutPrefix(strings.TrimLeft(line, " "), "```")
		switch {
		case open != nil && isFence:
			all, open = append(all, *open), nil
		case open != nil:
			open.text += strings.TrimPrefix(line, indent) + "\n"
		case isFence:
			indent = line[:len(line)-len(fence)-len("```")]
			open = &block{line: i + 1, section: section, language: fence}
			if m := unrun.FindStringSubmatch(strings.TrimSpace(above)); m != nil {
				open.unrun = m[1]
			}
		case heading.MatchString(line):
			section = heading.FindStringSubmatch(line)[1]
		}
		above = line
	}
	if open != nil {
		return nil, fmt.Errorf("the block in line %d does not end", open.line)
	}
	return all, nil
}

var fileName = regexp.MustCompile(`^(?://|--|#) ((?:[\w.-]+/)*[\w-]+\.\w+)\n`)

// file is the name of the file that the block is; empty if it is none.
func (b *block) file() string {
	if m := fileName.FindStringSubmatch(b.text); m != nil && b.language != "" {
		return m[1]
	}
	return ""
}

// command is a line for a shell, with what it prints.
type command struct{ line, prints string }

// commands are those of a block; none if it is something else.
func (b *block) commands() (all []command) {
	if b.language != "" || !strings.HasPrefix(b.text, "$ ") {
		return nil
	}
	for line := range strings.Lines(b.text) {
		if c, ok := strings.CutPrefix(line, "$ "); ok {
			all = append(all, command{line: strings.TrimSpace(c)})
			continue
		}
		all[len(all)-1].prints += line
	}
	return all
}

// fails reports whether the command shows that it fails.
func (c command) fails() bool { return slices.ContainsFunc(lines(c.prints), isFailure) }

func isFailure(line string) bool { return strings.HasPrefix(line, "FAIL") }

// took matches how long tests took.
var took = regexp.MustCompile(`(?m)^((?:\s*--- |ok|FAIL).*)\b\d+\.\d+s\b`)

// matches reports whether a command has printed what the guide shows.
func (c command) matches(got string) bool {
	got = strings.Join(lines(took.ReplaceAllString(got, "$1")), "\n") + "\n"
	pattern := regexp.QuoteMeta(strings.Join(lines(took.ReplaceAllString(c.prints, "$1")), "\n") + "\n")
	pattern = regexp.MustCompile(`(?m)^\s*…\n`).ReplaceAllLiteralString(pattern, `(?:.*\n)*`)
	pattern = strings.ReplaceAll(pattern, "…", ".*")
	return regexp.MustCompile(`^` + pattern + `$`).MatchString(got)
}

// lines are those of a text without the white space at their ends, and without those that are empty at its end.
func lines(text string) (all []string) {
	for line := range strings.Lines(strings.TrimRight(text, " \t\n")) {
		all = append(all, strings.TrimRight(line, " \t\n"))
	}
	return all
}

func TestBlocks(t *testing.T) {
	guide := "# Title\n```go\n// a/b.go\nx\n```\n## Two\n<!-- not run: it costs money -->\n```\n$ one\n1\n$ two &\n```\n" +
		"- a list\n  ```go\n  if x {\n    y\n  ```\n"
	got, err := blocks(guide)
	want := []block{
		{line: 2, section: "Title", language: "go", text: "// a/b.go\nx\n"},
		{line: 8, section: "Two", text: "$ one\n1\n$ two &\n", unrun: "it costs money"},
		{line: 14, section: "Two", language: "go", text: "if x {\n  y\n"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(block{})); diff != "" || err != nil {
		t.Fatalf("%v, blocks (-want +got):\n%s", err, diff)
	}
	if got := got[0].file(); got != "a/b.go" {
		t.Errorf("got file %q", got)
	}
	commands := []command{{"one", "1\n"}, {"two &", ""}}
	if diff := cmp.Diff(commands, got[1].commands(), cmp.AllowUnexported(command{})); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
	if _, err := blocks("```go\n"); err == nil {
		t.Error("a block without an end: got no error")
	}
}

func TestMatches(t *testing.T) {
	tests := []struct {
		shown, printed string
		want           bool
	}{
		{"a\nb\n", "a\nb\n", true},
		{"a\n", "a\nb\n", false},
		{"a\n\n", "a  \n", true},
		{"a … c\n", "a b b c\n", true},
		{"a…\n", "a\nb\n", false},
		{"a\n…\nd\n", "a\nb\nc\nd\n", true},
		{"  …\nd\n", "d\n", true},
		{"…\nd\n", "e\n", false},
		{"(a+)\n", "aa\n", false},
		{"--- FAIL: TestA (0.02s)\n", "--- FAIL: TestA (1.20s)\n", true},
		{"ok  \tshop\t0.02s\n", "ok  \tshop\t1.2s\n", true},
		{"it took 0.02s\n", "it took 1.20s\n", false},
	}
	for _, test := range tests {
		if got := (command{prints: test.shown}).matches(test.printed); got != test.want {
			t.Errorf("%q shown, %q printed: got %v, want %v", test.shown, test.printed, got, test.want)
		}
	}
}
