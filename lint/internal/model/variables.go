package model

import (
	"go/ast"
	"go/types"
	"slices"
)

// IsNamed reports whether an object is a local variable that a literal is given to, which is looked at where it stands.
func (c *Code) IsNamed(obj types.Object) bool {
	v, ok := obj.(*types.Var)
	return ok && c.named[v]
}

// UsedInSteps reports whether a function runs in steps only: it is given to a local variable, which is given to steps.
// The function's ancestors are on the stack.
func (c *Code) UsedInSteps(fn ast.Expr, stack []ast.Node) bool {
	_, kind, _ := c.byUse(fn, stack)
	return kind == Step
}

// byUse says when a function runs that is given to a local variable: in a step, if it is only given to steps, or used
// in them; and whether it is called elsewhere, or where it stands.
func (c *Code) byUse(fn ast.Expr, stack []ast.Node) (of *Call, kind Kind, called bool) {
	v := c.variable(fn, stack)
	if v == nil {
		return nil, Plain, isCalled(fn, stack)
	}
	uses := 0
	c.uses(stack[0], v, func(id *ast.Ident, stack []ast.Node) {
		call, k := c.givenTo(id, stack)
		if c.inStep(stack) {
			call, k = nil, Step
		}
		called = called || k != Step && isCalled(id, stack)
		if k == Step && (uses == 0 || kind == Step) {
			of, kind = call, Step
		} else {
			of, kind = nil, Plain
		}
		uses++
	})
	return of, kind, called
}

// inStep reports whether a node on the stack is a literal that is given to a step.
func (c *Code) inStep(stack []ast.Node) bool {
	for i, n := range stack {
		if lit, ok := n.(*ast.FuncLit); ok {
			if _, kind := c.givenTo(lit, stack[:i]); kind == Step {
				return true
			}
		}
	}
	return false
}

// variable returns the local variable that a function is assigned to, or nil.
func (c *Code) variable(fn ast.Expr, stack []ast.Node) *types.Var {
	if len(stack) == 0 {
		return nil
	}
	var names []ast.Expr
	place := -1
	switch s := stack[len(stack)-1].(type) {
	case *ast.AssignStmt:
		names, place = s.Lhs, slices.Index(s.Rhs, fn)
	case *ast.ValueSpec:
		for _, id := range s.Names {
			names = append(names, id)
		}
		place = slices.Index(s.Values, fn)
	}
	if place < 0 || place >= len(names) {
		return nil
	}
	id, ok := names[place].(*ast.Ident)
	if !ok {
		return nil
	}
	v, _ := c.pass.TypesInfo.ObjectOf(id).(*types.Var)
	if v == nil || v.Parent() == c.pass.Pkg.Scope() {
		return nil
	}
	return v
}

// uses calls use for each mention of a variable below a node, but those that assign it.
func (c *Code) uses(node ast.Node, v *types.Var, use func(id *ast.Ident, stack []ast.Node)) {
	ast.PreorderStack(node, nil, func(n ast.Node, stack []ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && c.pass.TypesInfo.Uses[id] == v {
			if a, ok := stack[len(stack)-1].(*ast.AssignStmt); !ok || !slices.Contains(a.Lhs, ast.Expr(id)) {
				use(id, stack)
			}
		}
		return true
	})
}
