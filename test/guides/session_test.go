package guides

import (
	"errors"
	"fmt"
	"go/format"
	"go/parser"
	"go/token"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// root is the repository, seen from this package.
const root = "../.."

// session is a guide that runs.
type session struct {
	t       *testing.T
	dir     string // of the module
	env     []string
	address string            // where the engine listens in place of the default address
	files   map[string]string // what the guide has written, by name
	parts   map[string]string // Go without a file, by section
}

const defaultAddress = "127.0.0.1:3001"

// newSession has an empty directory, and an address where nothing listens.
func newSession(t *testing.T) *session {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	address := l.Addr().String()
	check(t, l.Close())
	above := t.TempDir()
	return &session{t: t, dir: filepath.Join(above, "shop"), address: address, files: map[string]string{}, parts: map[string]string{},
		env: append(os.Environ(), "GOFLAGS=", "GOWORK="+filepath.Join(above, "go.work"),
			"PATH="+filepath.Join(above, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"), "PERDURE_ENDPOINT=http://"+address,
			"PERDURE_CREDENTIALS=", "PERDURE_PROFILE=", "PERDURE_TEST_ENDPOINT=", "PERDURE_TEST_FUNCTION=")}
}

// prepare makes a module that uses the repository, and builds the commands.
func (s *session) prepare() {
	s.t.Helper()
	repository, err := filepath.Abs(root)
	check(s.t, err)
	above := filepath.Dir(s.dir)
	build := exec.CommandContext(s.t.Context(), "go", "build", "-o", filepath.Join(above, "bin")+"/", "./cmd/perdure", "./cmd/perdure-lint")
	build.Dir = repository
	if out, err := build.CombinedOutput(); err != nil {
		s.t.Fatalf("building the commands: %v\n%s", err, out)
	}
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
	check(s.t, os.WriteFile(path, []byte(s.here(text)), 0o666))
}

// here is a text of the guide with the address of the engine that runs.
func (s *session) here(text string) string {
	return strings.ReplaceAll(text, defaultAddress, s.address)
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

// do runs a command, and compares what it prints.
func (s *session) do(c command) error {
	if line, ok := strings.CutSuffix(c.line, "&"); ok {
		return s.serve(line)
	}
	begin := time.Now()
	for {
		out, err := s.shell(c.line).CombinedOutput()
		got := progress.ReplaceAllString(strings.ReplaceAll(string(out), s.address, defaultAddress), "")
		s.t.Logf("$ %s\n%s", c.line, got)
		_, failed := errors.AsType[*exec.ExitError](err)
		switch {
		case err != nil && !failed:
			return err
		case c.prints != "" && !c.matches(got):
			// Work of the engine goes on behind a command.
			if strings.HasPrefix(c.line, "perdure list") && time.Since(begin) < 20*time.Second {
				time.Sleep(20 * time.Millisecond)
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
	cmd := exec.CommandContext(s.t.Context(), "sh", "-c", s.here(line))
	cmd.Dir, cmd.Env = s.dir, s.env
	return cmd
}

// serve starts an engine, which goes on until the test ends.
func (s *session) serve(line string) error {
	cmd := s.shell("exec " + line)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 20 * time.Second
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	s.t.Cleanup(func() { <-ended })
	for range 1000 {
		if c, err := net.DialTimeout("tcp", s.address, time.Second); err == nil {
			return c.Close()
		}
		select {
		case err := <-ended:
			ended <- err
			return fmt.Errorf("%s: ended with %v:\n%s", line, err, &said)
		case <-time.After(20 * time.Millisecond):
		}
	}
	return fmt.Errorf("%s: nothing listens at %s", line, s.address)
}
