// Package usage finds what one package does with package durable: its calls, the functions that it gives to
// operations, and what is around a place in the code. The analyzers about the use of the SDK share it.
package usage

import (
	"go/ast"
	"go/token"
	"go/types"
	"reflect"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/inspector"
	"golang.org/x/tools/go/types/typeutil"

	"github.com/perdure/perdure/lint/internal/model"
)

// Of returns the uses in the package of a pass, whose analyzer requires [Analyzer].
func Of(pass *analysis.Pass) *Package { return pass.ResultOf[Analyzer].(*Package) }

// Analyzer makes the [*Package] of a package, which is nil if the package has no durable code.
var Analyzer = &analysis.Analyzer{
	Name:       "perdureusage",
	Doc:        "find what a package does with package durable",
	Requires:   []*analysis.Analyzer{model.Analyzer},
	Run:        func(pass *analysis.Pass) (any, error) { return find(pass), nil },
	ResultType: reflect.TypeFor[*Package](),
}

// Package is what a package does with package durable.
type Package struct {
	*analysis.Pass
	Code    *model.Code
	Inspect *inspector.Inspector
	// Calls are the calls of durable's functions, in the order of the files.
	Calls []*model.Call
	// Declared are the functions that are declared here with a body.
	Declared []*types.Func
	// Bodies are the functions that operations get.
	Bodies []*Body

	parents map[ast.Node]ast.Node
	decls   map[*types.Func]*ast.FuncDecl
	values  map[types.Object][]ast.Expr // what a variable is assigned, nil for what is not an expression of its own
	bodies  map[ast.Node]*Body
	calls   map[*ast.CallExpr]*model.Call
	runs    map[ast.Node]bool // declarations that workflow code calls
}

// Body is a function that an operation gets.
type Body struct {
	Node  ast.Node // an *ast.FuncLit or *ast.FuncDecl
	Call  *model.Call
	Step  bool // it gets no durable context: of a step, a condition, a submitter or a compensation
	Skips bool // a replay does not run it once its end is recorded
}

// Type and Block are the parts of the function.
func (b *Body) Type() *ast.FuncType   { return funcType(b.Node) }
func (b *Body) Block() *ast.BlockStmt { return block(b.Node) }

func find(pass *analysis.Pass) *Package {
	code := model.Of(pass)
	if !code.Used {
		return nil
	}
	p := &Package{Pass: pass, Code: code, Inspect: inspector.New(pass.Files),
		parents: make(map[ast.Node]ast.Node), decls: make(map[*types.Func]*ast.FuncDecl),
		values: make(map[types.Object][]ast.Expr), bodies: make(map[ast.Node]*Body),
		calls: make(map[*ast.CallExpr]*model.Call), runs: make(map[ast.Node]bool)}
	for _, file := range pass.Files {
		p.index(file)
	}
	for _, call := range p.Calls {
		p.addBodies(call)
	}
	for _, f := range code.Functions {
		p.addWrapped(f)
	}
	p.Inspect.Preorder([]ast.Node{(*ast.CompositeLit)(nil)}, func(n ast.Node) { p.addBranch(n.(*ast.CompositeLit)) })
	p.findRuns()
	return p
}

// findRuns finds the functions that are called from workflow code, and so are workflow code themselves.
func (p *Package) findRuns() {
	for more := true; more; {
		more = false
		p.Inspect.Preorder([]ast.Node{(*ast.CallExpr)(nil)}, func(n ast.Node) {
			fn := p.Callee(n.(*ast.CallExpr))
			if fn == nil || fn.Pkg() != p.Pkg {
				return
			}
			decl := p.decls[fn]
			if decl != nil && !p.runs[decl] && p.Workflow(n) != nil && !p.InStep(n) {
				p.runs[decl], more = true, true
			}
		})
	}
}

func (p *Package) index(file *ast.File) {
	var stack []ast.Node
	ast.Inspect(file, func(n ast.Node) bool {
		if n == nil {
			stack = stack[:len(stack)-1]
			return true
		}
		if len(stack) > 0 {
			p.parents[n] = stack[len(stack)-1]
		}
		stack = append(stack, n)
		switch n := n.(type) {
		case *ast.FuncDecl:
			if fn, ok := p.TypesInfo.Defs[n.Name].(*types.Func); ok && n.Body != nil {
				p.decls[fn] = n
				p.Declared = append(p.Declared, fn)
			}
		case *ast.CallExpr:
			if call := model.CallOf(p.TypesInfo, n); call != nil {
				p.Calls = append(p.Calls, call)
				p.calls[n] = call
			}
		case *ast.AssignStmt:
			for i, left := range n.Lhs {
				p.assign(left, n.Rhs, i, n.Tok == token.ASSIGN || n.Tok == token.DEFINE)
			}
		case *ast.ValueSpec:
			for i, name := range n.Names {
				if len(n.Values) > 0 {
					p.assign(name, n.Values, i, true)
				}
			}
		case *ast.RangeStmt:
			p.assign(n.Key, nil, 0, false)
			p.assign(n.Value, nil, 0, false)
		case *ast.IncDecStmt:
			p.assign(n.X, nil, 0, false)
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				p.assign(n.X, nil, 0, false) // whoever has the address may assign
			}
		}
		return true
	})
}

func (p *Package) assign(left ast.Expr, right []ast.Expr, i int, plain bool) {
	id, ok := left.(*ast.Ident)
	if !ok {
		return
	}
	obj := p.TypesInfo.ObjectOf(id)
	if obj == nil {
		return
	}
	var value ast.Expr
	if plain && i < len(right) && len(right) > 1 || plain && len(right) == 1 && i == 0 {
		value = right[i]
	}
	p.values[obj] = append(p.values[obj], value)
}

// Value returns the only value that a variable ever has, or nil.
func (p *Package) Value(obj types.Object) ast.Expr {
	if all := p.values[obj]; len(all) == 1 {
		return all[0]
	}
	return nil
}

// Assigned returns how often a variable is assigned, with its declaration if that gives a value.
func (p *Package) Assigned(obj types.Object) int { return len(p.values[obj]) }

func (p *Package) addBodies(call *model.Call) {
	if call.Group == model.Option || call.Group == model.Value || call.Group == model.Helper {
		return
	}
	for _, place := range call.Step {
		if call.Name != "SerdesOf" {
			p.addBody(call.Arg(place), &Body{Call: call, Step: true, Skips: true})
		}
	}
	for _, place := range call.Workflow {
		skips := call.Group == model.Operation || call.Name == "AddTask" || call.Name == "Task.Compensate"
		if call.Name != "Task.When" && call.Name != "Summarized" {
			p.addBody(call.Arg(place), &Body{Call: call, Skips: skips && !p.HasOption(call, "WithVirtual")})
		}
	}
}

func (p *Package) addBody(expr ast.Expr, b *Body) {
	if b.Node = p.Function(expr); b.Node != nil && p.bodies[b.Node] == nil {
		p.bodies[b.Node] = b
		p.Bodies = append(p.Bodies, b)
	}
}

// addWrapped adds a literal that goes to a helper around durable.Step.
func (p *Package) addWrapped(f *model.Function) {
	if f.Kind != model.Step || p.bodies[f.Node] != nil || f.Parent != nil && f.Parent.Kind == model.Step {
		return
	}
	if call, ok := p.parents[f.Node].(*ast.CallExpr); ok && call.Fun != f.Node {
		b := &Body{Node: f.Node, Call: standIn("Step", call), Step: true, Skips: true}
		p.bodies[f.Node], p.Bodies = b, append(p.Bodies, b)
	}
}

// standIn is a call of an operation that is not in the code as such.
func standIn(name string, call *ast.CallExpr) *model.Call {
	return &model.Call{Expr: call,
		Func: &model.Func{Name: name, Group: model.Operation, Context: -1, Label: -1, Options: -1}}
}

// addBranch adds the function of a durable.Branch.
func (p *Package) addBranch(lit *ast.CompositeLit) {
	if name, _ := DurableType(p.TypesInfo.TypeOf(lit)); name != "Branch" {
		return
	}
	for i, element := range lit.Elts {
		value, is := element, i == 1
		if kv, ok := element.(*ast.KeyValueExpr); ok {
			key, _ := kv.Key.(*ast.Ident)
			value, is = kv.Value, key != nil && key.Name == "Func"
		}
		if is {
			p.addBody(value, &Body{Call: p.around(lit), Skips: true})
		}
	}
}

// around is the call of Parallel that a branch is in, or a stand-in for it.
func (p *Package) around(n ast.Node) *model.Call {
	for ; n != nil; n = p.parents[n] {
		if call, ok := n.(*ast.CallExpr); ok && p.calls[call] != nil {
			return p.calls[call]
		}
	}
	return standIn("Parallel", new(ast.CallExpr))
}

// DurableType returns the name of a type of package durable, without its pointer, and its type arguments.
func DurableType(t types.Type) (string, *types.TypeList) {
	if ptr, ok := types.Unalias(t).(*types.Pointer); ok {
		t = ptr.Elem()
	}
	named, ok := types.Unalias(t).(*types.Named)
	if !ok || named.Obj().Pkg() == nil || named.Obj().Pkg().Path() != model.Durable {
		return "", nil
	}
	return named.Obj().Name(), named.TypeArgs()
}

// Function finds the function that an expression is: a literal, a declared function or method of this package, a
// variable with only one value, or what a function of this package returns. Otherwise it is nil.
func (p *Package) Function(expr ast.Expr) ast.Node { return p.function(expr, 0) }

func (p *Package) function(expr ast.Expr, depth int) ast.Node {
	if expr == nil || depth > 8 {
		return nil
	}
	switch e := ast.Unparen(expr).(type) {
	case *ast.FuncLit:
		return e
	case *ast.IndexExpr:
		return p.function(e.X, depth)
	case *ast.IndexListExpr:
		return p.function(e.X, depth)
	case *ast.Ident:
		return p.named(p.TypesInfo.Uses[e], depth)
	case *ast.SelectorExpr:
		return p.named(p.TypesInfo.Uses[e.Sel], depth)
	case *ast.CallExpr:
		if call := p.calls[e]; call != nil {
			if call.Name == "Summarized" {
				return p.function(call.Arg(0), depth+1)
			}
			return nil
		}
		if maker, ok := p.function(e.Fun, depth+1).(*ast.FuncDecl); ok {
			return p.function(onlyReturn(maker.Body), depth+1)
		}
	}
	return nil
}

func (p *Package) named(obj types.Object, depth int) ast.Node {
	switch obj := obj.(type) {
	case *types.Func:
		if decl := p.decls[obj.Origin()]; decl != nil {
			return decl
		}
	case *types.Var:
		return p.function(p.Value(obj), depth+1)
	}
	return nil
}

func onlyReturn(body *ast.BlockStmt) ast.Expr {
	if len(body.List) != 1 {
		return nil
	}
	if ret, ok := body.List[0].(*ast.ReturnStmt); ok && len(ret.Results) == 1 {
		return ret.Results[0]
	}
	return nil
}

// Callee returns the function that a call calls, if that is known.
func (p *Package) Callee(call *ast.CallExpr) *types.Func {
	fn, _ := typeutil.Callee(p.TypesInfo, call).(*types.Func)
	if fn == nil {
		return nil
	}
	return fn.Origin()
}

// Decl returns the declaration of a function of this package, or nil.
func (p *Package) Decl(fn *types.Func) *ast.FuncDecl { return p.decls[fn] }

// CallOf returns the call of a function of durable that a node is, or nil.
func (p *Package) CallOf(n ast.Node) *model.Call {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return nil
	}
	return p.calls[call]
}

// HasOption reports whether a call has an option of durable in its argument list.
func (p *Package) HasOption(call *model.Call, name string) bool {
	for _, o := range call.OptionArgs() {
		if made := p.CallOf(ast.Unparen(o)); made != nil && made.Name == name {
			return true
		}
	}
	return false
}

// Parent returns what a node is in.
func (p *Package) Parent(n ast.Node) ast.Node { return p.parents[n] }

// FunctionAround returns the function that a node is in, or nil; a function is not in itself.
func (p *Package) FunctionAround(n ast.Node) ast.Node {
	for n = p.parents[n]; n != nil; n = p.parents[n] {
		if funcType(n) != nil {
			return n
		}
	}
	return nil
}

// BodyOf returns what an operation makes of a function, or nil.
func (p *Package) BodyOf(fn ast.Node) *Body { return p.bodies[fn] }

// BodyAround returns the innermost body around a node that a replay skips, or nil.
func (p *Package) BodyAround(n ast.Node) *Body {
	for fn := p.FunctionAround(n); fn != nil; fn = p.FunctionAround(fn) {
		if b := p.bodies[fn]; b != nil && b.Skips {
			return b
		}
	}
	return nil
}

// Workflow returns the outermost function around a node that gets a durable context, or is called by one that does; or
// nil.
func (p *Package) Workflow(n ast.Node) (outermost ast.Node) {
	for fn := p.FunctionAround(n); fn != nil; fn = p.FunctionAround(fn) {
		f := p.Code.Function(fn)
		if p.ContextParam(fn) != nil || p.runs[fn] || f != nil && f.Kind == model.Workflow {
			outermost = fn
		}
	}
	return outermost
}

// InStep reports whether a node is in the body of a step, or of something like it.
func (p *Package) InStep(n ast.Node) bool {
	for fn := p.FunctionAround(n); fn != nil; fn = p.FunctionAround(fn) {
		if b := p.bodies[fn]; b != nil && b.Step {
			return true
		}
		if p.ContextParam(fn) != nil {
			return false
		}
	}
	return false
}

// IsContext reports whether values of a type are durable contexts.
func (p *Package) IsContext(t types.Type) bool { return p.Code.IsContext(t) }

// ContextParam returns the parameter of a function that is a durable context, or nil.
func (p *Package) ContextParam(fn ast.Node) *ast.Field {
	for _, field := range funcType(fn).Params.List {
		if p.IsContext(p.TypesInfo.TypeOf(field.Type)) {
			return field
		}
	}
	return nil
}

// What names the operation of a call for people: step "charge".
func (p *Package) What(call *model.Call) string {
	what := word(call)
	if name, ok := p.ConstName(call); ok && name != "" {
		return what + ` "` + name + `"`
	}
	return what
}

func word(call *model.Call) string {
	switch call.Name {
	case "Step":
		return "step"
	case "RunInChildContext":
		return "child context"
	case "AddTask":
		return "task"
	case "RunSaga":
		return "saga"
	case "Saga.Compensate", "Task.Compensate":
		return "compensation"
	case "Start", "NewHandler":
		return "handler"
	}
	return "durable." + call.Name
}

// ConstName returns the name of a call's operation if it is constant.
func (p *Package) ConstName(call *model.Call) (string, bool) {
	arg := call.NameArg()
	if arg == nil {
		return "", false
	}
	return ConstString(p.TypesInfo, arg)
}

// Within reports whether a place is in a node.
func Within(pos token.Pos, n ast.Node) bool { return n != nil && n.Pos() <= pos && pos < n.End() }

func funcType(n ast.Node) *ast.FuncType {
	switch n := n.(type) {
	case *ast.FuncLit:
		return n.Type
	case *ast.FuncDecl:
		return n.Type
	}
	return nil
}

func block(n ast.Node) *ast.BlockStmt {
	switch n := n.(type) {
	case *ast.FuncLit:
		return n.Body
	case *ast.FuncDecl:
		return n.Body
	}
	return nil
}
