package dev

import (
	"context"

	"github.com/perdure/perdure/internal/function/build"
	"github.com/perdure/perdure/internal/vetting"
)

// maxFindings is how many findings are shown of a build.
const maxFindings = 5

// lint looks at the source of a new build, beside whatever happens to the build, until a newer one begins.
func (f *function) lint(ctx context.Context, b *build.Build) {
	if f.loop.Lint == nil || b.Method != "go" {
		return
	}
	ctx, f.stopLint = context.WithCancel(ctx)
	dir := f.Path
	f.loop.work.Go(func() {
		switch found, err := f.loop.Lint(ctx, dir); {
		case ctx.Err() != nil:
		case err != nil:
			if f.loop.isNews(f.Name + ": " + err.Error()) {
				f.say(Plain, "is not linted: %v", err)
			}
		default:
			f.tellFindings(found)
		}
	})
}

// tellFindings tells what was found, with the place.
func (f *function) tellFindings(found []vetting.Finding) {
	for _, one := range found[:min(len(found), maxFindings)] {
		f.say(Warn, "%s:%d:%d: %s: %s", here(one.File), one.Line, one.Column, one.Rule, one.Message)
	}
	if more := len(found) - maxFindings; more > 0 {
		f.say(Plain, "%d more findings: perdure lint shows them", more)
	}
}
