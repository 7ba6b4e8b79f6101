package lint

import (
	"golang.org/x/tools/go/analysis"

	"github.com/perdure/perdure/lint/internal/rule"
)

// rules are all rules, in the order in which help shows them.
var rules = []*analysis.Analyzer{
	clock, random, environment, inputOutput, output, mapOrder, concurrency, deferred,
	globals,
}

// ignoring looks at the comments that suppress findings.
var ignoring = rule.NewIgnore("ignore", "finds comments //perdure:ignore without a reason, or without a finding", rules)

// Analyzers returns the analyzers of all rules. They share nothing with those of an earlier call but their facts.
func Analyzers() []*analysis.Analyzer { return append(rules[:len(rules):len(rules)], ignoring) }
