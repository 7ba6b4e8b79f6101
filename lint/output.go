package lint

import (
	"strings"

	"golang.org/x/tools/go/analysis"

	"github.com/perdure/perdure/lint/internal/effects"
	"github.com/perdure/perdure/lint/internal/rule"
)

var output = (&effectRule{
	name: "output",
	doc: `finds workflow code that prints, or logs to a log that knows nothing of replays

Workflow code runs again in each invocation, and each run writes the line again. ctx.Logger writes it once.`,
	classes: []effects.Class{effects.Output},
	why: func(effects.Use) string {
		return "each run writes it again; use ctx.Logger, which writes it once"
	},
	fix: fixOutput,
}).analyzer()

// fixOutput has code log to the durable logger.
func fixOutput(p *rule.Pass, use effects.Use) []analysis.SuggestedFix {
	_, ctx, ok := contextFor(p, use.Node)
	if !ok || use.Call == nil || use.Deferred {
		return nil
	}
	logger, pkg, name := ctx+".Logger()", use.Object.Pkg(), use.Object.Name()
	const what = "Log with the context's logger"
	switch {
	case pkg == nil:
		return nil
	case pkg.Path() == "log/slog" && name == "Default":
		return []analysis.SuggestedFix{rule.Replace(use.Node, what, logger)}
	case pkg.Path() == "log/slog":
		return []analysis.SuggestedFix{rule.Replace(use.Call.Fun, what, logger+"."+name)}
	case len(use.Call.Args) == 1 && strings.HasPrefix(name, "Print") && isString(p, use.Call.Args[0]) &&
		(pkg.Path() == "fmt" || pkg.Path() == "log"):
		return []analysis.SuggestedFix{rule.Replace(use.Call.Fun, what, logger+".Info")}
	}
	return nil
}
