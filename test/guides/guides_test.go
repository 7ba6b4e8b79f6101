package guides

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/perdure/perdure/internal/core/store/pgstore/pgtest"
)

// sessions are the guides that run. Those that are not here have commands and Go that no test tries.
var sessions = []string{"docs/guides/test-a-function.md"}

// TestFleetGuide runs the guide with the database that it needs.
func TestFleetGuide(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a database and seven engines")
	}
	t.Parallel()
	const name = "docs/guides/fleet.md"
	database := pgtest.New(t, "fsync=on")
	if _, err := exec.LookPath("haproxy"); err != nil && !isThere("/usr/sbin/haproxy") {
		const missing = "HAProxy is not installed: apt-get install haproxy"
		if os.Getenv(pgtest.Variable) == "required" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	s := newSession(t, map[string]string{"127.0.0.1:5432": database.Address()},
		"127.0.0.1:3000", "127.0.0.1:3002", "127.0.0.1:3003", "127.0.0.1:5432")
	s.prepare()
	for _, b := range read(t, name) {
		if err := s.run(b); err != nil {
			t.Fatalf("%s:%d: %v", name, b.line, err)
		}
	}
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// TestGuides runs them. A short run ends where an engine is started.
func TestGuides(t *testing.T) {
	t.Parallel()
	for _, name := range sessions {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			all := read(t, name)
			s := newSession(t, nil)
			s.prepare()
			for _, b := range all {
				if testing.Short() && strings.HasPrefix(b.text, "$ perdure") {
					break
				}
				if err := s.run(b); err != nil {
					t.Fatalf("%s:%d: %v", name, b.line, err)
				}
			}
			s.everyTestPasses()
		})
	}
}

func read(t *testing.T, name string) []block {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	check(t, err)
	all, err := blocks(string(text))
	check(t, err)
	return all
}

var testFunction = regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)

// everyTestPasses runs the tests of the files as the guide has left them.
func (s *session) everyTestPasses() {
	s.t.Helper()
	out, err := s.shell("go test -v ./...").CombinedOutput()
	if err != nil {
		s.t.Errorf("go test: %v\n%s", err, out)
	}
	tests := 0
	for _, text := range s.files {
		for _, m := range testFunction.FindAllStringSubmatch(text, -1) {
			tests++
			if !strings.Contains(string(out), "--- PASS: "+m[1]+" ") {
				s.t.Errorf("%s did not pass:\n%s", m[1], out)
			}
		}
	}
	if tests == 0 {
		s.t.Error("the guide has no test")
	}
}

// TestTheReadmeQuotesTheGuide: what the README shows of tests stands in the guide, where it is run.
func TestTheReadmeQuotesTheGuide(t *testing.T) {
	guide := read(t, "docs/guides/test-a-function.md")
	quotes := 0
	for _, b := range read(t, "README.md") {
		if b.section != "Tests that crash it for you" {
			continue
		}
		quotes++
		if !slices.ContainsFunc(guide, func(of block) bool { return strings.Contains(of.text, b.text) }) {
			t.Errorf("README.md:%d is not in the guide:\n%s", b.line, b.text)
		}
	}
	if quotes == 0 {
		t.Error("the README shows nothing of tests")
	}
}

// said matches what the kit says, in a table of mistakes.
var said = regexp.MustCompile("(?m)^\\| `(.+)` \\| ")

// TestMistakesAreQuoted: the words of the guide are those that the kit's own tests ask for.
func TestMistakesAreQuoted(t *testing.T) {
	guide, err := os.ReadFile(filepath.Join(root, "docs/guides/test-a-function.md"))
	check(t, err)
	tests, err := os.ReadFile(filepath.Join(root, "durabletest/misuse_test.go"))
	check(t, err)
	_, mistakes, _ := strings.Cut(string(guide), "\n## Mistakes\n")
	quotes := said.FindAllStringSubmatch(mistakes, -1)
	if len(quotes) == 0 {
		t.Fatal("the guide has no table of mistakes")
	}
	for _, quote := range quotes {
		words := regexp.MustCompile(strings.ReplaceAll(regexp.QuoteMeta(quote[1]), "…", ".*"))
		if !words.Match(tests) {
			t.Errorf("no test asks for: %s", quote[1])
		}
	}
}
