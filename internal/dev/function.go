package dev

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/perdure/perdure/internal/function/build"
	"github.com/perdure/perdure/internal/function/project"
	"github.com/perdure/perdure/internal/function/runtimes"
	"github.com/perdure/perdure/internal/host"
)

// slowBuild is the time after which a running build is worth a line.
const slowBuild = 2 * time.Second

// function is one function under development.
type function struct {
	project.Program
	loop    *Loop
	invoker switching
	inputs  *build.Inputs  // of the last build; nil before the first
	seen    build.Snapshot // of the inputs, before the last build
	build   *build.Build   // the running build; nil if nothing was built yet
	since   time.Time      // when it was built
	stale   bool           // the template has changed it

	stopLint context.CancelFunc // of the last build; nil before the first

	mu      sync.Mutex              // guards running
	running map[host.Running]string // ids of the builds that have processes
}

// refresh builds the function anew if it has changed, and reports whether it tried.
func (f *function) refresh(ctx context.Context, paths []string) bool {
	if f.stale {
		f.renew(ctx, nil)
		return true
	}
	now := build.Take(f.inputs.Files, f.seen)
	changed := now.Changed(f.seen)
	if len(changed) == 0 && f.concerns(paths) {
		// No build has read it: is it an input now?
		inputs, err := f.loop.host.Inputs(ctx, &f.Program)
		if err != nil {
			return false
		}
		changed = build.Take(inputs.Files, f.seen).Changed(f.seen)
		f.inputs = inputs
	}
	if len(changed) == 0 {
		return false
	}
	f.renew(ctx, changed)
	return true
}

// concerns reports whether something happened where inputs may appear.
func (f *function) concerns(paths []string) bool {
	return slices.ContainsFunc(paths, func(path string) bool {
		if path == "" { // anywhere
			return true
		}
		_, isDir := slices.BinarySearch(f.inputs.Dirs, path)
		_, within := slices.BinarySearch(f.inputs.Dirs, filepath.Dir(path))
		return isDir || within
	})
}

// renew builds the function and, if that succeeds, lets the build take over. changed are the files that caused it,
// if files did.
func (f *function) renew(ctx context.Context, changed []string) {
	began := time.Now()
	if f.stopLint != nil {
		f.stopLint()
	}
	if len(changed) > 0 {
		f.say(Plain, "%s changed", nameFiles(changed))
	}
	f.stale = false
	first := f.inputs == nil
	if first {
		f.findInputs(ctx)
	}
	before := build.Take(f.inputs.Files, f.seen)
	slow := time.AfterFunc(slowBuild, func() { f.say(Plain, "building …") })
	b, err := f.loop.host.Build(ctx, &f.Program, f.isDebugged(), func(line string) { f.say(Plain, "%s", line) })
	slow.Stop()
	defer f.remember(ctx, before, first)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		f.tellFailure(err)
		return
	}
	if f.build != nil && b.ID == f.build.ID && len(changed) > 0 {
		f.say(good, "built in %s; the result is the same", shortTime(time.Since(began)))
		return
	}
	f.lint(ctx, b)
	if err := f.takeOver(ctx, b, began); err != nil && ctx.Err() == nil {
		f.tellFailure(err)
	}
}

// remember finds the present inputs of the function, and keeps their state from before the build, so that a change
// during it is noticed. fresh says that the inputs were found just before.
func (f *function) remember(ctx context.Context, before build.Snapshot, fresh bool) {
	if !fresh {
		f.findInputs(ctx)
	}
	f.seen = build.Take(f.inputs.Files, before)
	for _, path := range f.inputs.Files {
		if was, ok := before[path]; ok {
			f.seen[path] = was
		}
	}
}

func (f *function) findInputs(ctx context.Context) {
	switch inputs, err := f.loop.host.Inputs(ctx, &f.Program); {
	case err == nil:
		f.inputs = inputs
	case f.inputs == nil: // its directory is missing, say
		f.inputs = &build.Inputs{Dirs: []string{directoryOf(f.Path)}}
	}
}

// tellFailure tells why there is no new build.
func (f *function) tellFailure(err error) {
	goesOn := "it is tried again when you save"
	if f.build != nil {
		goesOn = "the build of " + f.since.Format(time.TimeOnly) + " goes on"
	}
	message, hint, output := err.Error(), "", []string(nil)
	if e, ok := errors.AsType[*build.Error](err); ok {
		message, hint, output = e.Message, e.Hint, e.Output
	} else if e, ok := errors.AsType[*runtimes.Error](err); ok {
		message, hint = e.Message, e.Hint
	}
	for _, line := range output {
		f.say(bad, "%s", line)
	}
	f.say(bad, "%s; %s", strings.TrimPrefix(message, f.Name+" "), goesOn)
	if hint != "" {
		f.say(Plain, "hint: %s", hint)
	}
}

func (f *function) say(tone, format string, args ...any) {
	f.loop.Screen.Say(f.Name, tone, format, args...)
}

// nameFiles names the first few changed files.
func nameFiles(paths []string) string {
	const shown = 3
	var names []string
	for _, path := range paths[:min(len(paths), shown)] {
		names = append(names, here(path))
	}
	text := strings.Join(names, ", ")
	if more := len(paths) - shown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// here is path as people write it: relative to the working directory, if that is short.
func here(path string) string {
	dir, err := os.Getwd()
	if err != nil || !filepath.IsAbs(path) {
		return path
	}
	rel, err := filepath.Rel(dir, path)
	if err != nil || strings.HasPrefix(rel, fmt.Sprintf("..%[1]c..%[1]c..", filepath.Separator)) {
		return path
	}
	return rel
}

// directoryOf is the directory of a file, absolute.
func directoryOf(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return filepath.Dir(path)
}

// shortTime words how long something took.
func shortTime(d time.Duration) string { return fmt.Sprintf("%.1fs", d.Seconds()) }
