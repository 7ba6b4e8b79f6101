package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/perdure/perdure/internal/files/fresh"
)

// Runs says how to run a build.
type Runs struct {
	// Runtime and Handler are Lambda's names; empty to find out by looking.
	Runtime, Handler string
}

// Build is a finished build.
type Build struct {
	Runs
	// Dir holds what to run, as it would lie in /var/task.
	Dir string
	// ID names the content: equal builds have the same ID.
	ID string
	// Method is how it was built: go, makefile, esbuild, nodejs, python, archive, inline, none.
	Method string
}

// Do builds src. An error that the user can mend is an [*Error]. It may be called concurrently, for different
// functions.
func Do(ctx context.Context, source Source, opts *Options) (*Build, error) {
	src, err := source.check()
	if err != nil {
		return nil, err
	}
	m, err := choose(src)
	if err != nil {
		return nil, err
	}
	home, err := filepath.Abs(filepath.Join(opts.Root, src.Name))
	if err != nil {
		return nil, err
	}
	j := &job{Source: src, opts: opts, home: home, runs: Runs{src.Runtime, src.Handler}}
	b, err := j.do(ctx, m)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return b, err
}

func (j *job) do(ctx context.Context, m method) (_ *Build, err error) {
	b := &Build{Method: m.name()}
	if _, ok := m.(asIs); ok {
		b.Dir, b.Runs = j.Dir, j.runs
		b.ID, err = fingerprint(j.Source)
		return b, err
	}
	if err := os.MkdirAll(j.home, 0o755); err != nil {
		return nil, fmt.Errorf("building %s: %w", j.Name, err)
	}
	out, err := fresh.MakeDir(j.home, unfinished, 0o755)
	if err != nil {
		return nil, fmt.Errorf("building %s: %w", j.Name, err)
	}
	defer out.Remove()
	j.out = out.Path
	if err := m.build(ctx, j); err != nil {
		return nil, err
	}
	b.Runs = j.runs
	if b.ID, err = j.digest(); err != nil {
		return nil, fmt.Errorf("building %s: %w", j.Name, err)
	}
	b.Dir = filepath.Join(j.home, b.ID)
	if err := j.opts.Holds.take(b.Dir); err != nil {
		return nil, fmt.Errorf("building %s: %w", j.Name, err)
	}
	return b, place(out, b.Dir)
}

// digest names the build, and the state of the directories that it links to.
func (j *job) digest() (string, error) {
	id, err := digest(j.out)
	if err != nil || len(j.linked) == 0 {
		return id, err
	}
	h := sha256.New()
	fmt.Fprintln(h, id)
	for _, path := range j.linked {
		if err := stamps(h, j.Source, path); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}

// last returns the path of a file in the last build; empty if there is none.
func (j *job) last(name string) string {
	found, _ := filepath.Glob(filepath.Join(j.home, "[0-9a-f]*", name))
	var newest time.Time
	var last string
	for _, path := range found {
		if info, err := os.Stat(path); err == nil && info.ModTime().After(newest) {
			newest, last = info.ModTime(), path
		}
	}
	return last
}

// unfinished begins the names of directories that are being filled.
const unfinished = ".new-"

// place gives a finished build its name, unless the same build is there already.
func place(made *fresh.Dir, to string) error {
	err := made.Place(to)
	if info, there := os.Lstat(to); errors.Is(err, fs.ErrExist) && there == nil && info.IsDir() {
		return nil
	}
	return err
}
