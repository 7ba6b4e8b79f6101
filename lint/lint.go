package lint

import (
	"slices"

	"golang.org/x/tools/go/analysis"

	"github.com/perdure/perdure/lint/internal/rule"
)

// rules are all rules, in the order in which help shows them.
var rules = slices.Concat(determinism, usageRules)

// determinism are the rules about what differs from run to run.
var determinism = []*analysis.Analyzer{
	clock, random, environment, inputOutput, output, mapOrder, concurrency, deferred,
	globals,
}

// usageRules are those about the use of the SDK.
var usageRules = []*analysis.Analyzer{
	capture, contextUse, droppedError, options, recordedType, typeChange, unstable,
}

// ignoring looks at the comments that suppress findings.
var ignoring = rule.NewIgnore("ignore", "finds comments //perdure:ignore without a reason, or without a finding", rules)

// Analyzers returns the analyzers of all rules. They share nothing with those of an earlier call but their facts.
func Analyzers() []*analysis.Analyzer { return append(rules[:len(rules):len(rules)], ignoring) }
