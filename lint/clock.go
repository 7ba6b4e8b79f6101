package lint

import (
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/types/typeutil"

	"github.com/perdure/perdure/lint/internal/rule"
)

var clock = rule.New(&rule.Rule{
	Name: "clock",
	Doc:  "finds workflow code that asks for the time, which is another on each run",
	Run: func(p *rule.Pass) {
		for _, f := range p.Code.Workflows() {
			f.Inspect(func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				fn, _ := typeutil.Callee(p.TypesInfo, call).(*types.Func)
				if fn != nil && fn.FullName() == "time.Now" {
					p.ReportNode(call, "time.Now is another on each run; durable.Now gives the time that was recorded")
				}
				return true
			})
		}
	},
})
