package guides

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// ours are the public packages that pages show, by name.
var ours = map[string]string{
	"durable": "durable", "durableinsight": "durable/durableinsight", "offload": "durable/offload", "plugin": "durable/plugin",
	"retry": "durable/retry", "durabletest": "durabletest", "golden": "durabletest/golden", "engine": "engine",
	"memstore": "engine/memstore", "perdure": ".",
}

// TestPagesNameWhatThereIs: the Go of every page can be read, and what it takes from our packages is there. That is less
// than running it, which TestGuides does with some of them.
func TestPagesNameWhatThereIs(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(root, "docs/guides/*.md"))
	check(t, err)
	for _, page := range append(pages, filepath.Join(root, "README.md")) {
		name, err := filepath.Rel(root, page)
		check(t, err)
		for _, b := range read(t, name) {
			if b.language != "go" || strings.Contains(b.text, "…\n") {
				continue
			}
			file, err := parseSnippet(b.text)
			if err != nil {
				t.Errorf("%s:%d: %v", name, b.line, err)
				continue
			}
			for _, used := range selectors(file) {
				if dir := ours[used[0]]; dir != "" && !exported(t, dir)[used[1]] {
					t.Errorf("%s:%d: there is no %s.%s", name, b.line, used[0], used[1])
				}
			}
		}
	}
}

// parseSnippet reads a file, declarations, or statements.
func parseSnippet(text string) (file *ast.File, err error) {
	for _, around := range [][2]string{{"", ""}, {"package p\n", ""}, {"package p\nfunc _() {\n", "}\n"}} {
		if file, err = parser.ParseFile(token.NewFileSet(), "", around[0]+text+around[1], 0); err == nil {
			return file, nil
		}
	}
	return nil, err
}

// selectors are the names that are taken from packages, with those of the packages.
func selectors(file *ast.File) (all [][2]string) {
	ast.Inspect(file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && x.Obj == nil {
				all = append(all, [2]string{x.Name, sel.Sel.Name})
			}
		}
		return true
	})
	return all
}

var exports = map[string]map[string]bool{}

// exported are the names that the package in a directory declares.
func exported(t *testing.T, dir string) map[string]bool {
	t.Helper()
	if exports[dir] != nil {
		return exports[dir]
	}
	names := map[string]bool{}
	exports[dir] = names
	files, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
	check(t, err)
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		check(t, err)
		for name := range file.Scope.Objects {
			names[name] = true
		}
	}
	return names
}
