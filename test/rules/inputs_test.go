package rules

import (
	"go/ast"
	"go/token"
	"path/filepath"
	"slices"
	"testing"
)

// applying are the functions of package engine that apply an input, which may
// happen again after a conflict, and the place of the input among their arguments.
var applying = map[string]int{"update": 3, "updateThen": 3, "updateNamed": 3, "unrefused": 0}

// TestInputsArePure: what an input of an execution finds out is its result. It
// assigns no variable from around it, sends nothing and starts nothing, since
// after a conflict it would do so again.
func TestInputsArePure(t *testing.T) {
	found := 0
	for _, file := range parse(t, filepath.Join(root, "engine")) {
		named := inputsByName(file)
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			at, ok := applying[typeName(call.Fun)]
			if !ok || len(call.Args) <= at {
				return true
			}
			input, ok := call.Args[at].(*ast.FuncLit)
			if name, isName := call.Args[at].(*ast.Ident); isName {
				input, ok = named[name.Name], named[name.Name] != nil
			}
			if ok {
				found++
				for _, what := range impurities(input) {
					t.Errorf("engine: an input of an execution %s", what)
				}
			}
			return true
		})
	}
	if found < 10 {
		t.Errorf("got %d inputs: this test looks in the wrong place", found)
	}
}

// inputsByName returns the functions that a file gives a name before their use.
func inputsByName(file *ast.File) map[string]*ast.FuncLit {
	named := map[string]*ast.FuncLit{}
	ast.Inspect(file, func(n ast.Node) bool {
		if a, ok := n.(*ast.AssignStmt); ok && len(a.Lhs) == 1 && len(a.Rhs) == 1 {
			if fn, ok := a.Rhs[0].(*ast.FuncLit); ok {
				named[typeName(a.Lhs[0])] = fn
			}
		}
		return true
	})
	return named
}

// impurities are the statements of an input that reach out of it.
func impurities(input *ast.FuncLit) (found []string) {
	var own []string // what it declares, the parameters among it
	declare := func(x ast.Expr) { own = append(own, typeName(x)) }
	for _, p := range input.Type.Params.List {
		for _, name := range p.Names {
			declare(name)
		}
	}
	ast.Inspect(input, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				for _, x := range n.Lhs {
					declare(x)
				}
			}
		case *ast.RangeStmt:
			declare(n.Key)
			declare(n.Value)
		case *ast.ValueSpec:
			for _, name := range n.Names {
				declare(name)
			}
		}
		return true
	})
	outside := func(x ast.Expr) bool { return !slices.Contains(own, base(x)) && base(x) != "_" }
	ast.Inspect(input, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, x := range n.Lhs {
				if outside(x) {
					found = append(found, "assigns "+base(x)+" from around it: return what it finds out")
				}
			}
		case *ast.IncDecStmt:
			if outside(n.X) {
				found = append(found, "counts "+base(n.X)+" from around it")
			}
		case *ast.SendStmt:
			found = append(found, "sends to a channel")
		case *ast.GoStmt:
			found = append(found, "starts a goroutine")
		}
		return true
	})
	return found
}

// base is the variable that an expression is a part of.
func base(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.SelectorExpr:
		return base(x.X)
	case *ast.IndexExpr:
		return base(x.X)
	case *ast.StarExpr:
		return base(x.X)
	}
	return typeName(x)
}
