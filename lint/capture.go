package lint

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"reflect"

	"golang.org/x/tools/go/analysis"

	"github.com/perdure/perdure/lint/internal/model"
	"github.com/perdure/perdure/lint/internal/rule"
	"github.com/perdure/perdure/lint/internal/usage"
)

// capture is quiet if no workflow code looks at the variable after the operation, so the counters of a test are fine.
var capture = rule.New(&rule.Rule{
	Name: "capture",
	Doc: `finds variables that the body of an operation changes, which a replay does not see

Once the result of a step, or of a child context, is recorded, its body does not run again.`,
	Requires: []*analysis.Analyzer{changing},
	Run:      runCapture,
})

// changesParams says what a function changes of that to which its parameters lead.
type changesParams struct{ Changes []change }

// change is what a function changes: a parameter by its place, or -1 for the receiver, and the way from there.
type change struct {
	Place int
	Path  string
}

func (*changesParams) AFact()           {}
func (f *changesParams) String() string { return fmt.Sprint("changes", f.Changes) }

// changing finds who changes what, and leaves facts about it for other packages.
var changing = &analysis.Analyzer{
	Name:       "perdurechanges",
	Doc:        "find which functions change what their parameters lead to",
	Requires:   []*analysis.Analyzer{usage.Analyzer},
	ResultType: reflect.TypeFor[*captures](),
	FactTypes:  []analysis.Fact{new(changesParams)},
	Run:        func(pass *analysis.Pass) (any, error) { return findChanges(pass, usage.Of(pass)), nil },
}

type captures struct {
	*usage.Package
	pass    *analysis.Pass // of changing
	changes map[*types.Func]*changesParams
	uses    map[types.Object][]use
	fields  map[types.Object][]use // of fields, by the field
}

// use is one place where a variable is read.
type use struct {
	node *ast.Ident
	path string // what of the variable is read, as ".Total"
}

// write is one place where a variable, or something that it leads to, is changed.
type write struct {
	node    ast.Node
	root    types.Object
	path    string
	field   types.Object // the last field of the path, if it ends in one
	depend  bool         // the new value depends on the old one
	through bool         // by a function that is called with it
}

func findChanges(pass *analysis.Pass, p *usage.Package) *captures {
	if p == nil {
		return nil
	}
	c := &captures{Package: p, pass: pass, changes: make(map[*types.Func]*changesParams),
		uses: make(map[types.Object][]use), fields: make(map[types.Object][]use)}
	for _, fn := range p.Declared {
		if f := c.changesOf(fn); len(f.Changes) > 0 {
			pass.ExportObjectFact(fn, f)
		}
	}
	return c
}

func runCapture(pass *rule.Pass) {
	c := pass.ResultOf[changing].(*captures)
	c.collectUses()
	for _, body := range c.Bodies {
		if body.Skips {
			c.check(pass, body)
		}
	}
}

func (c *captures) check(pass *rule.Pass, b *usage.Body) {
	done := make(map[types.Object]bool)
	for _, w := range c.writes(b.Block()) {
		if done[w.root] || c.IsContext(w.root.Type()) || c.BodyAround(w.node) != b || !c.isOutside(w, b) {
			continue
		}
		if message := c.judge(w, b); message != "" {
			done[w.root] = true
			pass.ReportNode(w.node, message)
		}
	}
}

// isOutside reports whether what is written lives outside of a body: a variable of its surroundings, or something
// that a parameter points to.
func (c *captures) isOutside(w write, b *usage.Body) bool {
	if !usage.Within(w.root.Pos(), b.Node) {
		return true
	}
	return !usage.Within(w.root.Pos(), b.Block()) && w.path != "" && leadsOut(w.root.Type())
}

// leadsOut reports whether a copy of a value shares memory with it.
func leadsOut(t types.Type) bool {
	switch t.Underlying().(type) {
	case *types.Pointer, *types.Map, *types.Slice:
		return true
	}
	return false
}

// judge explains what a write in a body breaks; nothing if that is harmless.
func (c *captures) judge(w write, b *usage.Body) string {
	what, name := c.What(b.Call), w.root.Name()+w.path
	var at ast.Node = b.Call.Expr
	workflow := c.Workflow(at)
	local := workflow != nil && usage.Within(w.root.Pos(), workflow) && !usage.Within(w.root.Pos(), b.Node)
	shared := w.path != "" && leadsOut(w.root.Type()) // with whoever else has the pointer
	switch {
	case local && !c.isOverwritten(w.root, at) && c.isReadAfter(w, b, workflow),
		!local && c.isReadElsewhere(w, b, c.uses[w.root]),
		shared && w.field != nil && c.isReadElsewhere(w, b, c.fields[w.field]):
		return fmt.Sprintf("the body of %s changes %s, which a replay does not see: once the result is recorded, the "+
			"body does not run again; return the value as the result instead", what, name)
	case local && b.Step && w.depend && !shared && c.isReadIn(w, b):
		return fmt.Sprintf("the body of %s counts on %s, which begins anew with each invocation; use durable.Attempt, "+
			"or the state of a WaitForCondition", what, name)
	}
	return ""
}

// isReadAfter reports whether the workflow reads what was written behind the operation, or in another round of a
// loop around it.
func (c *captures) isReadAfter(w write, b *usage.Body, workflow ast.Node) bool {
	for _, u := range c.uses[w.root] {
		if !overlap(u.path, w.path) || usage.Within(u.node.Pos(), b.Node) || !usage.Within(u.node.Pos(), workflow) {
			continue
		}
		if u.node.Pos() > b.Call.Expr.End() || c.loopAround(b.Call.Expr, u.node, w.root) ||
			c.FunctionAround(u.node) != c.FunctionAround(b.Call.Expr) {
			return true
		}
	}
	return c.isReturned(w.root, b.Call.Expr)
}

// isReturned reports whether a variable is a result with a name, of the function around a call, which returns it
// without naming it.
func (c *captures) isReturned(obj types.Object, call ast.Node) (found bool) {
	fn := c.FunctionAround(call)
	if fn == nil || usage.Within(obj.Pos(), blockOf(fn)) || !usage.Within(obj.Pos(), fn) {
		return false
	}
	ast.Inspect(blockOf(fn), func(n ast.Node) bool {
		if _, ok := n.(*ast.FuncLit); ok {
			return false
		}
		ret, ok := n.(*ast.ReturnStmt)
		found = found || ok && len(ret.Results) == 0 && ret.Pos() > call.End()
		return true
	})
	return found
}

// loopAround reports whether a loop, in which the variable is not declared, is around both nodes.
func (c *captures) loopAround(a, b ast.Node, root types.Object) bool {
	for n := c.Parent(a); n != nil; n = c.Parent(n) {
		switch n.(type) {
		case *ast.ForStmt, *ast.RangeStmt:
			if usage.Within(b.Pos(), n) && !usage.Within(root.Pos(), n) {
				return true
			}
		}
	}
	return false
}

// isReadElsewhere reports whether workflow code reads a variable that is not the workflow's own.
func (c *captures) isReadElsewhere(w write, b *usage.Body, uses []use) bool {
	for _, u := range uses {
		if usage.Within(u.node.Pos(), b.Node) || c.InStep(u.node) || c.Workflow(u.node) == nil {
			continue
		}
		if w.through && u.path == "" && c.TypesInfo.ObjectOf(u.node) == w.root {
			continue // a method of something that steps talk to is called, too: that tells nothing
		}
		if u.path == "" && c.TypesInfo.ObjectOf(u.node) != w.root || overlap(u.path, w.path) {
			return true
		}
	}
	return false
}

func (c *captures) isReadIn(w write, b *usage.Body) bool {
	for _, u := range c.uses[w.root] {
		if usage.Within(u.node.Pos(), b.Node) && !usage.Within(u.node.Pos(), w.node) && overlap(u.path, w.path) {
			return true
		}
	}
	return false
}

// overlap reports whether one path leads to a part of the other.
func overlap(a, b string) bool {
	n := min(len(a), len(b))
	return a[:n] == b[:n] && (len(a) == len(b) || len(a) == n && isPart(b[n:]) || len(b) == n && isPart(a[n:]))
}

func isPart(rest string) bool { return rest[0] == '.' || rest[0] == '[' || rest[0] == '*' }

// isOverwritten reports whether the variable gets another value before anybody can look at it: in the statement of
// the operation itself, or in one that follows.
func (c *captures) isOverwritten(obj types.Object, call ast.Node) bool {
	n := call
	for n != nil {
		if assign, ok := n.(*ast.AssignStmt); ok && c.assigns(assign, obj) {
			return true
		}
		if _, ok := n.(*ast.BlockStmt); ok || c.isFunction(n) {
			return false
		}
		parent := c.Parent(n)
		if list := statements(parent); list != nil {
			for _, next := range list {
				if next.Pos() <= n.Pos() || !c.mentions(next, obj) {
					continue
				}
				assign, ok := next.(*ast.AssignStmt)
				return ok && c.assigns(assign, obj) && !c.mentionsAny(assign.Rhs, obj)
			}
			return false
		}
		n = parent
	}
	return false
}

func (c *captures) isFunction(n ast.Node) bool {
	_, ok := n.(*ast.FuncLit)
	return ok
}

// statements are those of a node that has a list of them.
func statements(n ast.Node) []ast.Stmt {
	switch n := n.(type) {
	case *ast.BlockStmt:
		return n.List
	case *ast.CaseClause:
		return n.Body
	case *ast.CommClause:
		return n.Body
	}
	return nil
}

func (c *captures) assigns(assign *ast.AssignStmt, obj types.Object) bool {
	for _, left := range assign.Lhs {
		if id, ok := left.(*ast.Ident); ok && c.TypesInfo.ObjectOf(id) == obj {
			return assign.Tok == token.ASSIGN || assign.Tok == token.DEFINE
		}
	}
	return false
}

func (c *captures) mentions(n ast.Node, obj types.Object) (found bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && c.TypesInfo.ObjectOf(id) == obj {
			found = true
		}
		return !found
	})
	return found
}

func (c *captures) mentionsAny(list []ast.Expr, obj types.Object) bool {
	for _, e := range list {
		if c.mentions(e, obj) {
			return true
		}
	}
	return false
}

// collectUses finds where variables and fields are read.
func (c *captures) collectUses() {
	written := make(map[ast.Node]bool)
	kinds := []ast.Node{(*ast.AssignStmt)(nil), (*ast.RangeStmt)(nil), (*ast.IncDecStmt)(nil)}
	c.Inspect.Preorder(kinds, func(n ast.Node) {
		switch n := n.(type) {
		case *ast.IncDecStmt:
			c.markWritten(written, n.X)
		case *ast.AssignStmt:
			for i, left := range n.Lhs {
				c.markWritten(written, left)
				call, ok := n.Rhs[min(i, len(n.Rhs)-1)].(*ast.CallExpr)
				if ok && model.IsBuiltin(c.TypesInfo, call, "append") {
					c.markAppended(written, left, call.Args[0])
				}
			}
		case *ast.RangeStmt:
			if n.Key != nil {
				c.markWritten(written, n.Key)
			}
			if n.Value != nil {
				c.markWritten(written, n.Value)
			}
		}
	})
	c.Inspect.Preorder([]ast.Node{(*ast.Ident)(nil)}, func(n ast.Node) {
		id := n.(*ast.Ident)
		obj, ok := c.TypesInfo.Uses[id].(*types.Var)
		if !ok || written[id] || c.isDiscarded(id) {
			return
		}
		if !obj.IsField() {
			c.uses[obj] = append(c.uses[obj], use{id, c.pathAbove(id)})
		} else if _, ok := c.Parent(id).(*ast.SelectorExpr); ok {
			c.fields[obj] = append(c.fields[obj], use{id, ""})
		}
	})
}

// markWritten marks the identifiers of an expression on the left that are written and not read.
func (c *captures) markWritten(written map[ast.Node]bool, left ast.Expr) {
	for {
		switch e := left.(type) {
		case *ast.Ident:
			written[e] = true
			return
		case *ast.SelectorExpr:
			written[e.Sel] = true
			left = e.X
		case *ast.IndexExpr:
			left = e.X
		case *ast.ParenExpr:
			left = e.X
		case *ast.StarExpr:
			left = e.X
		default:
			return
		}
	}
}

// markAppended marks the list in list = append(list, …), which is read only to be written.
func (c *captures) markAppended(written map[ast.Node]bool, left, list ast.Expr) {
	if types.ExprString(left) == types.ExprString(list) {
		c.markWritten(written, list)
	}
}

// isDiscarded reports whether a value is only assigned to the blank identifier.
func (c *captures) isDiscarded(id *ast.Ident) bool {
	assign, ok := c.Parent(id).(*ast.AssignStmt)
	if !ok || len(assign.Lhs) != 1 {
		return false
	}
	left, ok := assign.Lhs[0].(*ast.Ident)
	return ok && left.Name == "_"
}

// lengthOf is a path of its own if only the length of a list is asked for, which no change of its items changes.
func (c *captures) lengthOf(list ast.Expr) string {
	if _, isMap := c.TypesInfo.TypeOf(list).Underlying().(*types.Map); isMap {
		return ""
	}
	switch n := c.Parent(list).(type) {
	case *ast.CallExpr:
		if model.IsBuiltin(c.TypesInfo, n, "len", "cap") {
			return ".len()"
		}
	case *ast.RangeStmt:
		if n.Value == nil && n.X == list {
			return ".len()"
		}
	}
	return ""
}

// pathAbove is what of a variable is read where its identifier stands: its fields as far as they are selected.
func (c *captures) pathAbove(id *ast.Ident) (path string) {
	var n ast.Expr = id
	for {
		sel, ok := c.Parent(n).(*ast.SelectorExpr)
		if !ok || sel.X != n {
			return path + c.lengthOf(n)
		}
		if s := c.TypesInfo.Selections[sel]; s == nil || s.Kind() != types.FieldVal {
			return path
		}
		path += "." + sel.Sel.Name
		n = sel
	}
}
