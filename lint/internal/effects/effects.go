// Package effects finds what functions do that differs from run to run, or repeats what an earlier run did: directly,
// or by way of other functions, here and in other packages.
package effects

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"

	"github.com/perdure/perdure/lint/internal/model"
	"github.com/perdure/perdure/lint/internal/order"
)

// maxChain is how many functions a finding names on the way to the effect.
const maxChain = 5

// An Effect is one thing that a function does.
type Effect struct {
	Class Class
	What  string // "time.Now"
	Chain string // from the function on, "which calls time.Now at price.go:12"; empty if it is What itself
}

// depth is how many calls the effect is away from the function.
func (x Effect) depth() int { return strings.Count(x.Chain, "which ") }

// Summary is the fact about a package: its functions and variables with effects, in the order of their keys.
type Summary struct{ Of []Named }

// Named are the effects of one function or variable, one of each class.
type Named struct {
	Key     string // see [Key]
	Effects []Effect
}

// AFact implements [analysis.Fact].
func (*Summary) AFact() {}

func (s *Summary) String() string { return fmt.Sprintf("%d functions with effects", len(s.Of)) }

// Effects are those of a package's functions, and of all that they call.
type Effects struct {
	pass     *analysis.Pass
	code     *model.Code
	own      map[types.Object][]Effect
	imported map[*types.Package]*Summary
	fields   map[types.Object]*node // those that functions are put into
	valued   map[types.Object]bool  // fields, and variables of the package, whose functions are known

	// Uses are those in the package's workflow code.
	Uses []Use
}

// Analyzer finds the Effects of a package. It has facts, and looks at every package outside of the standard library
// that may be linked into a durable function, so it is quick: one look at each function.
var Analyzer = &analysis.Analyzer{
	Name:       "perdureeffects",
	Doc:        "finds what functions do that differs from run to run",
	Requires:   []*analysis.Analyzer{model.Analyzer},
	Run:        func(pass *analysis.Pass) (any, error) { return find(pass), nil },
	ResultType: reflect.TypeFor[*Effects](),
	FactTypes:  []analysis.Fact{new(Summary)},
}

// In returns the Effects of the package of a pass, whose analyzer requires [Analyzer].
func In(pass *analysis.Pass) *Effects { return pass.ResultOf[Analyzer].(*Effects) }

// node is a function or variable of the package, and what it uses.
type node struct {
	obj    types.Object
	decl   *ast.FuncDecl // nil for variables
	maps   bool          // it may get at the entries of a map
	calls  []edge
	direct []Effect
	// guesses are calls of what may turn out to be unknown.
	guesses []edge
}

type edge struct {
	to types.Object
	at token.Pos
}

func find(pass *analysis.Pass) *Effects {
	e := &Effects{pass: pass, code: model.Of(pass), own: map[types.Object][]Effect{},
		imported: map[*types.Package]*Summary{}, fields: map[types.Object]*node{}, valued: map[types.Object]bool{}}
	path := pass.Pkg.Path()
	isHarmless := slices.ContainsFunc(harmless, func(m string) bool { return strings.HasPrefix(path, m) })
	if model.IsStandard(path) || model.IsDurable(path) || isHarmless || !e.possible() {
		return e
	}
	var nodes []*node
	for _, file := range pass.Files {
		for _, decl := range file.Decls {
			nodes = append(nodes, e.nodes(decl)...)
		}
	}
	for _, n := range e.fields {
		nodes = append(nodes, n)
	}
	slices.SortStableFunc(nodes, func(a, b *node) int { return int(a.obj.Pos() - b.obj.Pos()) })
	for _, n := range nodes {
		for _, c := range n.guesses {
			if class := e.guess(c.to); class != None {
				n.direct = append(n.direct, e.via(Effect{Class: class}, c))
			}
		}
	}
	e.propagate(nodes)
	e.orders(nodes)
	e.export()
	if e.code.Used {
		e.findUses()
	}
	return e
}

// possible reports whether a package may have effects: it imports some, or is of the module that is looked at.
func (e *Effects) possible() bool {
	m := e.pass.Module
	isOurs := m != nil && m.Path != "" && m.Version == ""
	return e.code.Used || isOurs || slices.ContainsFunc(e.pass.Pkg.Imports(), func(p *types.Package) bool {
		_, isSource := rooms[p.Path()]
		return isSource || e.summary(p) != nil
	})
}

// export makes the effects of what other packages can name a fact.
func (e *Effects) export() {
	s := &Summary{}
	for obj, all := range e.own {
		if obj.Exported() && e.fields[obj] == nil {
			s.Of = append(s.Of, Named{Key(obj), all})
		}
	}
	slices.SortFunc(s.Of, func(a, b Named) int { return strings.Compare(a.Key, b.Key) })
	if len(s.Of) > 0 {
		e.pass.ExportPackageFact(s)
	}
}

// summary returns the fact about another package, or nil.
func (e *Effects) summary(pkg *types.Package) *Summary {
	if model.IsStandard(pkg.Path()) {
		return nil
	}
	s, known := e.imported[pkg]
	if !known {
		s = new(Summary)
		if !e.pass.ImportPackageFact(pkg, s) {
			s = nil
		}
		e.imported[pkg] = s
	}
	return s
}

// Of returns the effects of using a function, method or variable: of calling it, or of reading it.
func (e *Effects) Of(obj types.Object) []Effect {
	return slices.DeleteFunc(slices.Clone(e.known(obj)), func(x Effect) bool { return x.Class == Order })
}

// known is [Effects.Of] with what only concerns the result.
func (e *Effects) known(obj types.Object) []Effect {
	obj = origin(obj)
	if obj.Pkg() == nil {
		return builtin(obj)
	}
	if obj.Pkg() == e.pass.Pkg {
		return e.own[obj]
	}
	if class := sourceOf(obj); class != None {
		return []Effect{{Class: class, What: name(obj, nil)}}
	}
	s := e.summary(obj.Pkg())
	if s == nil {
		return nil
	}
	i, ok := slices.BinarySearchFunc(s.Of, Key(obj), func(n Named, k string) int { return strings.Compare(n.Key, k) })
	if !ok {
		return nil
	}
	all := s.Of[i].Effects
	if e.sameModule(obj.Pkg()) {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(x Effect) bool { return x.depth() > farthest[x.Class] })
}

// origin is what an object of an instance is of, without the type arguments.
func origin(obj types.Object) types.Object {
	switch o := obj.(type) {
	case *types.Func:
		return o.Origin()
	case *types.Var:
		return o.Origin()
	}
	return obj
}

func builtin(obj types.Object) []Effect {
	if _, ok := obj.(*types.Builtin); ok && (obj.Name() == "print" || obj.Name() == "println") {
		return []Effect{{Class: Output, What: obj.Name()}}
	}
	return nil
}

// sameModule reports whether a package is of the module that is looked at.
func (e *Effects) sameModule(pkg *types.Package) bool {
	m := e.pass.Module
	return m == nil || m.Path == "" || pkg.Path() == m.Path || strings.HasPrefix(pkg.Path(), m.Path+"/")
}

// farthest is how many calls away an effect may be in another module: what is deep down there, such as a cache that
// looks at the clock, is seldom what its caller gets. The environment, output and goroutines of others are theirs.
var farthest = map[Class]int{IO: maxChain, Random: maxChain, Clock: 2}

// harmless are modules that let their callers notice nothing of the time and the randomness in them.
var harmless = []string{"github.com/google/go-cmp/", "github.com/stretchr/testify/", "google.golang.org/protobuf/"}

// propagate gives each node the effects of what it calls, by the shortest way.
func (e *Effects) propagate(nodes []*node) {
	callers := map[types.Object][]*node{}
	var queue []types.Object
	for _, n := range nodes {
		for _, x := range n.direct {
			e.add(n.obj, x)
		}
		if len(n.direct) > 0 {
			queue = append(queue, n.obj)
		}
		for _, c := range n.calls {
			callers[c.to] = append(callers[c.to], n)
		}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		for _, n := range callers[queue[0]] {
			grew := false
			for _, c := range n.calls {
				if c.to == queue[0] {
					for _, x := range e.own[c.to] {
						grew = e.add(n.obj, e.via(x, c)) || grew
					}
					break
				}
			}
			if grew {
				queue = append(queue, n.obj)
			}
		}
	}
}

// orders finds the functions that return what is in the order of a map. Their callers may sort it, so it is not
// propagated as other effects are.
func (e *Effects) orders(nodes []*node) {
	for more := true; more; {
		more = false
		for _, n := range nodes {
			if n.decl == nil || n.decl.Type.Results == nil || e.Unordered(n.obj) != "" || !n.maps &&
				!slices.ContainsFunc(n.calls, func(c edge) bool { return e.Unordered(c.to) != "" }) {
				continue
			}
			fn := &order.Function{Info: e.pass.TypesInfo, Type: n.decl.Type, Body: n.decl.Body,
				Operates:    func(*ast.CallExpr) bool { return false },
				IsUnordered: func(fn *types.Func) bool { return e.Unordered(fn) != "" }}
			for _, leak := range order.Find(fn) {
				if fn.Returns(leak) {
					at := place(e.pass.Fset.Position(leak.At.Pos()))
					chain := "which returns what is in the order of a map at " + at
					more = e.add(n.obj, Effect{Class: Order, Chain: chain})
					break
				}
			}
		}
	}
}

// Unordered says where a function returns what is in the order of a map; "" if it does not.
func (e *Effects) Unordered(fn types.Object) string {
	for _, x := range e.known(fn) {
		if x.Class == Order {
			return x.Chain
		}
	}
	return ""
}

// add adds an effect, and reports whether it is the first of its class.
func (e *Effects) add(obj types.Object, x Effect) bool {
	if slices.ContainsFunc(e.own[obj], func(y Effect) bool { return y.Class == x.Class }) {
		return false
	}
	e.own[obj] = append(e.own[obj], x)
	return true
}

// via is an effect as the caller of a function has it.
func (e *Effects) via(x Effect, c edge) Effect {
	at := e.pass.Fset.Position(c.at)
	step := fmt.Sprintf("which %s %s at %s", verb(c.to), name(c.to, e.pass.Pkg), place(at))
	switch {
	case x.Chain == "":
		x.Chain = step
	case x.depth() < maxChain:
		x.Chain = step + ", " + x.Chain
	}
	return x
}

func verb(obj types.Object) string {
	if v, ok := obj.(*types.Var); ok {
		if _, isFunc := v.Type().Underlying().(*types.Signature); !isFunc {
			return "uses"
		}
	}
	return "calls"
}

// name names an object for people who read code of a package.
func name(obj types.Object, in *types.Package) string {
	if obj.Pkg() == nil || obj.Pkg() == in {
		return Key(obj)
	}
	return obj.Pkg().Name() + "." + Key(obj)
}

// Name names an object for people who read the package.
func (e *Effects) Name(obj types.Object) string { return name(obj, e.pass.Pkg) }

// nodes returns the functions and variables of a declaration.
func (e *Effects) nodes(decl ast.Decl) (all []*node) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		obj := e.pass.TypesInfo.Defs[d.Name]
		f := e.code.Function(d)
		if d.Body == nil || obj == nil || f != nil && f.Kind != model.Plain {
			return nil // what is wrong with workflow code is reported where it stands
		}
		n := &node{obj: obj, decl: d}
		e.body(n, d.Body)
		return []*node{n}
	case *ast.GenDecl:
		if d.Tok != token.VAR {
			return nil
		}
		for _, spec := range d.Specs {
			s := spec.(*ast.ValueSpec)
			for i, id := range s.Names {
				if obj := e.pass.TypesInfo.Defs[id]; obj != nil && len(s.Values) == len(s.Names) {
					all = append(all, e.variable(obj, s.Values[i]))
				}
			}
		}
	}
	return all
}

// variable is a variable of the package as a node: a function, of which calls have the effects, or a value, which was
// made by an effect, and is another in each process.
func (e *Effects) variable(obj types.Object, value ast.Expr) *node {
	n := &node{obj: obj}
	if _, isFunc := obj.Type().Underlying().(*types.Signature); isFunc {
		switch x := ast.Unparen(value).(type) {
		case *ast.FuncLit:
			e.valued[obj] = true
			if f := e.code.Function(x); f == nil || f.Kind == model.Plain {
				e.body(n, x.Body)
			}
		case *ast.Ident, *ast.SelectorExpr:
			if used := e.pass.TypesInfo.Uses[ident(x)]; used != nil {
				e.valued[obj] = true
				e.use(n, used, value.Pos())
			}
		}
		return n
	}
	e.body(n, value)
	n.calls = nil
	n.direct = slices.DeleteFunc(n.direct, func(x Effect) bool { return x.Class != Clock && x.Class != Random })
	return n
}

func place(at token.Position) string {
	return fmt.Sprintf("%s:%d", filepath.Base(at.Filename), at.Line)
}
