// Package rule is what the rules of the linter share: where they run, how they report, and what suppresses a finding.
package rule

import (
	"go/ast"
	"go/token"
	"reflect"
	"strings"

	"golang.org/x/tools/go/analysis"

	"github.com/perdure/perdure/lint/internal/model"
)

// A Rule is one thing to look for.
type Rule struct {
	Name string // one word, which findings begin with and ignore comments may name
	Doc  string // the first line is a summary
	// Run looks at a package with durable code. It is not called for others.
	Run       func(*Pass)
	Requires  []*analysis.Analyzer // beside the model, which each rule has
	FactTypes []analysis.Fact
	// Everywhere has Run called for packages without durable code, too, but those of the standard library: for facts.
	Everywhere bool
}

// A Pass is one run of a rule on a package.
type Pass struct {
	*analysis.Pass
	Code *model.Code

	ignores *ignores
	used    Used
}

// Used are the ignore comments that a rule's findings met. It is the result of each rule.
type Used []token.Pos

// New returns the analyzer of a rule.
func New(r *Rule) *analysis.Analyzer {
	return named(&analysis.Analyzer{
		Name:       r.Name,
		Doc:        r.Doc,
		Requires:   append([]*analysis.Analyzer{model.Analyzer, comments}, r.Requires...),
		ResultType: reflect.TypeFor[Used](),
		FactTypes:  r.FactTypes,
		Run: func(pass *analysis.Pass) (any, error) {
			p := &Pass{Pass: pass, Code: model.Of(pass), ignores: pass.ResultOf[comments].(*ignores)}
			if p.Code.Used || r.Everywhere && !model.IsStandard(pass.Pkg.Path()) {
				r.Run(p)
			}
			return p.used, nil
		},
	})
}

// Bare is the flag of each analyzer that leaves its name out of its messages, for drivers that put it there themselves.
const Bare = "bare"

func named(a *analysis.Analyzer) *analysis.Analyzer {
	a.Flags.Bool(Bare, false, "leave the rule's name out of messages")
	return a
}

// message is what an analyzer says, after its name.
func message(a *analysis.Analyzer, text string) string {
	if a.Flags.Lookup(Bare).Value.String() == "true" {
		return text
	}
	return a.Name + ": " + text
}

// Report reports a finding, unless a comment suppresses it or its file is generated. The rule's name is put before its
// message.
func (p *Pass) Report(d analysis.Diagnostic) {
	if p.ignores.generated(d.Pos) {
		return
	}
	if ignored := p.ignores.of(p.Fset.Position(d.Pos), p.Analyzer.Name); ignored != nil {
		p.used = append(p.used, ignored.pos)
		return
	}
	if isCopied(p.Fset, d.Pos) {
		d.SuggestedFixes = nil // they would change the copy
	}
	d.Category = p.Analyzer.Name
	d.Message = message(p.Analyzer, d.Message)
	p.Pass.Report(d)
}

// ReportNode reports a finding about a node, with fixes.
func (p *Pass) ReportNode(n ast.Node, message string, fixes ...analysis.SuggestedFix) {
	p.Report(analysis.Diagnostic{Pos: n.Pos(), End: n.End(), Message: message, SuggestedFixes: fixes})
}

// InTest reports whether a node is in a file of tests.
func (p *Pass) InTest(n ast.Node) bool {
	return strings.HasSuffix(p.Fset.Position(n.Pos()).Filename, "_test.go")
}

// Replace returns a fix that puts text in the place of a node.
func Replace(n ast.Node, what, text string) analysis.SuggestedFix {
	return analysis.SuggestedFix{
		Message:   what,
		TextEdits: []analysis.TextEdit{{Pos: n.Pos(), End: n.End(), NewText: []byte(text)}},
	}
}
