package lint

import (
	"golang.org/x/tools/go/analysis"

	"github.com/perdure/perdure/lint/internal/effects"
	"github.com/perdure/perdure/lint/internal/rule"
)

var random = (&effectRule{
	name: "random",
	doc: `finds workflow code that draws random numbers, ids or keys

Workflow code runs again in each invocation, and draws others then. durable.Rand and durable.UUID give the same on
each run. They are no secrets: draw keys and tokens in a step, which records them.`,
	inTests: true,
	classes: []effects.Class{effects.Random},
	why: func(use effects.Use) string {
		if use.Object.Pkg() != nil && use.Object.Pkg().Path() == uuidPackage {
			return "the id is another on each run; use durable.UUID, or a step"
		}
		return "it is another on each run; use durable.Rand or durable.UUID, or a step for secrets"
	},
	fix: fixRandom,
}).analyzer()

const uuidPackage = "github.com/google/uuid"

// fixRandom has code draw from durable.Rand, whose methods are called as the functions of math/rand/v2 are, and take
// ids from durable.UUID.
func fixRandom(p *rule.Pass, use effects.Use) []analysis.SuggestedFix {
	durable, ctx, ok := contextFor(p, use.Node)
	if !ok || use.Call == nil {
		return nil
	}
	const what = "Draw what is the same on each run"
	pkg, name := use.Object.Pkg().Path(), use.Object.Name()
	switch {
	case pkg == uuidPackage && name == "NewString":
		return []analysis.SuggestedFix{rule.Replace(use.Node, what, durable+".UUID("+ctx+")")}
	case pkg == "math/rand/v2" && name != "N":
		return []analysis.SuggestedFix{rule.Replace(use.Call.Fun, what, durable+".Rand("+ctx+")."+name)}
	}
	return nil
}
