package lint

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/analysis"

	"github.com/perdure/perdure/lint/internal/model"
	"github.com/perdure/perdure/lint/internal/rule"
	"github.com/perdure/perdure/lint/internal/usage"
)

var contextUse = rule.New(&rule.Rule{
	Name: "contextuse",
	Doc: `finds durable contexts that are used where they do not belong

A durable context belongs to one function and its goroutine: not to the bodies of steps, not to other goroutines, not
to child contexts, which have their own, and not to anything that outlives the function.`,
	Requires: []*analysis.Analyzer{usage.Analyzer, spawning},
	Run: func(pass *rule.Pass) {
		c := &contextUses{Package: usage.Of(pass.Pass), pass: pass, spawns: pass.ResultOf[spawning].(*spawns)}
		c.Inspect.Preorder([]ast.Node{(*ast.Ident)(nil)}, func(n ast.Node) { c.ident(n.(*ast.Ident)) })
		c.findStored()
	},
})

type contextUses struct {
	*usage.Package
	pass   *rule.Pass
	spawns *spawns
}

// how says what is done with a context.
type how int

const (
	harmless     how = iota
	forOperation     //  it goes to an operation, or to code that may use it for one
	plain            // it serves as a context.Context
	logs
)

// ident looks at a variable, or a field, that is a durable context.
func (c *contextUses) ident(id *ast.Ident) {
	obj, ok := c.TypesInfo.Uses[id].(*types.Var)
	if !ok || !c.IsContext(obj.Type()) {
		return
	}
	expr, owner := ast.Expr(id), types.Object(obj)
	if obj.IsField() {
		sel, ok := c.Parent(id).(*ast.SelectorExpr)
		if !ok {
			return // the key of a literal
		}
		if expr, owner = sel, c.rootOf(sel.X); owner == nil {
			return
		}
	}
	use := c.howUsed(expr)
	if use == harmless {
		return
	}
	if c.isSpawned(expr) && use == forOperation {
		c.pass.ReportNode(expr, onGoroutine)
		return
	}
	for fn := c.FunctionAround(id); fn != nil; fn = c.FunctionAround(fn) {
		b := c.BodyOf(fn)
		own := usage.Within(owner.Pos(), fn)
		switch {
		case own && !(obj.IsField() && b != nil && c.isHanded(owner, fn)):
			return
		case b != nil && b.Step:
			c.inStep(expr, use, b)
			return
		case b != nil && use == forOperation && c.ContextParam(fn) != nil:
			c.inChild(expr, b)
			return
		case c.spawns.starts(c.Package, fn) && use == forOperation:
			c.pass.ReportNode(expr, onGoroutine)
			return
		case own:
			return
		}
	}
}

const onGoroutine = "a durable context is used on another goroutine; the order of operations would differ from run " +
	"to run; start the work with durable.Go, which gives it a context of its own"

// rootOf is the variable at the beginning of a chain of fields.
func (c *contextUses) rootOf(e ast.Expr) types.Object {
	for {
		switch x := ast.Unparen(e).(type) {
		case *ast.Ident:
			return c.TypesInfo.Uses[x]
		case *ast.SelectorExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		default:
			return nil
		}
	}
}

// isHanded reports whether a variable is a parameter or the receiver of a function, so that what is in it comes from
// elsewhere.
func (c *contextUses) isHanded(obj types.Object, fn ast.Node) bool {
	b := c.BodyOf(fn)
	return !usage.Within(obj.Pos(), b.Block()) && !c.IsContext(obj.Type())
}

// howUsed says what is done with a context where it stands.
func (c *contextUses) howUsed(expr ast.Expr) how {
	switch parent := c.Parent(expr).(type) {
	case *ast.CallExpr:
		if i := slices.Index(parent.Args, expr); i >= 0 {
			return c.howPassed(parent, i)
		}
	case *ast.SelectorExpr:
		switch {
		case parent.X != expr:
		case parent.Sel.Name == "Logger":
			return logs
		case slices.Contains([]string{"Done", "Err", "Deadline", "Value"}, parent.Sel.Name):
			return plain
		}
	case *ast.AssignStmt:
		i := slices.Index(parent.Rhs, expr)
		if i >= 0 && !isBlank(parent.Lhs[min(i, len(parent.Lhs)-1)]) {
			return forOperation
		}
	case *ast.ReturnStmt, *ast.KeyValueExpr, *ast.CompositeLit, *ast.SendStmt, *ast.ValueSpec:
		return forOperation
	}
	return harmless
}

func isBlank(e ast.Expr) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == "_"
}

func (c *contextUses) howPassed(call *ast.CallExpr, i int) how {
	known := c.CallOf(call)
	if known != nil && (known.Name == "ExecutionARN" || known.Name == "IsReplaying") {
		return harmless
	}
	sig, ok := c.TypesInfo.TypeOf(call.Fun).Underlying().(*types.Signature)
	if !ok || sig.Params().Len() == 0 {
		return harmless
	}
	t := sig.Params().At(min(i, sig.Params().Len()-1)).Type()
	switch {
	case c.IsContext(t):
		return forOperation
	case types.IsInterface(t) && t.String() == "context.Context":
		return plain
	}
	return harmless
}

func (c *contextUses) inStep(expr ast.Expr, use how, b *usage.Body) {
	what := c.What(b.Call)
	switch own := c.stepContext(b); {
	case use == forOperation:
		c.pass.ReportNode(expr, fmt.Sprintf("a durable context is used in the body of %s, where no operation can be "+
			"made; do it before or after, or make the whole a child context", what))
	case use == logs:
		var fixes []analysis.SuggestedFix
		if durable := c.durableName(expr); own != "" && durable != "" {
			fixes = append(fixes, rule.Replace(c.Parent(c.Parent(expr)), "use the logger of the step",
				durable+".Logger("+own+")"))
		}
		c.pass.ReportNode(expr, fmt.Sprintf("the body of %s logs by the workflow's context, which is silent on a "+
			"replay; use durable.Logger with the context that the body gets", what), fixes...)
	default:
		var fixes []analysis.SuggestedFix
		if own != "" {
			fixes = append(fixes, rule.Replace(expr, "use the context that the body gets", own))
		} else if fix, ok := c.nameParam(expr, b.Type()); ok {
			fixes = append(fixes, fix)
		}
		c.pass.ReportNode(expr, fmt.Sprintf("the body of %s uses the workflow's context in place of its own, which "+
			"knows the attempt, its timeout and its idempotency key", what), fixes...)
	}
}

func (c *contextUses) inChild(expr ast.Expr, b *usage.Body) {
	var fixes []analysis.SuggestedFix
	if name := paramName(c.ContextParam(b.Node)); name != "" {
		fixes = append(fixes, rule.Replace(expr, "use the context that the function gets", name))
	} else if fix, ok := c.nameParam(expr, b.Type()); ok {
		fixes = append(fixes, fix)
	}
	c.pass.ReportNode(expr, fmt.Sprintf("the function of %s uses a context from around it in place of its own; the "+
		"operations would be numbered as another part's, in an order that may differ from run to run", c.What(b.Call)),
		fixes...)
}

// stepContext is the name of the context that a step's body gets; nothing if it has none.
func (c *contextUses) stepContext(b *usage.Body) string {
	if list := b.Type().Params.List; len(list) > 0 {
		return paramName(list[0])
	}
	return ""
}

func paramName(field *ast.Field) string {
	if len(field.Names) == 0 || field.Names[0].Name == "_" {
		return ""
	}
	return field.Names[0].Name
}

// nameParam is a fix that gives a function's context the name of the one from outside, in whose place it comes.
func (c *contextUses) nameParam(outer ast.Expr, fn *ast.FuncType) (fix analysis.SuggestedFix, ok bool) {
	id, ok := outer.(*ast.Ident)
	if !ok || len(fn.Params.List) == 0 {
		return fix, false
	}
	first := fn.Params.List[0]
	message := "name the context that the function gets"
	if len(first.Names) > 0 {
		return rule.Replace(first.Names[0], message, id.Name), true
	}
	if len(fn.Params.List) > 1 {
		return fix, false
	}
	return analysis.SuggestedFix{Message: message, TextEdits: []analysis.TextEdit{
		{Pos: first.Pos(), End: first.Pos(), NewText: []byte(id.Name + " ")}}}, true
}

// durableName is the name of package durable in the file of a node.
func (c *contextUses) durableName(n ast.Node) string {
	for _, file := range c.Files {
		if file.FileStart > n.Pos() || n.Pos() > file.FileEnd {
			continue
		}
		for _, spec := range file.Imports {
			if spec.Path.Value == `"`+model.Durable+`"` {
				if spec.Name != nil {
					return spec.Name.Name
				}
				return "durable"
			}
		}
	}
	return ""
}

// isSpawned reports whether a context is an argument of a go statement.
func (c *contextUses) isSpawned(expr ast.Expr) bool {
	call, ok := c.Parent(expr).(*ast.CallExpr)
	if !ok {
		return false
	}
	_, ok = c.Parent(call).(*ast.GoStmt)
	return ok && slices.Contains(call.Args, expr)
}

// findStored finds contexts that are put where they outlive their function.
func (c *contextUses) findStored() {
	kinds := []ast.Node{(*ast.AssignStmt)(nil), (*ast.SendStmt)(nil), (*ast.ReturnStmt)(nil)}
	c.Inspect.Preorder(kinds, func(n ast.Node) {
		switch n := n.(type) {
		case *ast.SendStmt:
			if c.IsContext(c.TypesInfo.TypeOf(n.Value)) {
				c.pass.ReportNode(n, "a durable context is sent on a channel; it belongs to the goroutine of its "+
					"function")
			}
		case *ast.ReturnStmt:
			b := c.BodyOf(c.FunctionAround(n))
			for _, value := range n.Results {
				if b != nil && c.IsContext(c.TypesInfo.TypeOf(value)) {
					c.pass.ReportNode(value, fmt.Sprintf("the function of %s returns a durable context, which ends "+
						"with it", c.What(b.Call)))
				}
			}
		case *ast.AssignStmt:
			for i, left := range n.Lhs {
				if len(n.Rhs) == len(n.Lhs) && n.Tok == token.ASSIGN && c.isKept(n.Rhs[i]) {
					c.stored(left, n.Rhs[i])
				}
			}
		}
	})
}

// isKept reports whether a value is a durable context, or another value that ends with its function.
func (c *contextUses) isKept(value ast.Expr) bool {
	t := c.TypesInfo.TypeOf(value)
	if name, _ := usage.DurableType(t); name == "Saga" {
		return true
	}
	return c.IsContext(t)
}

func (c *contextUses) stored(left, value ast.Expr) {
	obj := c.rootOf(left)
	if obj == nil || isBlank(left) {
		return
	}
	source := c.source(value)
	if source == nil {
		return
	}
	fn := c.FunctionAround(left)
	for fn != nil && !usage.Within(source.Pos(), fn) {
		fn = c.FunctionAround(fn)
	}
	if fn == nil {
		return
	}
	_, isVariable := ast.Unparen(left).(*ast.Ident)
	var where string
	switch {
	case obj.Parent() == c.Pkg.Scope():
		where = "a package variable"
	case !usage.Within(obj.Pos(), fn):
		where = "a variable outside of its function"
	case !isVariable && !usage.Within(obj.Pos(), blockOf(fn)) && isPointer(obj.Type()):
		where = "a field of what its function was given"
	default:
		return
	}
	c.pass.ReportNode(left, fmt.Sprintf("a durable %s is stored in %s, where it outlives its function; pass it on as "+
		"a parameter instead", c.kept(value), where))
}

func (c *contextUses) kept(value ast.Expr) string {
	if name, _ := usage.DurableType(c.TypesInfo.TypeOf(value)); name == "Saga" {
		return "saga"
	}
	return "context"
}

func isPointer(t types.Type) bool {
	_, ok := t.Underlying().(*types.Pointer)
	return ok
}

func blockOf(fn ast.Node) ast.Node {
	switch fn := fn.(type) {
	case *ast.FuncLit:
		return fn.Body
	case *ast.FuncDecl:
		return fn.Body
	}
	return fn
}

// source is the variable that a context comes from: itself, or the argument of durable.With.
func (c *contextUses) source(value ast.Expr) types.Object {
	if call := c.CallOf(ast.Unparen(value)); call != nil {
		return c.source(call.Arg(0))
	}
	return c.rootOf(value)
}
