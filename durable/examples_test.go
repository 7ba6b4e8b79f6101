package durable_test

import (
	"go/ast"
	"strings"
	"testing"
)

// Every operation and every option is shown in an example at least once.
func TestEverythingHasAnExample(t *testing.T) {
	shown := namesInExamples(t)
	names := exportedOperations(t)
	for _, file := range packageFiles(t) {
		for _, d := range file.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "With") {
				names = append(names, fn.Name.Name)
			}
		}
	}
	for _, name := range names {
		last := name[strings.LastIndexByte(name, '.')+1:]
		if !shown[last] {
			t.Errorf("no example uses %s: show when to use it, in an Example with Output", name)
		}
	}
}

// namesInExamples are the names that examples with an output select from
// something: packages and values.
func namesInExamples(t *testing.T) map[string]bool {
	names := map[string]bool{}
	for path, file := range parseFiles(t, func(name string) bool { return strings.HasSuffix(name, "_test.go") }) {
		for _, d := range file.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || !strings.HasPrefix(fn.Name.Name, "Example") {
				continue
			}
			if !hasOutput(file, fn) {
				t.Errorf("%s: %s has no Output, so it is never run", path, fn.Name.Name)
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok {
					names[s.Sel.Name] = true
				}
				return true
			})
		}
	}
	return names
}

func hasOutput(file *ast.File, fn *ast.FuncDecl) bool {
	for _, c := range file.Comments {
		if fn.Pos() < c.Pos() && c.End() < fn.End() && strings.Contains(strings.ToLower(c.Text()), "output:") {
			return true
		}
	}
	return false
}
