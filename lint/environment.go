package lint

import (
	"github.com/perdure/perdure/lint/internal/effects"
)

var environment = (&effectRule{
	name: "environment",
	doc: `finds workflow code that asks its process: the environment, arguments, flags, the machine

An execution may go on in another process, on another machine, after a deploy with other settings. Read them before
durable.Start, for use in steps; or in a step, if the workflow decides by them.`,
	classes: []effects.Class{effects.Environ},
	why: func(use effects.Use) string {
		return "a later run may find something else there; read it in a step, or before durable.Start if only " +
			"steps use it"
	},
}).analyzer()
