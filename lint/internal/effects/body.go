package effects

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"

	"github.com/perdure/perdure/lint/internal/model"
	"github.com/perdure/perdure/lint/internal/order"
)

// body notes what code uses when it runs. Functions in it run with it, unless they are kept for later: returned, put
// into a value, or run in a step.
func (e *Effects) body(n *node, body ast.Node) {
	later := map[ast.Node]bool{}
	ast.Inspect(body, func(x ast.Node) bool {
		e.count(n, x)
		switch x := x.(type) {
		case *ast.FuncLit:
			f := e.code.Function(x)
			return !later[x] && (f == nil || f.Kind == model.Plain)
		case *ast.ReturnStmt:
			keep(later, x.Results...)
		case *ast.CompositeLit:
			keep(later, x.Elts...)
		case *ast.KeyValueExpr:
			keep(later, x.Value)
			if key, ok := x.Key.(*ast.Ident); ok {
				e.put(e.pass.TypesInfo.Uses[key], x.Value)
			}
		case *ast.AssignStmt:
			if sel, ok := x.Lhs[0].(*ast.SelectorExpr); ok {
				keep(later, x.Rhs...)
				e.put(e.pass.TypesInfo.Uses[sel.Sel], x.Rhs[0])
			}
		case *ast.RangeStmt:
			_, isMap := e.pass.TypesInfo.TypeOf(x.X).Underlying().(*types.Map)
			n.maps = n.maps || isMap
		case *ast.GoStmt:
			n.direct = append(n.direct, e.threads("go", x))
		case *ast.SelectStmt:
			if len(x.Body.List) > 1 {
				n.direct = append(n.direct, e.threads("select", x))
			}
		case *ast.CallExpr:
			e.call(n, x)
		case *ast.Ident:
			if v, ok := e.pass.TypesInfo.Uses[x].(*types.Var); ok && isPackageVariable(v) && verb(v) == "uses" {
				e.use(n, v, x.Pos())
			}
		}
		return true
	})
}

func keep(later map[ast.Node]bool, values ...ast.Expr) {
	for _, v := range values {
		later[ast.Unparen(v)] = true
	}
}

// threads is the effect of a statement that makes code concurrent.
func (e *Effects) threads(what string, at ast.Node) Effect {
	x := Effect{Class: Threads, What: "a " + what + " statement"}
	pos := e.pass.Fset.Position(at.Pos())
	x.Chain = "which has " + x.What + " at " + place(pos)
	return x
}

func (e *Effects) call(n *node, call *ast.CallExpr) {
	if id := ident(call.Fun); id != nil {
		if obj := e.pass.TypesInfo.Uses[id]; obj != nil {
			e.use(n, obj, call.Pos())
			n.guesses = append(n.guesses, edge{obj, call.Pos()})
		}
	}
}

// use notes that a node uses what has effects, or may turn out to have them.
func (e *Effects) use(n *node, obj types.Object, at token.Pos) {
	obj = origin(obj)
	switch obj.(type) {
	case *types.Func, *types.Var, *types.Builtin:
	default:
		return
	}
	if obj.Pkg() == e.pass.Pkg {
		if _, ok := obj.(*types.Func); ok || isPackageVariable(obj) || isField(obj) {
			n.calls = append(n.calls, edge{obj, at})
		}
		return
	}
	n.maps = n.maps || order.Collects(obj.Pkg()) || e.Unordered(obj) != ""
	for _, x := range e.Of(obj) {
		n.direct = append(n.direct, e.via(x, edge{obj, at}))
	}
}

// guess says what a call may do that leads to code that cannot be followed.
func (e *Effects) guess(obj types.Object) Class {
	switch {
	case e.opaque(obj):
		return Opaque
	case e.isClock(obj):
		return Clock
	}
	return None
}

// isClock reports whether an object is a clock that tests replace: a method of an interface, or a function in a field
// or in a variable of a package, that is called now and returns a time.
func (e *Effects) isClock(obj types.Object) bool {
	sig, ok := obj.Type().Underlying().(*types.Signature)
	if !ok || !strings.EqualFold(obj.Name(), "now") || sig.Params().Len() != 0 || sig.Results().Len() != 1 ||
		types.Unalias(sig.Results().At(0).Type()).String() != "time.Time" {
		return false
	}
	if v, isVar := obj.(*types.Var); isVar {
		return (v.IsField() || isPackageVariable(v)) && !e.valued[origin(v)]
	}
	return sig.Recv() != nil && types.IsInterface(sig.Recv().Type())
}

// opaque reports whether a call leads to code that cannot be followed, and that does what calls to the outside do: it
// takes a [context.Context], and may fail. It is a method of an interface, a function in a variable, or one of another
// module.
func (e *Effects) opaque(obj types.Object) bool {
	sig, ok := obj.Type().Underlying().(*types.Signature)
	if !ok || obj.Pkg() == nil || model.IsStandard(obj.Pkg().Path()) || model.IsDurable(obj.Pkg().Path()) {
		return false
	}
	params, results := sig.Params(), sig.Results()
	if params.Len() == 0 || results.Len() == 0 || types.Unalias(params.At(0).Type()).String() != "context.Context" ||
		results.At(results.Len()-1).Type() != types.Universe.Lookup("error").Type() {
		return false
	}
	fn, isFunc := obj.(*types.Func)
	if !isFunc {
		return !e.valued[origin(obj)] && !e.code.IsNamed(obj)
	}
	return sig.Recv() != nil && types.IsInterface(sig.Recv().Type()) || !e.sameModule(fn.Pkg())
}

// put notes that a function is put into a field, which tests replace, say: calling the field may call it.
func (e *Effects) put(field types.Object, value ast.Expr) {
	id := ident(value)
	if field == nil || id == nil || !isField(field) || field.Pkg() != e.pass.Pkg {
		return
	}
	fn, ok := e.pass.TypesInfo.Uses[id].(*types.Func)
	if !ok {
		return
	}
	field = origin(field)
	if e.fields[field] == nil {
		e.fields[field], e.valued[field] = &node{obj: field}, true
	}
	e.use(e.fields[field], fn, value.Pos())
}

// isField reports whether an object is a field that holds a function.
func isField(obj types.Object) bool {
	v, ok := obj.(*types.Var)
	if !ok || !v.IsField() {
		return false
	}
	_, isFunc := v.Type().Underlying().(*types.Signature)
	return isFunc
}

// isPackageVariable reports whether an object is a variable of a package.
func isPackageVariable(obj types.Object) bool {
	v, ok := obj.(*types.Var)
	return ok && v.Pkg() != nil && v.Parent() == v.Pkg().Scope()
}

// ident returns the identifier that names what an expression is: of f, pkg.f, x.f, f[T]; or nil.
func ident(x ast.Expr) *ast.Ident {
	switch x := ast.Unparen(x).(type) {
	case *ast.Ident:
		return x
	case *ast.SelectorExpr:
		return x.Sel
	case *ast.IndexExpr:
		return ident(x.X)
	case *ast.IndexListExpr:
		return ident(x.X)
	}
	return nil
}
