package lint

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/analysistest"
)

// TestRules runs each rule on the packages in testdata that have its name, with the real package durable. Files there
// say which findings they want; beside those with fixes is what the fixes make of them.
func TestRules(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range Analyzers() {
		t.Run(a.Name, func(t *testing.T) {
			t.Parallel()
			if _, err := os.Stat(filepath.Join("testdata", a.Name)); err != nil {
				t.Fatalf("the rule has no test: %v", err)
			}
			analysistest.RunWithSuggestedFixes(t, root, a, "./lint/testdata/"+a.Name)
		})
	}
}

func TestAnalyzersAreValid(t *testing.T) {
	if err := analysis.Validate(Analyzers()); err != nil {
		t.Error(err)
	}
}
