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

func (python) find(_ context.Context, src *Source) (*Inputs, error) {
	in := &Inputs{}
	if err := in.addTree(src, src.Dir); err != nil {
		return nil, err
	}
	needs := readRequirements(src.Dir, filepath.Join(src.Dir, requirementsFile))
	for _, path := range append(needs.files, needs.local...) {
		if err := in.addPath(src, path); err != nil {
			return nil, err
		}
	}
	return in.sorted(), nil
}

const requirementsFile = "requirements.txt"

func (python) build(ctx context.Context, j *job) error {
	if err := j.copySource(j.out); err != nil {
		return errorf("%s cannot be built: %v", j.Name, err)
	}
	needs := readRequirements(j.Dir, filepath.Join(j.Dir, requirementsFile))
	if len(needs.lines) == 0 {
		return nil
	}
	tool := findPython(ctx, j.Source)
	if tool == "" {
		return errorf("%s cannot be built: there is no Python on the PATH", j.Name).hintf("install %s", j.Runtime)
	}
	dir, err := j.packages(ctx, needs.files, needs.local, func(ctx context.Context, dir string) error {
		j.opts.tell("installing the packages of %s with pip", j.Name)
		list := requirementsFile
		if needs.editable { // pip does not do this for a directory of its own
			list = filepath.Join(dir, ".requirements.txt")
			if err := os.WriteFile(list, []byte(strings.Join(needs.lines, "\n")+"\n"), 0o644); err != nil {
				return err
			}
		}
		return j.run(ctx, os.Environ(), tool, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check",
			"--requirement", list, "--target", dir)
	})
	if err != nil {
		return err
	}
	return linkEntries(dir, j.out)
}

// findPython returns the Python that the function asks for, or any. A Python on the PATH may be a script that finds
// no such version.
func findPython(ctx context.Context, src *Source) string {
	for _, name := range []string{src.Runtime, "python3", "python"} {
		path, err := exec.LookPath(name)
		if name != "" && err == nil && command(ctx, src.Dir, os.Environ(), path, "--version").Run() == nil {
			return path
		}
	}
	return ""
}
