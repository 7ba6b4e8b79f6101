package lint

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"

	"golang.org/x/tools/go/analysis"

	"github.com/perdure/perdure/lint/internal/effects"
	"github.com/perdure/perdure/lint/internal/model"
	"github.com/perdure/perdure/lint/internal/rule"
)

var globals = rule.New(&rule.Rule{
	Name: "globals",
	Doc: `finds workflow code that writes variables of packages, or reads those that change

An execution goes on in other processes, in which such a variable has another value, and each run writes it again. Keep
what a workflow knows in its own variables, and what must survive in results of steps. Functions that a workflow calls
are told of if they add to such a variable; so are handlers that write their receiver, or a variable from around them.
Variables that only init functions and main write are left alone, and pointers and interfaces, which steps use.`,
	Requires: []*analysis.Analyzer{effects.Analyzer},
	Run: func(p *rule.Pass) {
		all := effects.In(p.Pass)
		for _, use := range all.Uses {
			if use.Class == effects.State && !p.InTest(use.Node) {
				p.ReportNode(use.Node, subject(all, use)+eachRun)
			}
		}
		checkHandlers(p)
		w := findWriters(p)
		for _, f := range p.Code.Workflows() {
			if p.InTest(f.Node) {
				continue // tests count what happens
			}
			f.Inspect(func(n ast.Node) bool {
				for _, target := range written(p, n) {
					w.targets[target.id] = true
					p.ReportNode(target.expr, "writes "+target.name(p)+", a variable of the package"+eachRun)
				}
				return true
			})
			f.Inspect(func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok && !w.targets[id] {
					w.read(p, id)
				}
				return true
			})
		}
	},
})

// eachRun says what is wrong with a write to what outlives the run.
const eachRun = ": each run writes it again, and other processes have their own; keep it in the workflow, or in a " +
	"step's result"

// checkHandlers looks for handlers that write what all executions share: fields of their receiver, and variables from
// around them.
func checkHandlers(p *rule.Pass) {
	for _, f := range p.Code.Workflows() {
		shared := sharedBy(p, f)
		if shared == nil || p.InTest(f.Node) {
			continue
		}
		f.Inspect(func(n ast.Node) bool {
			for _, x := range writes(p, n) {
				if id := effects.Root(p.TypesInfo, x); id != nil && shared(p.TypesInfo.Uses[id], x == ast.Expr(id)) {
					p.ReportNode(x, "writes "+types.ExprString(x)+", which all executions in the process share"+eachRun)
				}
			}
			return true
		})
	}
}

// sharedBy tells of variables whether all runs of a handler share what they hold; nil if the function is no handler, or
// shares nothing.
func sharedBy(p *rule.Pass, f *model.Function) func(obj types.Object, whole bool) bool {
	if f.Of.Handles() {
		return func(obj types.Object, _ bool) bool {
			v, ok := obj.(*types.Var)
			return ok && !isPackageVariable(v) && !(f.Node.Pos() <= v.Pos() && v.Pos() < f.Node.End())
		}
	}
	if f.Object == nil || f.Object.Signature().Recv() == nil || !p.Code.Handles(f.Object) {
		return nil
	}
	recv := f.Object.Signature().Recv()
	if _, isPointer := types.Unalias(recv.Type()).(*types.Pointer); !isPointer {
		return nil
	}
	return func(obj types.Object, whole bool) bool { return obj == recv && !whole }
}

// writers are the functions that write variables of the package, beside those that run before any execution.
type writers struct {
	of      map[types.Object]*ast.Ident // where each variable is written
	in      map[types.Object]string     // the function that does
	targets map[*ast.Ident]bool         // mentions that are told as written
}

// target is a variable of a package that a statement writes.
type target struct {
	id   *ast.Ident // the variable's name
	expr ast.Expr   // what is written: the variable, or a part of it
}

func (t target) name(p *rule.Pass) string {
	obj := p.TypesInfo.Uses[t.id]
	if obj.Pkg() == p.Pkg {
		return obj.Name()
	}
	return obj.Pkg().Name() + "." + obj.Name()
}

// written returns the variables of packages that a node writes.
func written(p *rule.Pass, n ast.Node) (all []target) {
	for _, x := range writes(p, n) {
		if id := root(p, x); id != nil {
			all = append(all, target{id, x})
		}
	}
	return all
}

// writes returns what a node writes.
func writes(p *rule.Pass, n ast.Node) (all []ast.Expr) {
	add := func(x ast.Expr) { all = append(all, x) }
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			for _, lhs := range n.Lhs {
				add(lhs)
			}
		}
	case *ast.IncDecStmt:
		add(n.X)
	case *ast.CallExpr:
		if x := effects.Counted(p.TypesInfo, n); x != nil {
			add(x)
		}
		if model.IsBuiltin(p.TypesInfo, n, "delete", "clear", "copy") {
			add(n.Args[0])
		}
	}
	return all
}

// root returns the name of the package's variable that an expression is a part of, or nil.
func root(p *rule.Pass, x ast.Expr) *ast.Ident {
	id := effects.Root(p.TypesInfo, x)
	if id == nil || !isPackageVariable(p.TypesInfo.Uses[id].(*types.Var)) {
		return nil
	}
	return id
}

func isPackageVariable(v *types.Var) bool { return v.Pkg() != nil && v.Parent() == v.Pkg().Scope() }

// findWriters looks for functions that write variables of the package.
func findWriters(p *rule.Pass) *writers {
	w := &writers{of: map[types.Object]*ast.Ident{}, in: map[types.Object]string{}, targets: map[*ast.Ident]bool{}}
	early := beforeStart(p)
	for _, file := range p.Files {
		for _, decl := range file.Decls {
			d, ok := decl.(*ast.FuncDecl)
			if !ok || d.Body == nil || p.InTest(d) {
				continue
			}
			ast.Inspect(d.Body, func(n ast.Node) bool {
				if lit, ok := n.(*ast.FuncLit); ok && early[d] && p.Code.Function(lit).Kind == model.Plain {
					return false // it is set up with the rest
				}
				if early[d] && p.Code.At(d.Body.Pos()) == innermost(p, n) {
					return true
				}
				for _, t := range written(p, n) {
					obj := p.TypesInfo.Uses[t.id]
					if w.of[obj] == nil {
						w.of[obj], w.in[obj] = t.id, d.Name.Name
					}
				}
				return true
			})
		}
	}
	return w
}

func innermost(p *rule.Pass, n ast.Node) *model.Function {
	if n == nil {
		return nil
	}
	return p.Code.At(n.Pos())
}

// beforeStart returns the functions that run before any execution: init, main, and what only those call.
func beforeStart(p *rule.Pass) map[*ast.FuncDecl]bool {
	callers := map[types.Object]map[*ast.FuncDecl]bool{} // who mentions a function
	decls := map[types.Object]*ast.FuncDecl{}
	for _, f := range p.Code.Functions {
		d, ok := f.Node.(*ast.FuncDecl)
		if !ok {
			continue
		}
		decls[f.Object] = d
		ast.Inspect(d.Body, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				if fn, ok := p.TypesInfo.Uses[id].(*types.Func); ok && fn.Pkg() == p.Pkg {
					if callers[fn] == nil {
						callers[fn] = map[*ast.FuncDecl]bool{}
					}
					callers[fn][d] = true
				}
			}
			return true
		})
	}
	early := map[*ast.FuncDecl]bool{}
	for more := true; more; {
		more = false
		for obj, d := range decls {
			if early[d] || !isEarly(d, obj, callers[obj], early) {
				continue
			}
			early[d], more = true, true
		}
	}
	return early
}

func isEarly(d *ast.FuncDecl, obj types.Object, callers, early map[*ast.FuncDecl]bool) bool {
	if d.Recv == nil && (d.Name.Name == "init" || d.Name.Name == "main" && obj.Pkg().Name() == "main") {
		return true
	}
	if len(callers) == 0 || obj.Exported() {
		return false
	}
	for c := range callers {
		if !early[c] {
			return false
		}
	}
	return true
}

// read reports the read of a variable that some function writes, if its value is what matters.
func (w *writers) read(p *rule.Pass, id *ast.Ident) {
	v, ok := p.TypesInfo.Uses[id].(*types.Var)
	if !ok || w.of[v] == nil {
		return
	}
	switch v.Type().Underlying().(type) {
	case *types.Pointer, *types.Interface, *types.Signature, *types.Chan:
		return
	}
	at := p.Fset.Position(w.of[v].Pos())
	p.ReportNode(id, fmt.Sprintf("reads %s, which %s writes at %s:%d: it may be another on each run; pass it in the "+
		"execution's input, or read it in a step", v.Name(), w.in[v], filepath.Base(at.Filename), at.Line))
}
