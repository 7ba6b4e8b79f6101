package model

import (
	"go/ast"
	"go/token"
	"go/types"
	"reflect"
	"slices"

	"golang.org/x/tools/go/analysis"
)

// Kind says when code runs.
type Kind int

const (
	// Plain code has no part in an execution by itself: who calls it decides.
	Plain Kind = iota
	// Workflow code runs again, from its first line, in each invocation.
	Workflow
	// Step code runs in the body of a step, and what comes of it is recorded.
	Step
)

// A Function is a function of the package: a declaration or a literal.
type Function struct {
	Kind    Kind
	Node    ast.Node // *ast.FuncDecl or *ast.FuncLit
	Type    *ast.FuncType
	Body    *ast.BlockStmt
	Parent  *Function   // the one around it; nil for declarations
	Object  *types.Func // nil for literals
	Context *types.Var  // its parameter that is a durable context; nil if there is none
	Of      *Call       // the call of package durable that it is an argument of, if its kind follows from that
	// Deferred is whether it runs when the function around it ends: by a defer, or in a function that does.
	Deferred bool
}

// Inspect visits the nodes of the function's own body, as [ast.Inspect] does. Functions in it are visited as nodes,
// and not entered.
func (f *Function) Inspect(visit func(ast.Node) bool) {
	ast.Inspect(f.Body, func(n ast.Node) bool {
		if _, ok := n.(*ast.FuncLit); ok {
			visit(n)
			return false
		}
		return visit(n)
	})
}

// Code is a package as the linter sees it.
type Code struct {
	// Used says whether the package may have durable code. If not, there is nothing else here.
	Used bool
	// Functions are those with a body, outer ones before those in them.
	Functions []*Function

	pass  *analysis.Pass
	ctx   *types.Interface // durable.Context
	nodes map[ast.Node]*Function
	steps map[*types.Func][]int // parameters of functions here that run in steps only
	named map[*types.Var]bool   // local variables that literals are given to
	tops  map[types.Object]bool // methods that are handlers
}

// Analyzer finds the Code of a package.
var Analyzer = &analysis.Analyzer{
	Name:       "perduremodel",
	Doc:        "finds which code is workflow code, and which runs in steps",
	Run:        func(pass *analysis.Pass) (any, error) { return newCode(pass), nil },
	ResultType: reflect.TypeFor[*Code](),
	FactTypes:  []analysis.Fact{new(stepParams)},
}

// Of returns the Code of the package of a pass, whose analyzer requires [Analyzer].
func Of(pass *analysis.Pass) *Code { return pass.ResultOf[Analyzer].(*Code) }

// stepParams says of a function which of its parameters are functions that it runs in steps only: a helper around
// durable.Step.
type stepParams struct{ Places []int }

func (*stepParams) AFact()           {}
func (p *stepParams) String() string { return "runs in steps" }

func newCode(pass *analysis.Pass) *Code {
	c := &Code{pass: pass, nodes: map[ast.Node]*Function{}, steps: map[*types.Func][]int{},
		named: map[*types.Var]bool{}, tops: map[types.Object]bool{}}
	if pass.Pkg.Path() == Durable {
		return c // its own functions make the rules
	}
	durable := find(pass.Pkg, Durable, map[*types.Package]bool{})
	if durable == nil {
		return c
	}
	obj := durable.Scope().Lookup("Context")
	if obj == nil {
		return c // nobody here can name a context
	}
	c.ctx, c.Used = obj.Type().Underlying().(*types.Interface), true
	for {
		c.Functions = nil
		for _, file := range pass.Files {
			for _, decl := range file.Decls {
				c.declare(decl)
			}
		}
		if !c.learnSteps() {
			break
		}
	}
	for fn, places := range c.steps {
		pass.ExportObjectFact(fn, &stepParams{places})
	}
	return c
}

// find looks for a package among those that pkg needs.
func find(pkg *types.Package, path string, seen map[*types.Package]bool) *types.Package {
	for _, p := range pkg.Imports() {
		if seen[p] || IsStandard(p.Path()) {
			continue
		}
		seen[p] = true
		if p.Path() == path {
			return p
		}
		if found := find(p, path, seen); found != nil {
			return found
		}
	}
	return nil
}

// Function returns the Function that a declaration or literal is, or nil.
func (c *Code) Function(node ast.Node) *Function { return c.nodes[node] }

// At returns the innermost function around a place, or nil.
func (c *Code) At(pos token.Pos) (found *Function) {
	for _, f := range c.Functions {
		if f.Node.Pos() <= pos && pos < f.Node.End() {
			found = f // an inner one comes later
		}
	}
	return found
}

// Workflows returns the functions that are workflow code.
func (c *Code) Workflows() (all []*Function) {
	for _, f := range c.Functions {
		if f.Kind == Workflow {
			all = append(all, f)
		}
	}
	return all
}

// Call returns the call of package durable that an expression is, or nil.
func (c *Code) Call(expr ast.Expr) *Call { return CallOf(c.pass.TypesInfo, expr) }

// IsContext reports whether values of a type are durable contexts.
func (c *Code) IsContext(t types.Type) bool {
	return t != nil && c.ctx != nil && t != types.Typ[types.UntypedNil] && types.Implements(t, c.ctx)
}

// ContextName returns the name of the durable context that code at a place can use, or "".
func (c *Code) ContextName(pos token.Pos) string {
	inner := c.pass.Pkg.Scope().Innermost(pos)
	for scope := inner; scope != nil && scope != c.pass.Pkg.Scope(); scope = scope.Parent() {
		for _, name := range scope.Names() {
			v, ok := scope.Lookup(name).(*types.Var)
			if !ok || name == "_" || !c.IsContext(v.Type()) {
				continue
			}
			if _, found := inner.LookupParent(name, pos); found == v {
				return name
			}
		}
	}
	return ""
}

// PackageName returns the name of package durable in the file at a place, or "" if the file does not import it.
func (c *Code) PackageName(pos token.Pos) string {
	for _, file := range c.pass.Files {
		if pos < file.FileStart || pos > file.FileEnd {
			continue
		}
		for _, spec := range file.Imports {
			if name := c.pass.TypesInfo.PkgNameOf(spec); name != nil && name.Imported().Path() == Durable {
				if inner := c.pass.Pkg.Scope().Innermost(pos); inner != nil {
					if _, found := inner.LookupParent(name.Name(), pos); found == name {
						return name.Name()
					}
				}
			}
		}
	}
	return ""
}

// declare finds the functions of a declaration.
func (c *Code) declare(decl ast.Decl) {
	var outer *Function
	if d, ok := decl.(*ast.FuncDecl); ok {
		if d.Body == nil {
			return
		}
		obj, _ := c.pass.TypesInfo.Defs[d.Name].(*types.Func)
		outer = &Function{Node: d, Type: d.Type, Body: d.Body, Object: obj, Context: c.contextOf(d.Type)}
		if outer.Context != nil || c.operates(d.Body) {
			outer.Kind = Workflow
		}
		c.add(outer)
	}
	c.literals(decl, outer)
}

func (c *Code) add(f *Function) {
	c.Functions = append(c.Functions, f)
	c.nodes[f.Node] = f
}

// literals finds the function literals below a node.
func (c *Code) literals(node ast.Node, outer *Function) {
	var stack []ast.Node
	ast.Inspect(node, func(n ast.Node) bool {
		if n == nil {
			stack = stack[:len(stack)-1]
			return true
		}
		if lit, ok := n.(*ast.FuncLit); ok && n != node {
			f := &Function{Node: lit, Type: lit.Type, Body: lit.Body, Parent: outer, Context: c.contextOf(lit.Type)}
			f.Kind = c.kindOf(f, stack)
			if v := c.variable(lit, stack); v != nil {
				c.named[v] = true
			}
			f.Deferred = isDeferred(stack) || outer != nil && outer.Deferred
			c.add(f)
			c.literals(lit, f)
			return false // no call with nil follows
		}
		if call, ok := n.(*ast.CallExpr); ok && len(call.Args) > 0 && c.Call(call).Handles() {
			if sel, ok := ast.Unparen(call.Args[0]).(*ast.SelectorExpr); ok {
				c.tops[c.pass.TypesInfo.Uses[sel.Sel]] = true
			}
		}
		stack = append(stack, n)
		return true
	})
}

// Handles reports whether a method is given to durable.Start here, or made a handler.
func (c *Code) Handles(method types.Object) bool { return c.tops[method] }

// kindOf decides when a literal runs, by what it takes and what is done with it. Its ancestors are on the stack.
func (c *Code) kindOf(f *Function, stack []ast.Node) Kind {
	if f.Context != nil {
		f.Of, _ = c.givenTo(f.Node.(ast.Expr), stack)
		return Workflow
	}
	outer := Plain
	if f.Parent != nil {
		outer = f.Parent.Kind
	}
	if outer == Step {
		return Step
	}
	of, kind := c.givenTo(f.Node.(ast.Expr), stack)
	called := false
	if kind == Plain {
		of, kind, called = c.byUse(f.Node.(ast.Expr), stack)
	}
	if kind != Plain {
		f.Of = of
		return kind
	}
	if c.operates(f.Body) {
		return Workflow
	}
	if outer == Workflow && c.takesContext(f.Type) && !called {
		return Step // the body of a step, on its way to one
	}
	return outer
}

// givenTo says what becomes of an expression as an argument of the call that is its parent, if it is.
func (c *Code) givenTo(expr ast.Expr, stack []ast.Node) (*Call, Kind) {
	i := len(stack) - 1
	for ; i >= 0; i-- {
		if _, ok := stack[i].(*ast.ParenExpr); !ok {
			break
		}
	}
	if i < 0 {
		return nil, Plain
	}
	call, ok := stack[i].(*ast.CallExpr)
	if !ok {
		return nil, Plain
	}
	place := slices.IndexFunc(call.Args, func(arg ast.Expr) bool { return ast.Unparen(arg) == expr })
	if place < 0 {
		return nil, Plain
	}
	if tv, ok := c.pass.TypesInfo.Types[call.Fun]; ok && tv.IsType() { // a conversion
		return c.givenTo(call, stack[:i])
	}
	return c.argument(call, place)
}

// RunsInStep reports whether the function at a place of a call's arguments runs in a step.
func (c *Code) RunsInStep(call *ast.CallExpr, place int) bool {
	_, kind := c.argument(call, place)
	return kind == Step
}

// argument says when the function at a place of a call's arguments runs.
func (c *Code) argument(call *ast.CallExpr, place int) (*Call, Kind) {
	if known := c.Call(call); known != nil {
		switch {
		case slices.Contains(known.Step, place):
			return known, Step
		case slices.Contains(known.Workflow, place):
			return known, Workflow
		}
		return nil, Plain
	}
	if slices.Contains(c.stepsOf(callee(c.pass.TypesInfo, call)), place) {
		return nil, Step
	}
	return nil, Plain
}

// learnSteps finds parameters of functions here that run in steps only, and reports whether it found more of them.
func (c *Code) learnSteps() (more bool) {
	for _, f := range c.Functions {
		if f.Object == nil {
			continue
		}
		params := f.Object.Signature().Params()
		for i := range params.Len() {
			_, isFunc := params.At(i).Type().Underlying().(*types.Signature)
			if isFunc && !slices.Contains(c.steps[f.Object], i) && c.runsInSteps(f, params.At(i)) {
				c.steps[f.Object], more = append(c.steps[f.Object], i), true
			}
		}
	}
	return more
}

// runsInSteps reports whether each use of a parameter is in a step, or as one's body.
func (c *Code) runsInSteps(f *Function, param *types.Var) bool {
	uses, steps := 0, 0
	c.uses(f.Body, param, func(id *ast.Ident, stack []ast.Node) {
		uses++
		if _, kind := c.givenTo(id, stack); kind == Step {
			steps++
			return
		}
		for _, n := range stack {
			if inner := c.nodes[n]; inner != nil && inner.Kind == Step {
				steps++
				return
			}
		}
	})
	return uses > 0 && uses == steps
}

// stepsOf returns the places of a function's parameters that run in steps only.
func (c *Code) stepsOf(fn *types.Func) []int {
	if fn == nil {
		return nil
	}
	fn = fn.Origin()
	if fn.Pkg() == c.pass.Pkg {
		return c.steps[fn]
	}
	var fact stepParams
	if fn.Pkg() != nil && !IsStandard(fn.Pkg().Path()) && c.pass.ImportObjectFact(fn, &fact) {
		return fact.Places
	}
	return nil
}

// contextOf returns the parameter of a function that is a durable context, or nil.
func (c *Code) contextOf(t *ast.FuncType) *types.Var {
	for _, field := range t.Params.List {
		for _, name := range field.Names {
			if v, ok := c.pass.TypesInfo.Defs[name].(*types.Var); ok && c.IsContext(v.Type()) {
				return v
			}
		}
		if tv := c.pass.TypesInfo.TypeOf(field.Type); len(field.Names) == 0 && c.IsContext(tv) {
			return types.NewParam(field.Pos(), c.pass.Pkg, "", tv)
		}
	}
	return nil
}

// takesContext reports whether a function's first parameter is a [context.Context], as that of a step's body is.
func (c *Code) takesContext(t *ast.FuncType) bool {
	if len(t.Params.List) == 0 {
		return false
	}
	first := c.pass.TypesInfo.TypeOf(t.Params.List[0].Type)
	return types.Unalias(first).String() == "context.Context"
}

// operates reports whether a body calls an operation, outside of functions in it. Code that asks for its context by
// durable.From runs in steps, too, so that it is not workflow code.
func (c *Code) operates(body *ast.BlockStmt) (found bool) {
	asks := false
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.CallExpr:
			if call := c.Call(n); call != nil {
				found = found || call.Group == Operation
				asks = asks || call.Name == "From"
			}
		}
		return true
	})
	return found && !asks
}

// isCalled reports whether a literal is called where it stands.
func isCalled(lit ast.Node, stack []ast.Node) bool {
	if len(stack) == 0 {
		return false
	}
	call, ok := stack[len(stack)-1].(*ast.CallExpr)
	return ok && ast.Unparen(call.Fun) == lit
}

// isDeferred reports whether what is below the stack is the function of a defer statement.
func isDeferred(stack []ast.Node) bool {
	if len(stack) < 2 {
		return false
	}
	_, isCall := stack[len(stack)-1].(*ast.CallExpr)
	_, isDefer := stack[len(stack)-2].(*ast.DeferStmt)
	return isCall && isDefer
}
