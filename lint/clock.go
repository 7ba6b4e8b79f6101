package lint

import (
	"go/ast"
	"strings"

	"golang.org/x/tools/go/analysis"

	"github.com/perdure/perdure/lint/internal/effects"
	"github.com/perdure/perdure/lint/internal/rule"
)

var clock = (&effectRule{
	name: "clock",
	doc: `finds workflow code that reads the clock or waits for it

Workflow code runs again in each invocation, at another time. What it decides by time.Now it may decide differently
then, and the execution fails. durable.Now is the time that was recorded, ctx.StartTime that of the execution's start;
durable.Wait waits, durable.WithTimeout ends what takes too long.`,
	classes: []effects.Class{effects.Clock},
	why: func(use effects.Use) string {
		switch {
		case use.Chain != "":
			return "the time is another on each run; do it in a step, or pass it the time from durable.Now"
		case use.Object.Name() == "Sleep":
			return "it sleeps again on each run, and the function is paid for meanwhile; use durable.Wait"
		case strings.HasPrefix(use.Object.Name(), "With"):
			return "the deadline is another on each run; give durable.WithTimeout to an operation"
		case isTimer(use.Object.Name()):
			return "the timer starts anew on each run; use durable.Wait, and durable.Go for what goes on meanwhile"
		}
		return "the time is another on each run; use durable.Now, ctx.StartTime, or a step"
	},
	fix: fixClock,
}).analyzer()

func isTimer(name string) bool {
	switch name {
	case "After", "AfterFunc", "Tick", "NewTimer", "NewTicker":
		return true
	}
	return false
}

// fixClock has code ask durable.Now.
func fixClock(p *rule.Pass, use effects.Use) []analysis.SuggestedFix {
	durable, ctx, ok := contextFor(p, use.Node)
	if !ok || use.Call == nil || use.Object.Pkg().Path() != "time" {
		return nil
	}
	now := durable + ".Now(" + ctx + ")"
	switch use.Object.Name() {
	case "Now":
	case "Since":
		now += ".Sub(" + text(p, use.Call.Args[0]) + ")"
	case "Until":
		moment := text(p, use.Call.Args[0])
		switch use.Call.Args[0].(type) {
		case *ast.Ident, *ast.SelectorExpr, *ast.CallExpr, *ast.IndexExpr, *ast.ParenExpr:
		default:
			moment = "(" + moment + ")"
		}
		now = moment + ".Sub(" + now + ")"
	default:
		return nil
	}
	return []analysis.SuggestedFix{rule.Replace(use.Node, "Use the recorded time", now)}
}
