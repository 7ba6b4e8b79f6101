package lint

import (
	"github.com/perdure/perdure/lint/internal/effects"
)

var inputOutput = (&effectRule{
	name: "io",
	doc: `finds workflow code that reaches outside: files, the network, databases, processes

Workflow code runs again in each invocation, so a call outside of a step is made again, and may answer something else. A
step is made once, and its answer is recorded. A call through an interface or a function value cannot be followed; it is
taken for one to the outside if it takes a context.Context and may fail.`,
	inTests: true,
	classes: []effects.Class{effects.IO, effects.Opaque},
	why: func(use effects.Use) string {
		if use.Class == effects.Opaque {
			return "it takes a context and may fail, as calls to the outside do, and each run repeats it; " +
				"do it in a step"
		}
		return "each run repeats it, and may get another answer; do it in a step"
	},
}).analyzer()
