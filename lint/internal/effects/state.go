package effects

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"

	"github.com/perdure/perdure/lint/internal/model"
)

// Root returns the name of the variable that an expression is a part of: of v, v.f, v[i], *v, pkg.V; or nil.
func Root(info *types.Info, x ast.Expr) *ast.Ident {
	switch x := ast.Unparen(x).(type) {
	case *ast.Ident:
		if _, ok := info.Uses[x].(*types.Var); ok {
			return x
		}
	case *ast.SelectorExpr:
		if v, ok := info.Uses[x.Sel].(*types.Var); ok && isPackageVariable(v) {
			return x.Sel
		}
		return Root(info, x.X)
	case *ast.IndexExpr:
		return Root(info, x.X)
	case *ast.SliceExpr:
		return Root(info, x.X)
	case *ast.StarExpr:
		return Root(info, x.X)
	}
	return nil
}

// Counted returns what a node adds to: x of x++, x += 1, x = append(x, …) and atomic's x.Add(1); or nil.
func Counted(info *types.Info, n ast.Node) ast.Expr {
	switch n := n.(type) {
	case *ast.IncDecStmt:
		return n.X
	case *ast.AssignStmt:
		if n.Tok != token.ASSIGN && n.Tok != token.DEFINE || isAppend(info, n.Rhs[0]) {
			return n.Lhs[0]
		}
	case *ast.CallExpr:
		sel, ok := n.Fun.(*ast.SelectorExpr)
		if !ok || info.Uses[sel.Sel] == nil || info.Uses[sel.Sel].Pkg() == nil ||
			info.Uses[sel.Sel].Pkg().Path() != "sync/atomic" || !strings.HasPrefix(sel.Sel.Name, "Add") {
			return nil
		}
		if sel.Sel.Name == "Add" {
			return sel.X
		}
		if of, ok := n.Args[0].(*ast.UnaryExpr); ok {
			return of.X
		}
	}
	return nil
}

func isAppend(info *types.Info, x ast.Expr) bool {
	call, ok := x.(*ast.CallExpr)
	return ok && model.IsBuiltin(info, call, "append")
}

// count notes that a node adds to a variable of the package.
func (e *Effects) count(n *node, x ast.Node) {
	id := Root(e.pass.TypesInfo, Counted(e.pass.TypesInfo, x))
	if id == nil || !isPackageVariable(e.pass.TypesInfo.Uses[id]) {
		return
	}
	to := e.Name(e.pass.TypesInfo.Uses[id])
	at := place(e.pass.Fset.Position(id.Pos()))
	n.direct = append(n.direct, Effect{Class: State, What: to, Chain: "which adds to " + to + " at " + at})
}
