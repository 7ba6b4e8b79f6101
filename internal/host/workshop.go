package host

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/perdure/perdure/internal/function/build"
	"github.com/perdure/perdure/internal/function/project"
	"github.com/perdure/perdure/internal/function/runtimes"
)

// Workshop turns programs into something that can run: it builds them, and installs what their languages need, in a
// data directory. Its methods may be called concurrently, for different programs.
type Workshop struct {
	Data string
	// Building gets lines for people; see [Options]. May be nil.
	Building func(function, line string)
	builds   build.Holds // of what runs
}

// slowBuild is the time after which a running build is worth a line.
const slowBuild = 2 * time.Second

// Prepare returns how to run p, after building it or installing what it needs. An error that a person can mend is a
// [*build.Error] or a [*runtimes.Error].
func (w *Workshop) Prepare(ctx context.Context, p *project.Program) (*runtimes.Process, error) {
	tell := func(function string) func(string) {
		return func(line string) {
			if w.Building != nil {
				w.Building(function, line)
			}
		}
	}
	slow := time.AfterFunc(slowBuild, func() { tell("")(fmt.Sprintf("building %s …", p.Path)) })
	defer slow.Stop()
	b, err := w.Build(ctx, p, false, tell(""))
	if err != nil {
		return nil, err
	}
	proc, err := w.Process(ctx, p, b, tell(p.Name))
	if err != nil {
		return nil, err
	}
	if err := w.Prune(p.Name, b.ID); err != nil {
		tell(p.Name)("old builds could not be removed: " + err.Error())
	}
	return proc, nil
}

// Inputs returns the present inputs of p's build.
func (w *Workshop) Inputs(ctx context.Context, p *project.Program) (*build.Inputs, error) {
	if p.IsExecutable() {
		dir, err := filepath.Abs(filepath.Dir(p.Path))
		return &build.Inputs{Files: []string{p.Path}, Dirs: []string{dir}}, err
	}
	return build.Find(ctx, p.Source(w.Data))
}

// Build builds p, for a debugger if debug is set; an executable is already a build. tell gets lines for people.
func (w *Workshop) Build(ctx context.Context, p *project.Program, debug bool, tell func(string)) (*build.Build, error) {
	if p.IsExecutable() {
		return &build.Build{Dir: filepath.Dir(p.Path), Method: "none",
			ID: fmt.Sprint(build.Take([]string{p.Path}, nil))}, nil
	}
	opts := &build.Options{Root: w.root(), Holds: &w.builds, Debug: debug, Tell: tell}
	return build.Do(ctx, p.Source(w.Data), opts)
}

// Process returns how to run a build of p, after installing what its language needs. tell gets lines for people.
func (w *Workshop) Process(ctx context.Context, p *project.Program, b *build.Build,
	tell func(string)) (*runtimes.Process, error) {
	if p.IsExecutable() {
		path, err := filepath.Abs(p.Path)
		return runtimes.Executable(path, p.Handler), err
	}
	code := runtimes.Code{Runtime: b.Runtime, Handler: b.Handler, Dir: b.Dir}
	proc, err := runtimes.Resolve(ctx, code, &runtimes.Options{Cache: w.Data, Tell: tell})
	if err == nil && proc.Note != "" {
		tell(proc.Note)
	}
	return proc, err
}

// Prune removes the builds of a function but those with the ids to keep, and those that other engines run.
func (w *Workshop) Prune(function string, keep ...string) error {
	return build.Prune(w.root(), function, &w.builds, keep...)
}

// root is where builds are.
func (w *Workshop) root() string { return filepath.Join(w.Data, "builds") }

// Close lets others remove the builds.
func (w *Workshop) Close() { w.builds.Release() }
