package lint

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/types/typeutil"

	"github.com/perdure/perdure/lint/internal/effects"
	"github.com/perdure/perdure/lint/internal/rule"
)

var concurrency = rule.New(&rule.Rule{
	Name: "concurrency",
	Doc: `finds goroutines, channels, select and locks in workflow code

Which goroutine comes first differs from run to run, and a durable context belongs to one goroutine. durable.Go, Map and
Parallel run work beside other work, each with a context of its own; durable.All, Any, Race and Select wait for it, and
what they decide is recorded. Goroutines are fine in steps.`,
	Requires: []*analysis.Analyzer{effects.Analyzer},
	Run: func(p *rule.Pass) {
		for _, f := range p.Code.Workflows() {
			if !p.InTest(f.Node) { // tests watch their workflows by channels
				f.Inspect(func(n ast.Node) bool { return concurrent(p, n) })
			}
		}
		all := effects.In(p.Pass)
		for _, use := range all.Uses {
			if use.Class == effects.Threads && !p.InTest(use.Node) {
				p.ReportNode(use.Node, subject(all, use)+": goroutines run in another order on each run; "+
					"use durable.Go, Map or Parallel, or do it in a step")
			}
		}
	},
})

const channelWait = "waits for a channel, and the invocation cannot suspend; wait for a durable.Future"

// concurrent reports the finding that a node is, if it is one, and whether to look into it.
func concurrent(p *rule.Pass, n ast.Node) bool {
	switch n := n.(type) {
	case *ast.GoStmt:
		p.ReportNode(n, "starts a goroutine, which has no durable context and comes in another order on each run; "+
			"use durable.Go")
		return false
	case *ast.SelectStmt:
		p.ReportNode(n, "selects among channels, which are ready in another order on each run; use durable.Select")
		for _, clause := range n.Body.List {
			for _, s := range clause.(*ast.CommClause).Body {
				ast.Inspect(s, func(n ast.Node) bool {
					_, isFunc := n.(*ast.FuncLit)
					return n != nil && !isFunc && concurrent(p, n)
				})
			}
		}
		return false
	case *ast.SendStmt:
		p.ReportNode(n, "sends to a channel, and each run does so again; return a result from durable.Go")
	case *ast.UnaryExpr:
		if n.Op == token.ARROW && !isTimerChannel(p, n.X) {
			p.ReportNode(n, channelWait)
		}
	case *ast.RangeStmt:
		if _, ok := p.TypesInfo.TypeOf(n.X).Underlying().(*types.Chan); ok {
			p.ReportNode(n.X, channelWait)
		}
	case *ast.CallExpr:
		if what := shared(p, n); what != "" {
			p.ReportNode(n, "calls "+what+": a lock is lost with the invocation, and what goroutines share is "+
				"in another order on each run; pass results on, from durable.Go")
		}
	}
	return true
}

// isTimerChannel reports whether a channel comes from a call that the rule clock reports.
func isTimerChannel(p *rule.Pass, x ast.Expr) bool {
	call, ok := ast.Unparen(x).(*ast.CallExpr)
	if !ok {
		return false
	}
	fn, _ := typeutil.Callee(p.TypesInfo, call).(*types.Func)
	return fn != nil && fn.Pkg() != nil && fn.Pkg().Path() == "time"
}

// shared returns the function of package sync, or of one below it, that a call calls. One that only ends what another
// began is not told again.
func shared(p *rule.Pass, call *ast.CallExpr) string {
	fn, _ := typeutil.Callee(p.TypesInfo, call).(*types.Func)
	if fn == nil || fn.Pkg() == nil {
		return ""
	}
	path := fn.Pkg().Path()
	if path != "sync" && path != "sync/atomic" && !strings.HasPrefix(path, "golang.org/x/sync/") {
		return ""
	}
	switch fn.Name() {
	case "Unlock", "RUnlock", "Done", "Add", "Release", "RLocker", "OnceFunc", "OnceValue", "OnceValues", "NewCond",
		"WithContext", "SetLimit", "NewWeighted":
		if path != "sync/atomic" {
			return ""
		}
	case "Go", "TryGo":
		if path != "sync" {
			return "" // an effect
		}
	}
	name := fn.Pkg().Name() + "."
	if recv := fn.Signature().Recv(); recv != nil {
		t := recv.Type()
		if ptr, ok := t.(*types.Pointer); ok {
			t = ptr.Elem()
		}
		if named, ok := types.Unalias(t).(*types.Named); ok {
			name += named.Obj().Name() + "."
		}
	}
	return name + fn.Name()
}
