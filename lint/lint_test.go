package lint

import (
	"testing"

	"golang.org/x/tools/go/analysis/analysistest"
)

func TestClock(t *testing.T) {
	analysistest.Run(t, "..", clock, "./lint/testdata/clock")
}
