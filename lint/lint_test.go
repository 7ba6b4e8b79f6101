package lint

import (
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/analysistest"
)

// TestRules runs each rule on the package in testdata that has its name, with the real package durable. Files there say
// which findings they want; beside those with fixes is what the fixes make of them.
func TestRules(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	var patterns []string
	for _, a := range Analyzers() {
		if _, err := os.Stat(filepath.Join("testdata", a.Name)); err != nil {
			t.Errorf("rule %s has no test: %v", a.Name, err)
		}
		patterns = append(patterns, "./lint/testdata/"+a.Name)
	}
	analysistest.RunWithSuggestedFixes(t, root, together(Analyzers()), patterns...)
}

// together is one analyzer that runs all, so that packages are loaded once. It reports what the rule finds that a package
// has the name of.
func together(all []*analysis.Analyzer) *analysis.Analyzer {
	inner := map[*analysis.Analyzer]bool{}
	one := &analysis.Analyzer{Name: "together", Doc: "runs all rules"}
	for _, a := range all {
		one.FactTypes = append(one.FactTypes, a.FactTypes...)
		for _, needed := range a.Requires {
			inner[needed] = !slices.Contains(all, needed)
		}
	}
	for a, isInner := range inner {
		if isInner {
			one.Requires = append(one.Requires, a)
		}
	}
	one.Run = func(pass *analysis.Pass) (any, error) {
		results := maps.Clone(pass.ResultOf)
		for _, a := range all {
			own := *pass
			own.Analyzer, own.ResultOf = a, results
			if dir, name := path.Split(pass.Pkg.Path()); name != a.Name || !strings.HasSuffix(dir, "/testdata/") {
				own.Report = func(analysis.Diagnostic) {}
			}
			result, err := a.Run(&own)
			if err != nil {
				return nil, err
			}
			results[a] = result
		}
		return nil, nil
	}
	return one
}

func TestAnalyzersAreValid(t *testing.T) {
	if err := analysis.Validate(Analyzers()); err != nil {
		t.Error(err)
	}
}

// TestGuideNamesEveryRule keeps the table of docs/guides/lint.md to the rules that there are.
func TestGuideNamesEveryRule(t *testing.T) {
	guide, err := os.ReadFile("../docs/guides/lint.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range Analyzers() {
		if !strings.Contains(string(guide), "\n| `"+a.Name+"` | ") {
			t.Errorf("docs/guides/lint.md does not say what the rule %s finds", a.Name)
		}
	}
}
