package lint

import (
	"testing"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/analysistest"
)

// The packages under testdata belong to this module, so that they use package durable as it is.
func TestUse(t *testing.T) {
	for _, a := range []*analysis.Analyzer{capture, contextUse, droppedError, options, recordedType} {
		t.Run(a.Name, func(t *testing.T) { analysistest.Run(t, "..", a, "./lint/testdata/"+a.Name) })
	}
}
