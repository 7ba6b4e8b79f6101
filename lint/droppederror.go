package lint

import (
	"fmt"
	"go/ast"
	"go/types"
	"reflect"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"

	"github.com/perdure/perdure/lint/internal/model"
	"github.com/perdure/perdure/lint/internal/rule"
	"github.com/perdure/perdure/lint/internal/usage"
)

var droppedError = rule.New(&rule.Rule{
	Name: "droppederror",
	Doc: `finds errors of durable operations that nobody looks at, and futures that nobody waits for

A workflow that goes on after a failed operation records steps that build on a result that it does not have.`,
	Requires: []*analysis.Analyzer{usage.Analyzer, failing},
	Run: func(pass *rule.Pass) {
		d := &dropped{Package: usage.Of(pass.Pass), pass: pass, fails: pass.ResultOf[failing].(*fails)}
		d.Inspect.Preorder([]ast.Node{(*ast.CallExpr)(nil)}, func(n ast.Node) { d.call(n.(*ast.CallExpr)) })
	},
})

type dropped struct {
	*usage.Package
	pass  *rule.Pass
	fails *fails
}

func (d *dropped) call(call *ast.CallExpr) {
	what := d.fails.what(d.Package, call)
	if known := d.CallOf(call); known != nil && known.Name == "Go" {
		d.future(call, known)
		return
	}
	if what == "" {
		return
	}
	switch parent := d.statement(call).(type) {
	case *ast.ExprStmt:
		d.report(call, what, d.checkFix(parent, call)...)
	case *ast.AssignStmt:
		d.assigned(parent, call, what)
	}
}

// statement is the statement that a call is all of, or the right side of.
func (d *dropped) statement(call ast.Expr) ast.Node {
	for n := d.Parent(call); ; n = d.Parent(n) {
		if _, ok := n.(*ast.ParenExpr); !ok {
			return n
		}
	}
}

func (d *dropped) report(n ast.Node, what string, fixes ...analysis.SuggestedFix) {
	d.pass.ReportNode(n, fmt.Sprintf("the error of %s is dropped: the workflow would go on as if it had succeeded, "+
		"and record what it does then; return the error", what), fixes...)
}

func (d *dropped) assigned(assign *ast.AssignStmt, call *ast.CallExpr, what string) {
	i := len(assign.Lhs) - 1
	if len(assign.Rhs) > 1 {
		i = slices.Index(assign.Rhs, ast.Expr(call))
	}
	if i < 0 {
		return
	}
	id, ok := assign.Lhs[i].(*ast.Ident)
	switch {
	case !ok:
	case id.Name == "_":
		if !d.looksAtBatch(assign, call) && !d.isJoined(call) && !d.failsAnyway(assign) {
			d.report(id, what)
		}
	case d.isLost(assign, id):
		d.pass.ReportNode(id, fmt.Sprintf("the error of %s is dropped: it is overwritten, or nobody looks at it; "+
			"check it, and return it",
			what))
	}
}

// looksAtBatch reports whether the result of a Map or Parallel tells about the items that failed, and is asked.
func (d *dropped) looksAtBatch(assign *ast.AssignStmt, call *ast.CallExpr) (found bool) {
	name, _ := usage.DurableType(d.TypesInfo.TypeOf(assign.Lhs[0]))
	id, ok := assign.Lhs[0].(*ast.Ident)
	if name != "BatchResult" || !ok {
		return false
	}
	obj := d.TypesInfo.ObjectOf(id)
	ast.Inspect(blockOf(d.FunctionAround(call)), func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, ok := sel.X.(*ast.Ident)
		if ok && d.TypesInfo.Uses[x] == obj && slices.Contains([]string{"Err", "Items", "Only"}, sel.Sel.Name) {
			found = true
		}
		return true
	})
	return found
}

// isJoined reports whether a call asks for the result of a future that Join or All found to have succeeded.
func (d *dropped) isJoined(call *ast.CallExpr) (found bool) {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if known := d.CallOf(call); !ok || known == nil || known.Name != "Future.Result" {
		return false
	}
	for _, other := range d.Calls {
		if other.Name != "Join" && other.Name != "All" || other.Expr.Pos() > call.Pos() {
			continue
		}
		for _, arg := range other.Expr.Args {
			found = found || types.ExprString(arg) == types.ExprString(sel.X) &&
				d.FunctionAround(other.Expr) == d.FunctionAround(call)
		}
	}
	return found
}

// failsAnyway reports whether a statement drops all of its results on purpose, on the way to an error that is returned:
// the workflow does not go on.
func (d *dropped) failsAnyway(assign *ast.AssignStmt) bool {
	for _, left := range assign.Lhs {
		if !isBlank(left) {
			return false
		}
	}
	list := statements(d.Parent(assign))
	i := slices.Index(list, ast.Stmt(assign))
	if i < 0 || i+1 >= len(list) {
		return false
	}
	if next, ok := list[i+1].(*ast.AssignStmt); ok {
		return d.failsAnyway(next)
	}
	ret, ok := list[i+1].(*ast.ReturnStmt)
	if !ok || len(ret.Results) == 0 {
		return false
	}
	last := ret.Results[len(ret.Results)-1]
	return !usage.IsNil(d.TypesInfo, last) && isError(d.TypesInfo.TypeOf(last))
}

// isLost reports whether the next that happens to an error, in the same list of statements, is that it gets another
// value.
func (d *dropped) isLost(assign *ast.AssignStmt, id *ast.Ident) bool {
	obj := d.TypesInfo.ObjectOf(id)
	list := statements(d.Parent(assign))
	at := slices.Index(list, ast.Stmt(assign))
	if obj == nil || at < 0 || d.isShared(obj, d.FunctionAround(assign)) {
		return false
	}
	for _, next := range list[at+1:] {
		writes, reads := d.firstUse(next, obj)
		if writes || reads {
			return !reads
		}
	}
	return !d.inLoop(assign) && !d.isReadAfter(assign, obj)
}

// inLoop reports whether a statement is in a loop, in whose next round anything may follow.
func (d *dropped) inLoop(n ast.Node) bool {
	for n = d.Parent(n); n != nil; n = d.Parent(n) {
		switch n.(type) {
		case *ast.ForStmt, *ast.RangeStmt, *ast.LabeledStmt:
			return true
		case *ast.FuncLit, *ast.FuncDecl:
			return false
		}
	}
	return false
}

// isReadAfter reports whether a variable is mentioned behind a statement, other than to discard it.
func (d *dropped) isReadAfter(stmt ast.Stmt, obj types.Object) (found bool) {
	ast.Inspect(blockOf(d.FunctionAround(stmt)), func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && id.Pos() > stmt.End() && d.TypesInfo.Uses[id] == obj {
			found = found || !d.isDiscarded(id)
		}
		return !found
	})
	return found
}

// isDiscarded reports whether a value is only given to the blank identifier.
func (d *dropped) isDiscarded(id *ast.Ident) bool {
	assign, ok := d.Parent(id).(*ast.AssignStmt)
	return ok && len(assign.Lhs) == 1 && isBlank(assign.Lhs[0])
}

// firstUse reports what a statement does with a variable first; more than an assignment counts as reading it.
func (d *dropped) firstUse(stmt ast.Stmt, obj types.Object) (writes, reads bool) {
	assign := assignment(stmt)
	if assign != nil && len(assign.Lhs) == 1 && isBlank(assign.Lhs[0]) && ident(assign.Rhs[0]) != nil {
		return false, false // discarded
	}
	if assign != nil {
		for _, value := range assign.Rhs {
			reads = reads || d.mentions(value, obj)
		}
		for _, left := range assign.Lhs {
			id, ok := left.(*ast.Ident)
			writes = writes || ok && d.TypesInfo.ObjectOf(id) == obj
		}
		if writes || reads {
			return writes, reads
		}
	}
	return false, d.mentions(stmt, obj)
}

// assignment is what a statement begins with.
func assignment(stmt ast.Stmt) *ast.AssignStmt {
	switch s := stmt.(type) {
	case *ast.AssignStmt:
		return s
	case *ast.IfStmt:
		if s.Init != nil {
			return assignment(s.Init)
		}
	case *ast.SwitchStmt:
		if s.Init != nil {
			return assignment(s.Init)
		}
	}
	return nil
}

func (d *dropped) mentions(n ast.Node, obj types.Object) (found bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		found = found || ok && d.TypesInfo.ObjectOf(id) == obj
		return !found
	})
	return found
}

// isShared reports whether a variable is seen by more than the function's own statements: a result with a name, or
// a variable that a literal uses too.
func (d *dropped) isShared(obj types.Object, fn ast.Node) (shared bool) {
	if fn == nil || !usage.Within(obj.Pos(), blockOf(fn)) {
		return true
	}
	ast.Inspect(blockOf(fn), func(n ast.Node) bool {
		if lit, ok := n.(*ast.FuncLit); ok {
			shared = shared || d.mentions(lit, obj)
			return false
		}
		return !shared
	})
	return shared
}

// future looks at what becomes of a future.
func (d *dropped) future(call *ast.CallExpr, known *model.Call) {
	what := d.What(known)
	message := fmt.Sprintf("nobody waits for the future of %s: its error is dropped, and its work is abandoned when "+
		"the function returns; keep it, and call its Result", what)
	switch parent := d.statement(call).(type) {
	case *ast.ExprStmt, *ast.DeferStmt, *ast.GoStmt:
		d.pass.ReportNode(call, message)
	case *ast.AssignStmt:
		i := slices.Index(parent.Rhs, ast.Expr(call))
		if i < 0 || len(parent.Lhs) != len(parent.Rhs) {
			return
		}
		id, ok := parent.Lhs[i].(*ast.Ident)
		if ok && (id.Name == "_" || d.isUnused(d.TypesInfo.ObjectOf(id), id)) {
			d.pass.ReportNode(call, message)
		}
	}
}

// isUnused reports whether a future is only asked whether it is done, or given to the blank identifier.
func (d *dropped) isUnused(obj types.Object, declared *ast.Ident) bool {
	used := obj == nil || obj.Parent() == d.Pkg.Scope() || d.TypesInfo.Defs[declared] == nil
	for id, o := range d.TypesInfo.Uses {
		if o != obj {
			continue
		}
		switch parent := d.Parent(id).(type) {
		case *ast.SelectorExpr:
			used = used || parent.Sel.Name != "Done"
		case *ast.AssignStmt:
			used = used || !slices.Contains(parent.Rhs, ast.Expr(id)) || !isBlank(parent.Lhs[0])
		default:
			used = true
		}
	}
	return !used
}

// checkFix is a fix that returns the error of a statement, if the operation has no other result, and the function
// has one for the error.
func (d *dropped) checkFix(stmt *ast.ExprStmt, call *ast.CallExpr) []analysis.SuggestedFix {
	if _, ok := d.TypesInfo.TypeOf(call).(*types.Tuple); ok {
		return nil
	}
	var results *ast.FieldList
	switch fn := d.FunctionAround(stmt).(type) {
	case *ast.FuncLit:
		results = fn.Type.Results
	case *ast.FuncDecl:
		results = fn.Type.Results
	}
	values, ok := d.zeros(results)
	if !ok {
		return nil
	}
	indent := strings.Repeat("\t", d.depth(stmt))
	return []analysis.SuggestedFix{{Message: "return the error", TextEdits: []analysis.TextEdit{
		{Pos: call.Pos(), End: call.Pos(), NewText: []byte("if err := ")},
		{Pos: call.End(), End: call.End(),
			NewText: []byte("; err != nil {\n" + indent + "\treturn " + values + "err\n" + indent + "}")},
	}}}
}

func (d *dropped) depth(n ast.Node) int { return d.Fset.Position(n.Pos()).Column - 1 }

// zeros are the zero values of all results but the last, which must be the error.
func (d *dropped) zeros(results *ast.FieldList) (text string, ok bool) {
	if results == nil || len(results.List) == 0 {
		return "", false
	}
	for i, field := range results.List {
		t := d.TypesInfo.TypeOf(field.Type)
		if i == len(results.List)-1 {
			return text, t.String() == "error" && len(field.Names) <= 1
		}
		zero := zeroOf(t, field.Type)
		if zero == "" || len(field.Names) > 1 {
			return "", false
		}
		text += zero + ", "
	}
	return "", false
}

func zeroOf(t types.Type, expr ast.Expr) string {
	if _, ok := t.(*types.TypeParam); ok {
		return ""
	}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		switch {
		case u.Info()&types.IsString != 0:
			return `""`
		case u.Info()&types.IsBoolean != 0:
			return "false"
		case u.Info()&types.IsNumeric != 0:
			return "0"
		}
	case *types.Pointer, *types.Slice, *types.Map, *types.Interface, *types.Signature, *types.Chan:
		return "nil"
	case *types.Struct, *types.Array:
		return types.ExprString(expr) + "{}"
	}
	return ""
}

// failing finds functions whose error is one of a durable operation, and leaves facts about them.
var failing = &analysis.Analyzer{
	Name:       "perdurefails",
	Doc:        "find functions that return errors of durable operations",
	Requires:   []*analysis.Analyzer{usage.Analyzer},
	ResultType: reflect.TypeFor[*fails](),
	FactTypes:  []analysis.Fact{new(returnsFailure)},
	Run:        func(pass *analysis.Pass) (any, error) { return findFails(pass, usage.Of(pass)), nil },
}

// returnsFailure marks a function that returns the errors of the durable operations in it.
type returnsFailure struct{}

func (*returnsFailure) AFact()         {}
func (*returnsFailure) String() string { return "returns failures" }

type fails struct {
	pass  *analysis.Pass
	known map[ast.Node]bool
}

func findFails(pass *analysis.Pass, p *usage.Package) *fails {
	f := &fails{pass: pass, known: make(map[ast.Node]bool)}
	if p == nil {
		return f
	}
	for _, fn := range p.Declared {
		if f.of(p, p.Decl(fn)) {
			pass.ExportObjectFact(fn, new(returnsFailure))
		}
	}
	return f
}

// what names the operation whose error a call returns; nothing if it returns none.
func (f *fails) what(p *usage.Package, call *ast.CallExpr) string {
	if known := p.CallOf(call); known != nil {
		waits := strings.HasPrefix(known.Name, "Future.") || known.Name == "Callback.Result"
		if known.Group != model.Operation && !waits || !isError(lastResult(p.TypesInfo.TypeOf(call))) {
			return ""
		}
		return p.What(known)
	}
	if !isError(lastResult(p.TypesInfo.TypeOf(call))) {
		return ""
	}
	fn := p.Callee(call)
	if fn != nil && fn.Pkg() != nil && f.pass.ImportObjectFact(fn, new(returnsFailure)) && fn.Pkg() != p.Pkg {
		return fn.Name()
	}
	if node := p.Function(call.Fun); node != nil && f.of(p, node) {
		return types.ExprString(call.Fun)
	}
	return ""
}

func lastResult(t types.Type) types.Type {
	if tuple, ok := t.(*types.Tuple); ok && tuple.Len() > 0 {
		return tuple.At(tuple.Len() - 1).Type()
	}
	return t
}

func isError(t types.Type) bool {
	return t != nil && types.Identical(t, types.Universe.Lookup("error").Type())
}

// of reports whether a function returns errors of operations in it.
func (f *fails) of(p *usage.Package, fn ast.Node) (found bool) {
	if known, ok := f.known[fn]; ok {
		return known
	}
	f.known[fn] = false // for one that calls itself
	results := resultsOf(p, fn)
	if results == nil || p.BodyOf(fn) != nil && p.BodyOf(fn).Step {
		return false
	}
	operates, returns := false, false
	ast.Inspect(blockOf(fn), func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.CallExpr:
			operates = operates || f.what(p, n) != ""
		case *ast.ReturnStmt:
			returns = returns || len(n.Results) == 0 || !usage.IsNil(p.TypesInfo, n.Results[len(n.Results)-1])
		}
		return true
	})
	f.known[fn] = operates && returns
	return operates && returns
}

func resultsOf(p *usage.Package, fn ast.Node) *ast.FieldList {
	var list *ast.FieldList
	switch fn := fn.(type) {
	case *ast.FuncLit:
		list = fn.Type.Results
	case *ast.FuncDecl:
		list = fn.Type.Results
	}
	if list == nil || len(list.List) == 0 || !isError(p.TypesInfo.TypeOf(list.List[len(list.List)-1].Type)) {
		return nil
	}
	return list
}
