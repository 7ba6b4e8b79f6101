// Package order finds what comes out in the order of a map, which is another on each run.
package order

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/types/typeutil"

	"github.com/perdure/perdure/lint/internal/model"
)

// Kind says how the order of a map comes out.
type Kind int

// The kinds.
const (
	Operates Kind = iota + 1 // an operation is made for each entry
	Appends                  // a slice gets the entries, and nobody sorts it
	Joins                    // a text gets the entries
	Picks                    // the first entry that fits is taken
)

// A Leak is one place where the order of a map comes out.
type Leak struct {
	Kind   Kind
	Loop   *ast.RangeStmt // nil if a function collects the entries
	At     ast.Node       // the statement or call
	Target string         // what gets the entries: "names"; empty for operations and picks
}

// A Function is one to look at, and what is known of those that it calls.
type Function struct {
	Info *types.Info
	Type *ast.FuncType
	Body *ast.BlockStmt
	// Operates says whether a call makes operations.
	Operates func(*ast.CallExpr) bool
	// IsUnordered says whether a function returns what is in the order of a map.
	IsUnordered func(*types.Func) bool
}

// finder looks at one function.
type finder struct {
	*Function
	results []string // names of results, which are returned without being mentioned
	leaks   []Leak
}

// Find returns the leaks of a function, without those of functions in it.
func Find(fn *Function) []Leak {
	f := &finder{Function: fn}
	if fn.Type.Results != nil {
		for _, field := range fn.Type.Results.List {
			for _, name := range field.Names {
				f.results = append(f.results, name.Name)
			}
		}
	}
	ast.PreorderStack(fn.Body, nil, func(n ast.Node, stack []ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.RangeStmt:
			if f.isUnordered(n.X) {
				f.loop(n)
			}
		case *ast.CallExpr:
			f.collects(n, stack)
		}
		return true
	})
	return f.leaks
}

// Returns reports whether the function returns what leaks.
func (fn *Function) Returns(l Leak) (returned bool) {
	if fn.Type.Results == nil {
		return false
	}
	for _, field := range fn.Type.Results.List {
		for _, name := range field.Names {
			returned = returned || name.Name == l.Target
		}
	}
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt:
			returned = returned || l.At == n || l.Target != "" && slices.ContainsFunc(n.Results, func(x ast.Expr) bool {
				return contains(x, l.Target)
			})
		}
		return true
	})
	return returned
}

// isUnordered reports whether a range over an expression is in the order of a map.
func (f *finder) isUnordered(x ast.Expr) bool {
	if t := f.Info.TypeOf(x); t != nil {
		if _, ok := t.Underlying().(*types.Map); ok {
			return true
		}
	}
	call, ok := ast.Unparen(x).(*ast.CallExpr)
	return ok && (f.isCall(call, "maps", collectors["maps"]...) || f.isSliceOfKeys(call))
}

// collectors are functions that return a map's entries as they come, by package.
var collectors = map[string][]string{
	"maps":                  {"Keys", "Values", "All"},
	"reflect":               {"MapKeys"},
	"golang.org/x/exp/maps": {"Keys", "Values"},
	"github.com/samber/lo":  {"Keys", "Values", "Entries", "ToPairs", "MapToSlice"},
}

// Collects reports whether a package has functions that return a map's entries as they come.
func Collects(pkg *types.Package) bool { return pkg != nil && collectors[pkg.Path()] != nil }

// isSliceOfKeys reports whether a call returns a map's entries as a slice.
func (f *finder) isSliceOfKeys(call *ast.CallExpr) bool {
	for path, names := range collectors {
		if path != "maps" && f.isCall(call, path, names...) {
			return true
		}
	}
	if fn, _ := typeutil.Callee(f.Info, call).(*types.Func); fn != nil && f.IsUnordered(fn.Origin()) {
		return true
	}
	if !f.isCall(call, "slices", "Collect", "AppendSeq") {
		return false
	}
	inner, ok := ast.Unparen(call.Args[len(call.Args)-1]).(*ast.CallExpr)
	return ok && f.isCall(inner, "maps", "Keys", "Values")
}

func (f *finder) isCall(call *ast.CallExpr, path string, names ...string) bool {
	fn, _ := typeutil.Callee(f.Info, call).(*types.Func)
	return fn != nil && fn.Pkg() != nil && fn.Pkg().Path() == path && slices.Contains(names, fn.Name())
}

// collects finds a call that makes a slice of a map's entries.
func (f *finder) collects(call *ast.CallExpr, stack []ast.Node) {
	if !f.isSliceOfKeys(call) {
		return
	}
	switch parent := stack[len(stack)-1].(type) {
	case *ast.RangeStmt:
		return // a loop, which is looked at as such
	case *ast.CallExpr:
		if model.IsBuiltin(f.Info, parent, "len") || f.sorts(parent) ||
			f.isCall(parent, "slices", "Contains", "Max", "Min") {
			return
		}
	case *ast.AssignStmt:
		if len(parent.Lhs) == 1 {
			f.unlessSorted(Leak{Kind: Appends, At: call, Target: types.ExprString(parent.Lhs[0])}, parent)
			return
		}
	}
	f.leaks = append(f.leaks, Leak{Kind: Appends, At: call, Target: types.ExprString(call)})
}

// loop finds the leaks of a range over a map. There is at most one of each kind and target.
func (f *finder) loop(loop *ast.RangeStmt) {
	add := func(l Leak) {
		l.Loop = loop
		if !slices.ContainsFunc(f.leaks, func(o Leak) bool {
			return o.Loop == loop && o.Kind == l.Kind && o.Target == l.Target
		}) {
			f.unlessSorted(l, loop)
		}
	}
	ast.PreorderStack(loop.Body, nil, func(n ast.Node, stack []ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.CallExpr:
			if f.Operates(n) {
				add(Leak{Kind: Operates, At: n})
			} else if target := f.writesTo(n, loop); target != "" {
				add(Leak{Kind: Joins, At: n, Target: target})
			}
		case *ast.AssignStmt:
			for i, lhs := range n.Lhs {
				if l := f.assigns(n, lhs, n.Rhs[min(i, len(n.Rhs)-1)], loop); l.Kind != 0 {
					l.At = n
					add(l)
				} else if f.isPick(n, lhs, loop, stack) {
					add(Leak{Kind: Picks, At: n, Target: types.ExprString(lhs)})
				}
			}
		case *ast.ReturnStmt:
			if slices.ContainsFunc(n.Results, func(x ast.Expr) bool { return !f.isError(x) && f.mentions(x, loop) }) {
				add(Leak{Kind: Picks, At: n})
			}
		}
		return true
	})
}

// assigns finds an assignment that keeps the order of the loop.
func (f *finder) assigns(a *ast.AssignStmt, lhs, rhs ast.Expr, loop *ast.RangeStmt) Leak {
	if a.Tok == token.DEFINE || f.isInside(lhs, loop) {
		return Leak{}
	}
	target := types.ExprString(lhs)
	if index, ok := lhs.(*ast.IndexExpr); ok {
		t := f.Info.TypeOf(index.X)
		if _, isMap := t.Underlying().(*types.Map); isMap || f.mentions(index.Index, loop) || !f.mentions(rhs, loop) {
			return Leak{}
		}
		return Leak{Kind: Appends, Target: types.ExprString(index.X)}
	}
	call, isCall := ast.Unparen(rhs).(*ast.CallExpr)
	basic, _ := f.Info.TypeOf(lhs).Underlying().(*types.Basic)
	isText := basic != nil && basic.Info()&types.IsString != 0
	sum, isSum := ast.Unparen(rhs).(*ast.BinaryExpr)
	switch {
	case isCall && model.IsBuiltin(f.Info, call, "append") && types.ExprString(call.Args[0]) == target:
		if slices.ContainsFunc(call.Args[1:], func(x ast.Expr) bool { return f.mentions(x, loop) }) {
			return Leak{Kind: Appends, Target: target}
		}
	case !isText || !f.mentions(rhs, loop):
	case a.Tok == token.ADD_ASSIGN, isSum && sum.Op == token.ADD && contains(sum, target):
		return Leak{Kind: Joins, Target: target}
	}
	return Leak{}
}

// isPick reports whether an assignment takes an entry, and the loop ends.
func (f *finder) isPick(a *ast.AssignStmt, lhs ast.Expr, loop *ast.RangeStmt, stack []ast.Node) bool {
	if a.Tok != token.ASSIGN || f.isInside(lhs, loop) || len(stack) == 0 ||
		!slices.ContainsFunc(a.Rhs, func(x ast.Expr) bool { return f.mentions(x, loop) }) {
		return false
	}
	block, ok := stack[len(stack)-1].(*ast.BlockStmt)
	if !ok {
		return false
	}
	last, ok := block.List[len(block.List)-1].(*ast.BranchStmt)
	return ok && last.Tok == token.BREAK
}

// writesTo returns what a call writes an entry to, from outside of the loop: a builder, a buffer, a hash; or "".
func (f *finder) writesTo(call *ast.CallExpr, loop *ast.RangeStmt) string {
	if !slices.ContainsFunc(call.Args, func(x ast.Expr) bool { return f.mentions(x, loop) }) {
		return ""
	}
	var to ast.Expr
	if f.isCall(call, "fmt", "Fprint", "Fprintf", "Fprintln") || f.isCall(call, "io", "WriteString") {
		to = call.Args[0]
	} else if sel, ok := call.Fun.(*ast.SelectorExpr); ok && f.Info.Selections[sel] != nil &&
		strings.HasPrefix(sel.Sel.Name, "Write") {
		to = sel.X
	}
	if to == nil || f.isInside(to, loop) {
		return ""
	}
	return strings.TrimPrefix(types.ExprString(to), "&")
}

// unlessSorted adds a leak, unless what gets the entries is sorted after the statement, or not used.
func (f *finder) unlessSorted(l Leak, after ast.Node) {
	if l.Target == "" || l.Kind == Picks {
		f.leaks = append(f.leaks, l)
		return
	}
	sorted, used := false, strings.Contains(l.Target, ".")
	ast.PreorderStack(f.Body, nil, func(n ast.Node, stack []ast.Node) bool {
		x, ok := n.(ast.Expr)
		if !ok || n.Pos() < after.End() {
			return true
		}
		if call, ok := n.(*ast.CallExpr); ok {
			if f.sorts(call) && contains(call.Args[0], l.Target) {
				sorted = true
			}
			if model.IsBuiltin(f.Info, call, "len") || f.sorts(call) {
				return false
			}
		}
		used = used || types.ExprString(x) == l.Target
		return true
	})
	if !sorted && (used || slices.Contains(f.results, l.Target)) {
		f.leaks = append(f.leaks, l)
	}
}

// sorts reports whether a call sorts its first argument.
func (f *finder) sorts(call *ast.CallExpr) bool {
	fn, _ := typeutil.Callee(f.Info, call).(*types.Func)
	if fn == nil || fn.Pkg() == nil || len(call.Args) == 0 {
		return false
	}
	switch fn.Pkg().Path() {
	case "slices":
		return strings.HasPrefix(fn.Name(), "Sort")
	case "sort":
		return !strings.HasPrefix(fn.Name(), "Search") && !strings.HasSuffix(fn.Name(), "AreSorted")
	}
	name := strings.ToLower(fn.Name())
	return strings.HasPrefix(name, "sort") // a helper
}

// contains reports whether an expression has one that is written so.
func contains(x ast.Expr, text string) (found bool) {
	ast.Inspect(x, func(n ast.Node) bool {
		inner, ok := n.(ast.Expr)
		found = found || ok && types.ExprString(inner) == text
		return !found
	})
	return found
}

// mentions reports whether an expression has something that is declared in the loop.
func (f *finder) mentions(x ast.Expr, loop *ast.RangeStmt) (found bool) {
	ast.Inspect(x, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if ok && !found {
			obj := f.Info.Uses[id]
			found = obj != nil && loop.Pos() <= obj.Pos() && obj.Pos() < loop.End()
		}
		return !found
	})
	return found
}

// isInside reports whether the variable that an expression begins with is declared in the loop.
func (f *finder) isInside(x ast.Expr, loop *ast.RangeStmt) bool {
	for {
		switch y := ast.Unparen(x).(type) {
		case *ast.Ident:
			obj := f.Info.ObjectOf(y)
			return y.Name == "_" || obj != nil && loop.Pos() <= obj.Pos() && obj.Pos() < loop.End()
		case *ast.SelectorExpr:
			x = y.X
		case *ast.IndexExpr:
			x = y.X
		case *ast.StarExpr:
			x = y.X
		case *ast.UnaryExpr:
			x = y.X
		default:
			return false
		}
	}
}

func (f *finder) isError(x ast.Expr) bool {
	t := f.Info.TypeOf(x)
	return t == nil || types.Identical(t, types.Universe.Lookup("error").Type()) ||
		types.Implements(t, types.Universe.Lookup("error").Type().Underlying().(*types.Interface))
}
