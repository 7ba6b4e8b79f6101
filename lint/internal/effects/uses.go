package effects

import (
	"go/ast"
	"go/types"
	"slices"

	"github.com/perdure/perdure/lint/internal/model"
)

// A Use is the use of something with an effect in workflow code.
type Use struct {
	Effect
	Node     ast.Node      // the call, or the name that is mentioned
	Call     *ast.CallExpr // nil if it is only mentioned
	Object   types.Object
	Deferred bool // it happens when the function around it ends
}

// findUses finds the uses in workflow code.
func (e *Effects) findUses() {
	for _, f := range e.code.Workflows() {
		ast.PreorderStack(f.Body, nil, func(n ast.Node, stack []ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncLit:
				return false
			case *ast.Ident:
				e.mention(f, n, stack)
			}
			return true
		})
	}
}

// mention notes the use that a name is, if it is one.
func (e *Effects) mention(f *model.Function, id *ast.Ident, stack []ast.Node) {
	obj := e.pass.TypesInfo.Uses[id]
	if obj == nil || !hasEffects(obj) {
		return
	}
	expr, call, stack := called(id, stack)
	all := e.Of(obj)
	if class := e.guess(obj); call != nil && len(all) == 0 && class != None {
		all = []Effect{{Class: class, What: e.Name(obj)}}
	}
	if len(all) == 0 || call == nil && !e.runs(obj, expr, stack) || e.firstRunOnly(stack) {
		return
	}
	use := Use{Effect: worst(all), Node: expr, Call: call, Object: obj}
	use.Deferred = f.Deferred
	if call != nil {
		use.Node = call
		_, isDeferred := stack[len(stack)-1].(*ast.DeferStmt)
		use.Deferred = use.Deferred || isDeferred
	}
	e.Uses = append(e.Uses, use)
}

// hasEffects reports whether an object is of a kind that may have effects.
func hasEffects(obj types.Object) bool {
	switch obj.(type) {
	case *types.Func, *types.Builtin:
		return true
	case *types.Var:
		_, isFunc := obj.Type().Underlying().(*types.Signature)
		return isFunc || isPackageVariable(obj)
	}
	return false
}

// called returns the expression that a name is the end of, the call of it, if it is called, and what is around that.
func called(id *ast.Ident, stack []ast.Node) (expr ast.Expr, call *ast.CallExpr, around []ast.Node) {
	expr = id
	for i := len(stack) - 1; i >= 0; i-- {
		x, ok := stack[i].(ast.Expr)
		if !ok {
			return expr, nil, stack[:i+1]
		}
		if c, ok := x.(*ast.CallExpr); ok {
			if c.Fun == expr {
				return expr, c, stack[:i]
			}
			return expr, nil, stack[:i+1]
		}
		if ident(x) != id {
			return expr, nil, stack[:i+1]
		}
		expr = x
	}
	return expr, nil, nil
}

// runs reports whether what is mentioned, and not called, may take effect here: a function that is only kept, compared
// or given to a step does not.
func (e *Effects) runs(obj types.Object, expr ast.Expr, stack []ast.Node) bool {
	if verb(obj) == "uses" {
		return true
	}
	switch parent := stack[len(stack)-1].(type) {
	case *ast.CallExpr:
		place := slices.Index(parent.Args, expr)
		return place >= 0 && !e.code.RunsInStep(parent, place)
	case *ast.AssignStmt:
		_, isName := parent.Lhs[0].(*ast.Ident)
		return isName && !e.code.UsedInSteps(expr, stack)
	case *ast.ValueSpec:
		return !e.code.UsedInSteps(expr, stack)
	}
	return false
}

// firstRunOnly reports whether code is behind a question whether it runs again: then it says itself what it does then.
func (e *Effects) firstRunOnly(stack []ast.Node) (found bool) {
	for _, n := range stack {
		branch, ok := n.(*ast.IfStmt)
		if !ok {
			continue
		}
		ast.Inspect(branch.Cond, func(n ast.Node) bool {
			if x, ok := n.(*ast.CallExpr); ok {
				call := e.code.Call(x)
				found = found || call != nil && call.Name == "IsReplaying"
			}
			return !found
		})
	}
	return found
}

// worst returns the effect to tell of, if there are several: who moves a call into a step is rid of all.
func worst(all []Effect) Effect {
	return slices.MinFunc(all, func(a, b Effect) int {
		return slices.Index(byWeight, a.Class) - slices.Index(byWeight, b.Class)
	})
}

var byWeight = []Class{IO, Opaque, Random, Clock, Environ, Output, Threads, State}
