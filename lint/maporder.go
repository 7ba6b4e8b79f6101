package lint

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/types/typeutil"

	"github.com/perdure/perdure/lint/internal/effects"
	"github.com/perdure/perdure/lint/internal/model"
	"github.com/perdure/perdure/lint/internal/order"
	"github.com/perdure/perdure/lint/internal/rule"
)

var mapOrder = rule.New(&rule.Rule{
	Name: "maporder",
	Doc: `finds workflow code in which the order of a map comes out

A range over a map has another order on each run. If each entry makes an operation, a later run finds other operations
than those that were recorded; if the entries go into a slice or a text, what is made of it differs. Range over
slices.Sorted(maps.Keys(m)), or sort the slice. Code that counts, sums up or fills another map is left alone.`,
	Requires: []*analysis.Analyzer{effects.Analyzer},
	Run: func(p *rule.Pass) {
		all := effects.In(p.Pass)
		for _, f := range p.Code.Workflows() {
			leaks := order.Find(&order.Function{Info: p.TypesInfo, Type: f.Type, Body: f.Body,
				Operates:    func(call *ast.CallExpr) bool { return operates(p, call) },
				IsUnordered: func(fn *types.Func) bool { return all.Unordered(fn) != "" }})
			for _, l := range leaks {
				p.ReportNode(leakNode(l), leakMessage(p, all, l), sortKeys(p, l)...)
			}
		}
	},
})

// operates reports whether a call makes operations: one of package durable, or one that gets a durable context.
func operates(p *rule.Pass, call *ast.CallExpr) bool {
	if known := p.Code.Call(call); known != nil {
		return known.Group == model.Operation || known.Group == model.Setup && known.Label >= 0 ||
			known.Name == "Now" || known.Name == "UUID" || known.Name == "Rand"
	}
	for _, arg := range call.Args {
		if p.Code.IsContext(p.TypesInfo.TypeOf(arg)) {
			return true
		}
	}
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok || !p.Code.IsContext(p.TypesInfo.TypeOf(sel.X)) {
		return false
	}
	fn, _ := p.TypesInfo.Uses[sel.Sel].(*types.Func)
	return fn != nil && fn.Pkg() == p.Pkg // a method of a workflow that embeds its context
}

// leakNode is what a finding points at: the head of the loop.
func leakNode(l order.Leak) ast.Node {
	if l.Loop != nil {
		return l.Loop.X
	}
	return l.At
}

func leakMessage(p *rule.Pass, all *effects.Effects, l order.Leak) string {
	at := ""
	if l.Loop != nil {
		at = fmt.Sprintf(" at line %d", p.Fset.Position(l.At.Pos()).Line)
	}
	const instead = "range over slices.Sorted(maps.Keys(m))"
	switch l.Kind {
	case order.Operates:
		return "ranges over a map, and makes an operation for each entry" + at +
			": the order is another on each run, so a replay finds other operations; " + instead
	case order.Joins:
		return fmt.Sprintf("ranges over a map, and writes the entries to %s%s: the order is another on each run; %s",
			l.Target, at, instead)
	case order.Picks:
		return "ranges over a map, and takes the first entry that fits" + at +
			": it is another on each run; " + instead
	}
	if l.Loop != nil {
		return fmt.Sprintf("ranges over a map, and puts the entries into %s%s, which is not sorted afterwards: "+
			"the order is another on each run; sort it, or %s", l.Target, at, instead)
	}
	text := "collects the entries of a map"
	if fn, _ := typeutil.Callee(p.TypesInfo, l.At.(*ast.CallExpr)).(*types.Func); fn != nil {
		if chain := all.Unordered(fn); chain != "" {
			text = "calls " + all.Name(fn) + ", " + chain
		}
	}
	return text + ": the order is another on each run; sort them, as slices.Sorted does"
}

// sortKeys returns a fix that ranges over the sorted keys of a map, if they can be sorted.
func sortKeys(p *rule.Pass, l order.Leak) []analysis.SuggestedFix {
	if l.Loop == nil || l.Loop.Tok != token.DEFINE {
		return nil
	}
	m, ok := p.TypesInfo.TypeOf(l.Loop.X).Underlying().(*types.Map)
	if !ok {
		return nil
	}
	key, ok := m.Key().Underlying().(*types.Basic)
	if !ok || key.Info()&types.IsOrdered == 0 || !isPlainName(l.Loop.X) {
		return nil
	}
	name, of := text(p, l.Loop.Key), text(p, l.Loop.X)
	value := ""
	if l.Loop.Value != nil && text(p, l.Loop.Value) != "_" {
		if name == "_" {
			return nil
		}
		value = fmt.Sprintf("\n%s := %s[%s]", text(p, l.Loop.Value), of, name)
	}
	imports := importing(p, l.Loop.Pos(), "maps", "slices")
	if imports == nil {
		return nil
	}
	edits := append(imports, analysis.TextEdit{Pos: l.Loop.Key.Pos(), End: l.Loop.X.End(),
		NewText: fmt.Appendf(nil, "_, %s := range slices.Sorted(maps.Keys(%s))", name, of)})
	if value != "" {
		brace := l.Loop.Body.Lbrace + 1
		edits = append(edits, analysis.TextEdit{Pos: brace, End: brace, NewText: []byte(value)})
	}
	return []analysis.SuggestedFix{{Message: "Range over the sorted keys", TextEdits: edits}}
}

// isPlainName reports whether an expression may be written twice: a name, or a field.
func isPlainName(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return true
	case *ast.SelectorExpr:
		return isPlainName(x.X)
	}
	return false
}

// importing returns the edits that import packages of the standard library in the file at a place, where it does not
// yet; it is nil if they cannot be imported under their names.
func importing(p *rule.Pass, pos token.Pos, paths ...string) []analysis.TextEdit {
	edits := []analysis.TextEdit{}
	for _, file := range p.Files {
		if pos < file.FileStart || pos > file.FileEnd {
			continue
		}
		scope := p.Pkg.Scope().Innermost(pos)
		for _, path := range paths {
			_, found := scope.LookupParent(path, pos)
			name, isPackage := found.(*types.PkgName)
			switch {
			case isPackage && name.Imported().Path() == path:
				continue
			case found != nil || len(file.Imports) == 0:
				return nil
			}
			first := file.Imports[0].Pos()
			text := fmt.Sprintf("%q\n", path)
			if !strings.Contains(importDecl(file).Tok.String(), "import") || !importDecl(file).Lparen.IsValid() {
				return nil
			}
			edits = append(edits, analysis.TextEdit{Pos: first, End: first, NewText: []byte(text)})
		}
	}
	return edits
}

// importDecl returns the first import declaration of a file that imports something.
func importDecl(file *ast.File) *ast.GenDecl { return file.Decls[0].(*ast.GenDecl) }
