package lint

import (
	"go/ast"
	"go/types"
	"slices"

	"golang.org/x/tools/go/analysis"

	"github.com/perdure/perdure/lint/internal/effects"
	"github.com/perdure/perdure/lint/internal/rule"
)

// An effectRule is a rule about workflow code that does what belongs into steps, itself or by way of what it calls.
type effectRule struct {
	name, doc string
	classes   []effects.Class
	// why says of a use what is wrong with it, and what to do.
	why func(use effects.Use) string
	fix func(p *rule.Pass, use effects.Use) []analysis.SuggestedFix // may be nil
	// inTests is whether it is a rule for the code of tests, too: they measure, print and look at their machine.
	inTests bool
}

func (r *effectRule) analyzer() *analysis.Analyzer {
	return rule.New(&rule.Rule{
		Name:     r.name,
		Doc:      r.doc,
		Requires: []*analysis.Analyzer{effects.Analyzer},
		Run: func(p *rule.Pass) {
			all := effects.In(p.Pass)
			for _, use := range all.Uses {
				if !slices.Contains(r.classes, use.Class) || use.Deferred && isSideEffect(use.Class) {
					continue // the rule deferred has more to say
				}
				if !r.inTests && p.InTest(use.Node) {
					continue
				}
				var fixes []analysis.SuggestedFix
				if r.fix != nil && use.Chain == "" {
					fixes = r.fix(p, use)
				}
				p.ReportNode(use.Node, subject(all, use)+": "+r.why(use), fixes...)
			}
		},
	})
}

// isSideEffect reports whether an effect is one on the world.
func isSideEffect(c effects.Class) bool {
	return c == effects.IO || c == effects.Output || c == effects.Opaque
}

// subject says what code uses: "calls price.Quote, which calls time.Now at price.go:12".
func subject(all *effects.Effects, use effects.Use) string {
	verb := "uses "
	if use.Call != nil {
		verb = "calls "
	}
	text := verb + all.Name(use.Object)
	if use.Chain != "" {
		text += ", " + use.Chain
	}
	return text
}

// contextFor returns what names package durable and the durable context in code at a node; ok is false if either has
// no name there.
func contextFor(p *rule.Pass, n ast.Node) (durable, ctx string, ok bool) {
	ctx = p.Code.ContextName(n.Pos())
	durable = p.Code.PackageName(n.Pos())
	return durable, ctx, ctx != "" && durable != ""
}

// text returns the source of a node.
func text(p *rule.Pass, n ast.Node) string {
	start, end := p.Fset.Position(n.Pos()), p.Fset.Position(n.End())
	src, err := p.ReadFile(start.Filename)
	if err != nil || end.Offset > len(src) {
		return ""
	}
	return string(src[start.Offset:end.Offset])
}

// isString reports whether an expression is a string.
func isString(p *rule.Pass, x ast.Expr) bool {
	basic, ok := p.TypesInfo.TypeOf(x).Underlying().(*types.Basic)
	return ok && basic.Info()&types.IsString != 0
}
