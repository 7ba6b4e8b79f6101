package lint

import (
	"fmt"
	"go/ast"
	"go/types"
	"reflect"
	"slices"

	"golang.org/x/tools/go/analysis"

	"github.com/perdure/perdure/lint/internal/model"
	"github.com/perdure/perdure/lint/internal/usage"
)

// passage is where a value has to pass.
type passage int

const (
	outward  passage            = 1 << iota // from here to somewhere else
	inward                                  // from somewhere else to here
	bothWays = outward | inward             // to the history and back
)

// record is a value that passes through the history, or through the service, as JSON.
type record struct {
	call    *ast.CallExpr
	of      *model.Call // nil for a call of a helper
	typ     types.Type
	passage passage
	what    string // for people: the result of step "charge"
}

// recording finds what a package records as JSON, and leaves facts about its generic functions.
var recording = &analysis.Analyzer{
	Name:       "perdurerecords",
	Doc:        "find the types of values that are recorded",
	Requires:   []*analysis.Analyzer{usage.Analyzer},
	ResultType: reflect.TypeFor[*records](),
	FactTypes:  []analysis.Fact{new(recordsParams)},
	Run:        func(pass *analysis.Pass) (any, error) { return findRecords(pass, usage.Of(pass)), nil },
}

// recordsParams says which type parameters of a function are the types of values that it records.
type recordsParams struct{ Params []recordsParam }

type recordsParam struct {
	Index   int
	Passage passage
}

func (*recordsParams) AFact()           {}
func (f *recordsParams) String() string { return fmt.Sprint("records", f.Params) }

type records struct {
	*usage.Package
	all []record

	pass    *analysis.Pass
	custom  bool // some handler, or part of one, has a Serdes of its own
	generic map[*types.Func]*recordsParams
}

func findRecords(pass *analysis.Pass, p *usage.Package) *records {
	r := &records{Package: p, pass: pass, generic: make(map[*types.Func]*recordsParams)}
	if p == nil {
		return r
	}
	r.custom = r.hasDefaultSerdes()
	for range 8 { // generic functions that call each other, in any order
		r.all = nil
		p.Inspect.Preorder([]ast.Node{(*ast.CallExpr)(nil)}, func(n ast.Node) { r.call(n.(*ast.CallExpr)) })
		if !r.learn() {
			break
		}
	}
	for fn, f := range r.generic {
		pass.ExportObjectFact(fn, f)
	}
	return r
}

// hasDefaultSerdes reports whether WithSerdes is used other than on an operation.
func (r *records) hasDefaultSerdes() bool {
	return slices.ContainsFunc(r.Calls, func(made *model.Call) bool {
		if made.Name != "WithSerdes" || r.isJSON(made.Arg(0)) {
			return false
		}
		call, ok := r.Parent(made.Expr).(*ast.CallExpr)
		if !ok {
			return true
		}
		known := r.CallOf(call)
		return known == nil || known.Group != model.Operation
	})
}

func (r *records) isJSON(e ast.Expr) bool {
	sel, ok := ast.Unparen(e).(*ast.SelectorExpr)
	if !ok {
		return usage.IsNil(r.TypesInfo, e)
	}
	obj := r.TypesInfo.Uses[sel.Sel]
	return obj != nil && obj.Name() == "JSON" && obj.Pkg() != nil && obj.Pkg().Path() == model.Durable
}

func (r *records) call(call *ast.CallExpr) {
	if known := r.CallOf(call); known != nil {
		r.operation(known)
		return
	}
	fn := r.Callee(call)
	args := r.typeArgs(call)
	if fn == nil || fn.Pkg() == nil || args == nil {
		return
	}
	if fn.FullName() == model.Durable+".ErrorType" {
		r.all = append(r.all, record{call, nil, args.At(0), bothWays, "errors of this type"})
		return
	}
	f := r.generic[fn]
	if f == nil {
		f = new(recordsParams)
		if fn.Pkg() == r.Pkg || !r.pass.ImportObjectFact(fn, f) {
			return
		}
	}
	for _, param := range f.Params {
		if param.Index < args.Len() {
			what := "what " + fn.Name() + " records"
			r.all = append(r.all, record{call, nil, args.At(param.Index), param.Passage, what})
		}
	}
}

// typeArgs are the type arguments of a call of a generic function, or of a method of a generic type.
func (r *records) typeArgs(call *ast.CallExpr) *types.TypeList {
	fun := ast.Unparen(call.Fun)
	switch e := fun.(type) {
	case *ast.IndexExpr:
		fun = e.X
	case *ast.IndexListExpr:
		fun = e.X
	}
	switch e := ast.Unparen(fun).(type) {
	case *ast.Ident:
		return r.TypesInfo.Instances[e].TypeArgs
	case *ast.SelectorExpr:
		if args := r.TypesInfo.Instances[e.Sel].TypeArgs; args != nil {
			return args
		}
		_, args := usage.DurableType(r.TypesInfo.TypeOf(e.X))
		return args
	}
	return nil
}

// places says what the type arguments of durable's functions are.
var places = map[string][]struct {
	index   int
	passage passage
	what    string
}{
	"Step":              {{0, bothWays, "the result of"}},
	"WaitForCondition":  {{0, bothWays, "the state of"}},
	"RunInChildContext": {{0, bothWays, "the result of"}},
	"RunSaga":           {{0, bothWays, "the result of"}},
	"Retry":             {{0, bothWays, "the result of"}},
	"Parallel":          {{0, bothWays, "the result of"}},
	"Go":                {{0, bothWays, "the result of"}},
	"AddTask":           {{0, bothWays, "the result of"}},
	"Map":               {{1, bothWays, "the result of"}},
	"CreateCallback":    {{0, inward, "the result of"}},
	"WaitForCallback":   {{0, inward, "the result of"}},
	"Invoke":            {{0, outward, "the payload of"}, {1, inward, "the result of"}},
	"Function.Invoke":   {{0, outward, "the payload of"}, {1, inward, "the result of"}},
	"Start":             {{0, inward, "the input of"}, {1, outward, "the output of"}},
	"NewHandler":        {{0, inward, "the input of"}, {1, outward, "the output of"}},
}

func (r *records) operation(call *model.Call) {
	if r.hasOwnSerdes(call) {
		return
	}
	args := r.typeArgs(call.Expr)
	for _, place := range places[call.Name] {
		if args != nil && place.index < args.Len() {
			what := place.what + " " + r.What(call)
			r.all = append(r.all, record{call.Expr, call, args.At(place.index), place.passage, what})
		}
	}
}

// alwaysJSON are functions whose values are JSON whatever the handler's Serdes.
var alwaysJSON = []string{"Invoke", "Function.Invoke", "CreateCallback", "WaitForCallback", "Start", "NewHandler"}

// hasOwnSerdes reports whether the values of an operation do not pass as JSON, or may not, or do not pass at all.
func (r *records) hasOwnSerdes(call *model.Call) bool {
	if call.Name == "Start" || call.Name == "NewHandler" {
		return false
	}
	if r.custom && !slices.Contains(alwaysJSON, call.Name) || call.Expr.Ellipsis.IsValid() {
		return true
	}
	for _, arg := range call.OptionArgs() {
		e := ast.Unparen(arg)
		if id, ok := e.(*ast.Ident); ok {
			if value := r.Value(r.TypesInfo.Uses[id]); value != nil {
				e = value
			}
		}
		made := r.CallOf(e)
		if made == nil {
			return true // it may be anything
		}
		switch made.Name {
		case "WithSerdes", "WithItemSerdes", "WithPayloadSerdes":
			return !r.isJSON(made.Arg(0))
		case "WithVirtual":
			return true
		}
	}
	return false
}

// learn notes which type parameters of functions here are recorded, and reports whether that is new.
func (r *records) learn() (more bool) {
	for _, rec := range r.all {
		param, ok := types.Unalias(rec.typ).(*types.TypeParam)
		if !ok {
			continue
		}
		fn := r.declared(rec.call)
		if fn == nil || !isOwn(fn, param) {
			continue
		}
		f := r.generic[fn]
		if f == nil {
			f = new(recordsParams)
			r.generic[fn] = f
		}
		if one := (recordsParam{param.Index(), rec.passage}); !slices.Contains(f.Params, one) {
			f.Params, more = append(f.Params, one), true
		}
	}
	return more
}

// declared is the declared function that a node is in.
func (r *records) declared(n ast.Node) *types.Func {
	for fn := r.FunctionAround(n); fn != nil; fn = r.FunctionAround(fn) {
		if decl, ok := fn.(*ast.FuncDecl); ok {
			obj, _ := r.TypesInfo.Defs[decl.Name].(*types.Func)
			return obj
		}
	}
	return nil
}

func isOwn(fn *types.Func, param *types.TypeParam) bool {
	params := fn.Signature().TypeParams()
	return params.Len() > param.Index() && params.At(param.Index()) == param
}
