package guides

import (
	"errors"
	"fmt"
	"go/format"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perdure/perdure/internal/freeport"
)

// root is the repository, seen from this package.
const root = "../.."

// session is a guide that runs.
type session struct {
	t     *testing.T
	dir   string // of the module
	env   []string
	jobs  map[int]*job      // what goes on beside the commands, by number, as in a shell
	files map[string]string // what the guide has written, by name
	parts map[string]string // Go without a file, by section
	// here makes the addresses of the guide those that are used, and shown makes them the guide's again.
	here, shown *strings.Replacer
}

const defaultAddress = "127.0.0.1:3001"

// newSession has an empty directory. In place of the addresses there are others, where nothing listens; given has those
// that are there already.
func newSession(t *testing.T, given map[string]string, addresses ...string) *session {
	t.Helper()
	above := t.TempDir()
	s := &session{t: t, dir: filepath.Join(above, "shop"), jobs: map[int]*job{}, files: map[string]string{}, parts: map[string]string{}}
	check(t, os.MkdirAll(s.dir, 0o777))
	var here, shown []string
	for _, address := range append(addresses, defaultAddress) {
		used := given[address]
		if used == "" {
			used = freeport.For(t) // with as many digits as in guides, so that tables look the same
		}
		here, shown = append(here, address, used), append(shown, used, address)
	}
	s.here, s.shown = strings.NewReplacer(here...), strings.NewReplacer(shown...)
	s.env = append(os.Environ(), "GOFLAGS=", "GOWORK="+filepath.Join(above, "go.work"),
		"PATH="+filepath.Join(above, "bin")+string(os.PathListSeparator)+os.Getenv("PATH")+":/usr/sbin",
		"PERDURE_ENDPOINT=http://"+s.here.Replace(defaultAddress), "PERDURE_CREDENTIALS=", "PERDURE_PROFILE=",
		"PERDURE_STORE=", "PERDURE_TEST_ENDPOINT=", "PERDURE_TEST_FUNCTION=")
	return s
}

// built is the directory of the commands, which [TestMain] removes.
var built string

// build builds the commands, once for all sessions.
var build = sync.OnceValue(func() (err error) {
	if built, err = os.MkdirTemp("", "perdure-guides"); err != nil {
		return err
	}
	command := exec.Command("go", "build", "-o", built+"/", "./cmd/perdure", "./cmd/perdure-lint")
	command.Dir = root
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("building the commands: %w\n%s", err, out)
	}
	return nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(code)
}

// prepare makes a module that uses the repository, and its commands.
func (s *session) prepare() {
	s.t.Helper()
	repository, err := filepath.Abs(root)
	check(s.t, err)
	above := filepath.Dir(s.dir)
	check(s.t, build())
	check(s.t, os.Symlink(built, filepath.Join(above, "bin")))
	s.write("go.mod", "module example.org/shop\n\ngo 1.26\n")
	work := fmt.Appendf(nil, "go 1.26.0\n\nuse (\n\t./shop\n\t%s\n)\n", repository)
	check(s.t, os.WriteFile(filepath.Join(above, "go.work"), work, 0o666))
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *session) write(name, text string) {
	s.t.Helper()
	s.files[name] = text
	path := filepath.Join(s.dir, name)
	check(s.t, os.MkdirAll(filepath.Dir(path), 0o777))
	check(s.t, os.WriteFile(path, []byte(s.here.Replace(text)), 0o666))
}

// run does what a block says.
func (s *session) run(b block) error {
	commands := b.commands()
	switch {
	case b.unrun != "":
	case b.file() != "":
		s.write(b.file(), b.text)
	case b.language == "go":
		return s.add(b)
	case b.language == "diff":
		return s.change(b.text)
	case len(commands) == 0:
		return fmt.Errorf("it is neither a file nor a command; say <!-- not run: and why -->, or see the rules in doc.go")
	}
	for _, c := range commands {
		if err := s.do(c); err != nil {
			return err
		}
	}
	return nil
}

// add adds Go to the test file of its section.
func (s *session) add(b block) error {
	text := b.text
	if _, err := parser.ParseFile(token.NewFileSet(), "", "package main\n"+text, 0); err != nil {
		text = fmt.Sprintf("func TestLine%d(t *testing.T) {\n%s}\n", b.line, text)
	}
	s.parts[b.section] += "\n" + text
	source, err := whole(s.parts[b.section])
	if err != nil {
		return err
	}
	s.write(regexp.MustCompile(`\W+`).ReplaceAllString(strings.ToLower(b.section), "_")+"_test.go", source)
	return nil
}

// packages are what snippets import.
var packages = map[string]string{
	"cmp": "github.com/google/go-cmp/cmp", "context": "context", "errors": "errors", "fmt": "fmt",
	"durable": "github.com/perdure/perdure/durable", "durabletest": "github.com/perdure/perdure/durabletest",
	"golden": "github.com/perdure/perdure/durabletest/golden", "retry": "github.com/perdure/perdure/durable/retry",
	"testing": "testing", "time": "time",
}

// whole makes a file of declarations.
func whole(declarations string) (string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), "", "package main\n"+declarations, 0)
	if err != nil {
		return "", err
	}
	imports := map[string]bool{}
	for _, used := range selectors(file) {
		if path := packages[used[0]]; path != "" {
			imports[path] = true
		}
	}
	source := "package main\n\nimport (\n"
	for _, path := range slices.Sorted(maps.Keys(imports)) {
		source += fmt.Sprintf("\t%q\n", path)
	}
	formatted, err := format.Source([]byte(source + ")\n" + declarations))
	return string(formatted), err
}

// change changes the lines of the file that has them.
func (s *session) change(diff string) error {
	var before, after string
	for line := range strings.Lines(diff) {
		if gone, ok := strings.CutPrefix(line, "-"); ok {
			before += gone
		} else if added, ok := strings.CutPrefix(line, "+"); ok {
			after += added
		} else {
			line = strings.TrimPrefix(line, " ")
			before, after = before+line, after+line
		}
	}
	changed := 0
	for name, text := range maps.Clone(s.files) {
		if n := strings.Count(text, before); n > 0 {
			changed += n
			s.write(name, strings.Replace(text, before, after, 1))
		}
	}
	if changed != 1 {
		return fmt.Errorf("its lines stand at %d places, and have to at one", changed)
	}
	return nil
}

// progress matches what is only said on a machine that is slow.
var progress = regexp.MustCompile(`(?m)^building .* …\n`)

// patience is how long work of engines may go on behind a command.
const patience = 3 * time.Minute

// asksAgain matches commands that show what engines do.
var asksAgain = regexp.MustCompile(`^perdure (explain|functions|get|history|jobs|list|logs|nodes|top)\b`)

// do runs a command, and compares what it prints.
func (s *session) do(c command) error {
	if line, ok := strings.CutSuffix(c.line, "&"); ok {
		return s.begin(line)
	}
	if done, err := s.control(c.line); done || err != nil {
		return err
	}
	begin := time.Now()
	for last := ""; ; {
		out, err := s.shell(c.line).CombinedOutput()
		got := progress.ReplaceAllString(s.shown.Replace(string(out)), "")
		if got != last {
			s.t.Logf("$ %s\n%s", c.line, got)
		}
		last = got
		_, failed := errors.AsType[*exec.ExitError](err)
		switch {
		case err != nil && !failed:
			return err
		case c.prints != "" && !c.matches(got):
			if asksAgain.MatchString(c.line) && time.Since(begin) < patience {
				time.Sleep(50 * time.Millisecond)
				continue
			}
			return fmt.Errorf("%s: printed:\n%s\nthe guide shows:\n%s", c.line, got, c.prints)
		case failed != c.fails():
			return fmt.Errorf("%s: ended with %v; the guide shows whether it fails by FAIL:\n%s", c.line, err, got)
		}
		return nil
	}
}

func (s *session) shell(line string) *exec.Cmd {
	cmd := exec.CommandContext(s.t.Context(), "sh", "-c", s.here.Replace(line))
	cmd.Dir, cmd.Env = s.dir, s.env
	return cmd
}
