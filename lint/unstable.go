package lint

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"

	"github.com/perdure/perdure/lint/internal/model"
	"github.com/perdure/perdure/lint/internal/rule"
	"github.com/perdure/perdure/lint/internal/usage"
)

// unstable leaves to other rules what they find where it stands: the clock, random numbers, the environment, the order
// of maps, variables of packages.
var unstable = rule.New(&rule.Rule{
	Name: "unstable",
	Doc: `finds names and numbers of operations that depend on what differs from run to run

An address, whether the code is replaying, the invocation's request id and deadline, a variable that outlives the run:
if an operation's name, or whether and how often it is made, depends on it, a replay does not find what was recorded.`,
	Requires: []*analysis.Analyzer{usage.Analyzer},
	Run: func(pass *rule.Pass) {
		u := &unstables{Package: usage.Of(pass.Pass), pass: pass, changing: make(map[types.Object]bool)}
		u.findChanging()
		for _, call := range u.Calls {
			u.name(call)
		}
		kinds := []ast.Node{(*ast.IfStmt)(nil), (*ast.ForStmt)(nil), (*ast.RangeStmt)(nil), (*ast.SwitchStmt)(nil),
			(*ast.CompositeLit)(nil)}
		u.Inspect.Preorder(kinds, u.statement)
	},
})

type unstables struct {
	*usage.Package
	pass     *rule.Pass
	changing map[types.Object]bool // variables that outlive a run and change
}

// findChanging finds variables around a workflow that its runs change.
func (u *unstables) findChanging() {
	kinds := []ast.Node{(*ast.AssignStmt)(nil), (*ast.IncDecStmt)(nil)}
	u.Inspect.Preorder(kinds, func(n ast.Node) {
		var targets []ast.Expr
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				targets = n.Lhs
			}
		case *ast.IncDecStmt:
			targets = []ast.Expr{n.X}
		}
		for _, target := range targets {
			id, ok := ast.Unparen(target).(*ast.Ident)
			if !ok {
				continue
			}
			v, ok := u.TypesInfo.Uses[id].(*types.Var)
			if ok && u.isOutside(v, n) && !u.InStep(n) {
				u.changing[v] = true
			}
		}
	})
}

// isOutside reports whether a variable is declared around the workflow that a node is in, so that all runs share it.
func (u *unstables) isOutside(v *types.Var, n ast.Node) bool {
	workflow := u.Workflow(n)
	return workflow != nil && !v.IsField() && v.Parent() != u.Pkg.Scope() && !usage.Within(v.Pos(), workflow)
}

// source is what an expression has that differs from run to run; nothing if there is nothing.
func (u *unstables) source(e ast.Node, depth int) (what string) {
	if e == nil || depth > 4 {
		return ""
	}
	ast.Inspect(e, func(n ast.Node) bool {
		if what != "" {
			return false
		}
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.CallExpr:
			what = u.called(n)
			return what == "" && u.makes(n) == "" // the result of an operation is recorded
		case *ast.Ident:
			what = u.variable(n, depth)
		}
		return what == ""
	})
	return what
}

func (u *unstables) variable(id *ast.Ident, depth int) string {
	v, ok := u.TypesInfo.Uses[id].(*types.Var)
	switch {
	case !ok || v.IsField():
		return ""
	case u.changing[v]:
		return v.Name() + ", which outlives the run and changes"
	case u.Workflow(id) == nil || !usage.Within(v.Pos(), u.Workflow(id)):
		return ""
	}
	return u.source(orNil(u.Value(v)), depth+1)
}

func orNil(e ast.Expr) ast.Node {
	if e == nil {
		return nil
	}
	return e
}

// called is what a call gives that differs from run to run.
func (u *unstables) called(call *ast.CallExpr) string {
	if known := u.CallOf(call); known != nil {
		if known.Name == "IsReplaying" {
			return "durable.IsReplaying, which is false on the first run only"
		}
		return ""
	}
	if id, ok := call.Fun.(*ast.Ident); ok && len(call.Args) == 1 && (id.Name == "len" || id.Name == "cap") {
		if _, isChan := u.TypesInfo.TypeOf(call.Args[0]).Underlying().(*types.Chan); isChan {
			return "the length of a channel"
		}
	}
	fn := u.Callee(call)
	if fn == nil || fn.Pkg() == nil {
		return ""
	}
	switch name := fn.FullName(); {
	case fn.Pkg().Path() == "fmt" && strings.HasPrefix(fn.Name(), "Sprint"):
		return u.printed(fn, call)
	case name == "github.com/aws/aws-lambda-go/lambdacontext.FromContext":
		return "the invocation's own facts, of lambdacontext"
	case name == "(context.Context).Deadline" && u.isDurable(call):
		return "the invocation's deadline"
	case fn.Pkg().Path() == "sync/atomic" && fn.Name() == "Load" && u.isShared(call):
		return "a counter that outlives the run"
	}
	return ""
}

func (u *unstables) isDurable(call *ast.CallExpr) bool {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	return ok && u.IsContext(u.TypesInfo.TypeOf(sel.X))
}

// isShared reports whether a method is called on a variable of the package.
func (u *unstables) isShared(call *ast.CallExpr) bool {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	id, ok := sel.X.(*ast.Ident)
	return ok && u.TypesInfo.Uses[id] != nil && u.TypesInfo.Uses[id].Parent() == u.Pkg.Scope()
}

// printed finds addresses in what is printed.
func (u *unstables) printed(fn *types.Func, call *ast.CallExpr) string {
	args := call.Args
	if fn.Name() == "Sprintf" && len(args) > 0 {
		if form, ok := usage.ConstString(u.TypesInfo, args[0]); ok && strings.Contains(form, "%p") {
			return "an address, by %p"
		}
		args = args[1:]
	}
	for _, arg := range args {
		if isAddress(u.TypesInfo.TypeOf(arg)) {
			return "the address in " + types.ExprString(arg)
		}
	}
	return ""
}

// isAddress reports whether package fmt prints a value as an address.
func isAddress(t types.Type) bool {
	if has(t, "String") || has(t, "Error") {
		return false
	}
	switch p := t.Underlying().(type) {
	case *types.Chan, *types.Signature:
		return true
	case *types.Basic:
		return p.Kind() == types.UnsafePointer
	case *types.Pointer:
		switch p.Elem().Underlying().(type) {
		case *types.Struct, *types.Slice, *types.Array, *types.Map:
			return false
		}
		return true
	}
	return false
}

// name looks at an operation's name.
func (u *unstables) name(call *model.Call) {
	if call.Name == "WithItemNames" {
		u.itemNames(call)
		return
	}
	if arg := call.NameArg(); arg != nil {
		u.reportName(arg, u.What(call))
	}
}

func (u *unstables) reportName(e ast.Expr, of string) {
	if what := u.source(e, 0); what != "" {
		u.pass.ReportNode(e, fmt.Sprintf("the name of %s depends on %s; a replay would not find it again; use a name "+
			"that is the same on each run", of, what))
	}
}

// itemNames looks at the names that a function gives to items.
func (u *unstables) itemNames(call *model.Call) {
	fn := u.Function(call.Arg(0))
	if fn == nil {
		return
	}
	ast.Inspect(blockOf(fn), func(n ast.Node) bool {
		if ret, ok := n.(*ast.ReturnStmt); ok && len(ret.Results) == 1 {
			u.reportName(ret.Results[0], "an item")
		}
		return true
	})
}

// statement looks at what decides whether, and how often, operations are made.
func (u *unstables) statement(n ast.Node) {
	if lit, ok := n.(*ast.CompositeLit); ok {
		if name, _ := usage.DurableType(u.TypesInfo.TypeOf(lit)); name == "Branch" {
			if e := field(lit, "Name", 0); e != nil {
				u.reportName(e, "a branch")
			}
		}
		return
	}
	if u.Workflow(n) == nil || u.InStep(n) {
		return
	}
	var decides ast.Node
	switch n := n.(type) {
	case *ast.IfStmt:
		decides = n.Cond
	case *ast.ForStmt:
		decides = orNil(n.Cond)
	case *ast.RangeStmt:
		decides = n.X
	case *ast.SwitchStmt:
		decides = orNil(n.Tag)
	}
	what := u.source(decides, 0)
	if what == "" {
		return
	}
	if op := u.operation(n); op != "" {
		u.report(decides, op, what)
	} else if branch, ok := n.(*ast.IfStmt); ok && leaves(branch.Body) {
		if op := u.operationAfter(n); op != "" {
			u.report(decides, op, what)
		}
	}
}

func (u *unstables) report(n ast.Node, op, what string) {
	u.pass.ReportNode(n, fmt.Sprintf("whether %s is made depends on %s; a replay would not make the same operations; "+
		"decide by the input, or by what a step returned", op, what))
}

// leaves reports whether a block does not end where it stands.
func leaves(block *ast.BlockStmt) bool {
	if len(block.List) == 0 {
		return false
	}
	switch block.List[len(block.List)-1].(type) {
	case *ast.ReturnStmt, *ast.BranchStmt:
		return true
	}
	return false
}

// operation is one that is made in a node; nothing if there is none.
func (u *unstables) operation(n ast.Node) (what string) {
	ast.Inspect(n, func(n ast.Node) bool {
		if what != "" {
			return false
		}
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.CallExpr:
			what = u.makes(n)
		}
		return what == ""
	})
	return what
}

// makes names the operation that a call makes: of durable, or of a function that gets the context.
func (u *unstables) makes(call *ast.CallExpr) string {
	if known := u.CallOf(call); known != nil {
		if known.Group == model.Operation || known.Name == "Now" {
			return u.What(known)
		}
		return ""
	}
	sig, ok := u.TypesInfo.TypeOf(call.Fun).Underlying().(*types.Signature)
	if !ok {
		return ""
	}
	for i := range min(len(call.Args), sig.Params().Len()) {
		if u.IsContext(sig.Params().At(i).Type()) {
			return "what " + types.ExprString(call.Fun) + " does"
		}
	}
	return ""
}

// operationAfter is an operation behind a statement, in the lists of statements around it.
func (u *unstables) operationAfter(n ast.Node) string {
	for n != nil {
		parent := u.Parent(n)
		if stmt, ok := n.(ast.Stmt); ok {
			list := statements(parent)
			if i := slices.Index(list, stmt); i >= 0 {
				for _, next := range list[i+1:] {
					if what := u.operation(next); what != "" {
						return what
					}
				}
			}
		}
		if _, ok := parent.(*ast.FuncLit); ok {
			return ""
		}
		n = parent
	}
	return ""
}
