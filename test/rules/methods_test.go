package rules

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// maxMethods is what one type of package engine may have, exported and not.
const maxMethods = 60

// TestEngineTypesStaySmall counts methods as declared, and those that an embedded
// type of the same package lends: so no type is split in name only.
func TestEngineTypesStaySmall(t *testing.T) {
	own, lent := map[string]int{}, map[string][]string{}
	for _, file := range parse(t, filepath.Join(root, "engine")) {
		for _, decl := range file.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Recv != nil {
					own[typeName(d.Recv.List[0].Type)]++
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if s, ok := spec.(*ast.TypeSpec); ok {
						lent[s.Name.Name] = embedded(s)
					}
				}
			}
		}
	}
	var count func(name string) int
	count = func(name string) int {
		n := own[name]
		for _, other := range lent[name] {
			n += count(other)
		}
		return n
	}
	for name := range lent {
		if n := count(name); n > maxMethods {
			t.Errorf("engine.%s has %d methods, want at most %d: give a part of them a type with a state of its own", name, n, maxMethods)
		}
	}
	if own["Engine"] == 0 {
		t.Error("engine.Engine has no methods: this test looks in the wrong place")
	}
}

// embedded returns the types that a struct embeds.
func embedded(s *ast.TypeSpec) (names []string) {
	st, ok := s.Type.(*ast.StructType)
	if !ok {
		return nil
	}
	for _, f := range st.Fields.List {
		if len(f.Names) == 0 {
			names = append(names, typeName(f.Type))
		}
	}
	return names
}

// typeName is the name of a type, also of a pointer to it, in its own package.
func typeName(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.StarExpr:
		return typeName(x.X)
	case *ast.IndexExpr:
		return typeName(x.X)
	case *ast.Ident:
		return x.Name
	}
	return ""
}

// parse returns the files of the package in dir, without tests.
func parse(t *testing.T, dir string) (files []*ast.File) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}
