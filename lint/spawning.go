package lint

import (
	"fmt"
	"go/ast"
	"go/types"
	"reflect"
	"slices"

	"golang.org/x/tools/go/analysis"

	"github.com/perdure/perdure/lint/internal/usage"
)

// spawning finds which functions run their parameters on other goroutines, and leaves facts about it.
var spawning = &analysis.Analyzer{
	Name:       "perdurespawns",
	Doc:        "find functions that run what they are given on other goroutines",
	Requires:   []*analysis.Analyzer{usage.Analyzer},
	ResultType: reflect.TypeFor[*spawns](),
	FactTypes:  []analysis.Fact{new(spawnsParams)},
	Run:        func(pass *analysis.Pass) (any, error) { return findSpawns(pass, usage.Of(pass)), nil },
}

// spawnsParams says which parameters of a function run on other goroutines.
type spawnsParams struct{ Places []int }

func (*spawnsParams) AFact()           {}
func (f *spawnsParams) String() string { return fmt.Sprint("spawns", f.Places) }

type spawns struct {
	pass  *analysis.Pass
	known map[*types.Func]*spawnsParams
}

func findSpawns(pass *analysis.Pass, p *usage.Package) *spawns {
	s := &spawns{pass: pass, known: make(map[*types.Func]*spawnsParams)}
	if p == nil {
		return s
	}
	for _, fn := range p.Declared {
		if f := s.of(p, fn); len(f.Places) > 0 {
			pass.ExportObjectFact(fn, f)
		}
	}
	return s
}

// spawners are functions of others that run a parameter on another goroutine.
var spawners = map[string]int{
	"time.AfterFunc": 1, "context.AfterFunc": 1, "(*sync.WaitGroup).Go": 0,
	"(*golang.org/x/sync/errgroup.Group).Go": 0, "(*golang.org/x/sync/errgroup.Group).TryGo": 0,
	"(*golang.org/x/sync/singleflight.Group).DoChan": 1,
	"net/http.HandleFunc":                            1, "(*net/http.ServeMux).HandleFunc": 1,
	"runtime.SetFinalizer": 1, "runtime.AddCleanup": 1,
}

func (s *spawns) of(p *usage.Package, fn *types.Func) *spawnsParams {
	if f := s.known[fn]; f != nil {
		return f
	}
	f := new(spawnsParams)
	s.known[fn] = f
	decl := p.Decl(fn)
	if i, ok := spawners[fn.FullName()]; ok {
		f.Places = []int{i}
		return f
	}
	if decl == nil {
		if fn.Pkg() != nil {
			s.pass.ImportObjectFact(fn, f)
		}
		return f
	}
	params := fn.Signature().Params()
	for i := range params.Len() {
		if _, ok := params.At(i).Type().Underlying().(*types.Signature); ok && s.runs(p, decl, params.At(i)) {
			f.Places = append(f.Places, i)
		}
	}
	return f
}

// runs reports whether a function runs its parameter on another goroutine.
func (s *spawns) runs(p *usage.Package, decl *ast.FuncDecl, param *types.Var) (found bool) {
	ast.Inspect(decl.Body, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok || p.TypesInfo.Uses[id] != param {
			return !found
		}
		if s.starts(p, id) {
			found = true
		}
		for fn := p.FunctionAround(id); fn != nil && fn != ast.Node(decl); fn = p.FunctionAround(fn) {
			found = found || s.starts(p, fn)
		}
		return !found
	})
	return found
}

// starts reports whether a function, a literal or a variable, is run on another goroutine where it stands.
func (s *spawns) starts(p *usage.Package, fn ast.Node) bool {
	e, ok := fn.(ast.Expr)
	if !ok {
		return false
	}
	call, ok := p.Parent(e).(*ast.CallExpr)
	if !ok {
		return s.isStartedLater(p, e)
	}
	if call.Fun == e {
		_, ok := p.Parent(call).(*ast.GoStmt)
		return ok
	}
	if p.TypesInfo.Types[call.Fun].IsType() { // a conversion, such as http.HandlerFunc
		return types.Unalias(p.TypesInfo.TypeOf(call.Fun)).String() == "net/http.HandlerFunc" || s.starts(p, call)
	}
	callee := p.Callee(call)
	return callee != nil && slices.Contains(s.of(p, callee).Places, slices.Index(call.Args, e))
}

// isStartedLater reports whether a literal is given to a variable that a go statement starts.
func (s *spawns) isStartedLater(p *usage.Package, e ast.Expr) (found bool) {
	if _, ok := e.(*ast.FuncLit); !ok {
		return false
	}
	assign, ok := p.Parent(e).(*ast.AssignStmt)
	if !ok || len(assign.Lhs) != 1 {
		return false
	}
	id, ok := assign.Lhs[0].(*ast.Ident)
	if !ok {
		return false
	}
	obj := p.TypesInfo.ObjectOf(id)
	ast.Inspect(p.Parent(assign), func(n ast.Node) bool {
		if use, ok := n.(*ast.Ident); ok && p.TypesInfo.Uses[use] == obj && use != id {
			found = found || s.starts(p, use)
		}
		return !found
	})
	return found
}
