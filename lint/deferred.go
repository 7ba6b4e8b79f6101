package lint

import (
	"go/ast"
	"strings"

	"golang.org/x/tools/go/analysis"

	"github.com/perdure/perdure/lint/internal/effects"
	"github.com/perdure/perdure/lint/internal/model"
	"github.com/perdure/perdure/lint/internal/rule"
)

var deferred = rule.New(&rule.Rule{
	Name: "deferred",
	Doc: `finds side effects in deferred functions of workflow code

Deferred functions run whenever an invocation ends, also when it suspends in the middle of the workflow. So they may only
release what the invocation holds. What is to happen at the workflow's end belongs behind its last operation,
compensation behind a check of the error, or into durable.RunSaga. A deferred function that asks for
durable.ErrSuspended, and what it does only after a panic, are left alone: a suspension is none.`,
	Requires: []*analysis.Analyzer{effects.Analyzer},
	Run: func(p *rule.Pass) {
		all := effects.In(p.Pass)
		told := map[ast.Node]bool{}
		for _, use := range all.Uses {
			if use.Deferred && isSideEffect(use.Class) && !releases(use.Object.Name()) && !asksForEnd(p, use.Node) &&
				(use.Class != effects.Output || !p.InTest(use.Node)) {
				told[use.Node] = true
				p.ReportNode(use.Node, subject(all, use)+whenEnds+"; do it in a step, behind the last operation")
			}
		}
		for _, f := range p.Code.Workflows() {
			f.Inspect(func(n ast.Node) bool {
				call := deferredCall(f, n)
				if call != nil && !told[call] && operates(p, call) && !asksForEnd(p, call) {
					p.ReportNode(call, "makes an operation"+whenEnds+", when it does nothing; "+
						"put it behind a check of the error, or use durable.RunSaga")
				}
				return true
			})
		}
	},
})

const whenEnds = " when the function ends, which it does at each suspension, too"

// deferredCall returns the call that a node is, if it happens when the function around it ends.
func deferredCall(f *model.Function, n ast.Node) *ast.CallExpr {
	if d, ok := n.(*ast.DeferStmt); ok && !f.Deferred {
		if _, isLit := ast.Unparen(d.Call.Fun).(*ast.FuncLit); isLit {
			return nil // what is in it is looked at
		}
		return d.Call
	}
	if call, ok := n.(*ast.CallExpr); ok && f.Deferred {
		return call
	}
	return nil
}

// releases reports whether a function is called as those are that release what an invocation holds.
func releases(name string) bool {
	name = name[strings.LastIndexByte(name, '.')+1:]
	switch name {
	case "Close", "Stop", "Release", "Rollback", "Cancel", "Shutdown", "Unlock", "End":
		return true
	}
	return false
}

// asksForEnd reports whether the deferred function around a node asks whether the invocation is suspended.
func asksForEnd(p *rule.Pass, n ast.Node) (asks bool) {
	f := p.Code.At(n.Pos())
	for f != nil && f.Parent != nil && f.Parent.Deferred {
		f = f.Parent
	}
	if f == nil || !f.Deferred {
		return false
	}
	ast.Inspect(f.Body, func(around ast.Node) bool {
		if i, ok := around.(*ast.IfStmt); ok && i.Body.Pos() <= n.Pos() && n.End() <= i.Body.End() {
			asks = asks || recovers(p, i.Init) || recovers(p, i.Cond)
		}
		if id, ok := around.(*ast.Ident); ok {
			obj := p.TypesInfo.Uses[id]
			asks = asks || obj != nil && obj.Name() == "ErrSuspended" && obj.Pkg().Path() == model.Durable
		}
		return !asks
	})
	return asks
}

// recovers reports whether recover is called in a node, which may be nil.
func recovers(p *rule.Pass, n ast.Node) (found bool) {
	if n == nil {
		return false
	}
	ast.Inspect(n, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		found = found || ok && model.IsBuiltin(p.TypesInfo, call, "recover")
		return !found
	})
	return found
}
