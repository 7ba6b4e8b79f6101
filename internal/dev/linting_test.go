package dev

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perdure/perdure/internal/vetting"
)

// TestFindingsOfEachBuild: a new build takes over at once, and what is found in its source is shown with its place.
func TestFindingsOfEachBuild(t *testing.T) {
	lint := func(ctx context.Context, dir string) ([]vetting.Finding, error) {
		time.Sleep(time.Minute)
		return []vetting.Finding{{File: filepath.Join(dir, "main.go"), Line: 3, Column: 7, Rule: "clock", Message: "calls time.Now"}}, nil
	}
	inLoop(t, map[string]code{"A": "go:one", "B": "words"}, func(o *Options) { o.Lint = lint }, func(f *fixture) {
		f.shows("A            | built with go in 0.0s (A)\n")
		time.Sleep(2 * time.Minute)
		f.shows("A            | A/main.go:3:7: clock: calls time.Now\n")
		f.save("A", "go:two")
		f.shows("A            | reloaded in 0.0s\n")
		time.Sleep(time.Minute)
		f.shows("A            | A/main.go:3:7: clock: calls time.Now\n")
	})
}

// TestNewerBuildEndsLint: only the newest build is linted, and its first findings are shown.
func TestNewerBuildEndsLint(t *testing.T) {
	var began, ended atomic.Int32 // the linter of a build goes on for a moment beside that of the next
	lint := func(ctx context.Context, dir string) ([]vetting.Finding, error) {
		if began.Add(1) == 1 {
			<-ctx.Done()
			ended.Add(1)
			return nil, ctx.Err()
		}
		var found []vetting.Finding
		for i := range maxFindings + 2 {
			found = append(found, vetting.Finding{File: filepath.Join(dir, "main.go"), Line: i, Rule: "io"})
		}
		return found, nil
	}
	inLoop(t, map[string]code{"A": "go:one"}, func(o *Options) { o.Lint = lint }, func(f *fixture) {
		f.save("A", "go:two")
		f.shows(fmt.Sprintf("main.go:%d:0: io", maxFindings-1), "A            | 2 more findings: perdure lint shows them\n")
		if began.Load() != 2 || ended.Load() != 1 {
			t.Errorf("%d began and %d were ended, want 2 and 1", began.Load(), ended.Load())
		}
	})
}

func TestLintThatFailsIsToldOnce(t *testing.T) {
	var tries atomic.Int32
	lint := func(context.Context, string) ([]vetting.Finding, error) {
		tries.Add(1)
		return nil, errors.New("no go command")
	}
	inLoop(t, map[string]code{"A": "go:one"}, func(o *Options) { o.Lint = lint }, func(f *fixture) {
		f.shows("A            | is not linted: no go command\n")
		f.save("A", "go:two")
		f.shows("A            | reloaded in 0.0s\n")
		f.save("A", "broken:")
		f.shows("does not build")
		if tries.Load() != 2 {
			t.Errorf("it was tried %d times, want 2: what does not build is not linted", tries.Load())
		}
	})
}
