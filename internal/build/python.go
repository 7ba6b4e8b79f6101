package build

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// python copies the source and links the packages of its requirements.txt.
type python struct{}

func (python) name() string { return "python" }

func (python) find(_ context.Context, src *Source) (*Inputs, error) { return findTree(src) }

func (python) build(ctx context.Context, j *job) error {
	if err := j.copySource(j.out); err != nil {
		return errorf("%s cannot be built: %v", j.Name, err)
	}
	const list = "requirements.txt"
	if !hasRequirements(filepath.Join(j.Dir, list)) {
		return nil
	}
	tool := findPython(ctx, j.Source)
	if tool == "" {
		return errorf("%s cannot be built: there is no Python on the PATH", j.Name).hintf("install %s", j.Runtime)
	}
	dir, err := j.packages(ctx, []string{list}, func(ctx context.Context, dir string) error {
		j.opts.tell("installing the packages of %s with pip", j.Name)
		return j.run(ctx, os.Environ(), tool, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check",
			"--requirement", list, "--target", dir)
	})
	if err != nil {
		return err
	}
	return linkEntries(dir, j.out)
}

// hasRequirements reports whether a requirements.txt lists anything.
func hasRequirements(path string) bool {
	data, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			return true
		}
	}
	return false
}

// findPython returns the Python that the function asks for, or any. What is on
// the PATH may be a script that finds no such version.
func findPython(ctx context.Context, src *Source) string {
	for _, name := range []string{src.Runtime, "python3", "python"} {
		path, err := exec.LookPath(name)
		if name != "" && err == nil && command(ctx, src.Dir, os.Environ(), path, "--version").Run() == nil {
			return path
		}
	}
	return ""
}
