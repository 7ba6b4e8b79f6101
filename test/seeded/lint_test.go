package seeded

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/perdure/perdure/test/seeded/testdata/workflows"
)

// TestLintFindsBugs runs the linter over the workflows: each finding is in a bug that says so, and none in a twin.
func TestLintFindsBugs(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "run", "../../cmd/perdure-lint", "./testdata/workflows")
	out, err := cmd.Output()
	if exit, found := errors.AsType[*exec.ExitError](err); !found || len(out) == 0 {
		t.Fatalf("the linter found nothing: %v", err)
	} else if exit.ExitCode() != 1 {
		t.Fatalf("the linter failed: %v\n%s%s", err, out, exit.Stderr)
	}
	found := map[string]string{}
	places := bugs(t)
	for line := range strings.Lines(string(out)) {
		part := strings.SplitN(line, ":", 4)
		place := part[0] + ":" + part[1]
		if name := places[place]; name != "" {
			found[name] += strings.TrimSpace(part[3]) + "\n"
		} else {
			t.Errorf("a finding where no bug is: %s", line)
		}
	}
	for name, s := range workflows.All() {
		got := found[name]
		if s.Lint == "" && got != "" || !regexp.MustCompile(s.Lint).MatchString(got) {
			t.Errorf("%s: the linter says %q, want %q", name, got, s.Lint)
		}
	}
}

// bugs returns the seed of each line of code that has a bug, as file:line.
func bugs(t *testing.T) map[string]string {
	lines := map[string]string{}
	files, err := filepath.Glob("testdata/workflows/*.go")
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	for _, path := range files {
		file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		seed := ""
		ast.Inspect(file, func(n ast.Node) bool {
			pair, ok := n.(*ast.KeyValueExpr)
			if !ok {
				return true
			}
			switch key := pair.Key.(type) {
			case *ast.BasicLit:
				if name, err := strconv.Unquote(key.Value); err == nil {
					seed = name
				}
			case *ast.Ident:
				for n := fset.Position(pair.Pos()).Line; key.Name == "Bug" && n <= fset.Position(pair.End()).Line; n++ {
					lines[path+":"+strconv.Itoa(n)] = seed
				}
				return false
			}
			return true
		})
	}
	return lines
}
