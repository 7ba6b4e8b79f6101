package build

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// node copies the source and links the packages of its package.json.
type node struct{}

func (node) name() string { return "nodejs" }

func (node) find(_ context.Context, src *Source) (*Inputs, error) {
	in := &Inputs{}
	if err := in.addTree(src, src.Dir); err != nil {
		return nil, err
	}
	needs, _ := dependencies(src) // the build tells what is wrong with them
	if err := in.addModules(src, findModules(src.Dir, needs)); err != nil {
		return nil, err
	}
	return in.sorted(), nil
}

func (node) build(ctx context.Context, j *job) error {
	if err := j.copySource(j.out); err != nil {
		return errorf("%s cannot be built: %v", j.Name, err)
	}
	modules, err := j.nodeModules(ctx)
	if err != nil || modules == "" {
		return err
	}
	j.linked = localPackages(modules)
	return os.Symlink(modules, filepath.Join(j.out, "node_modules"))
}

// nodeModules returns the directory of the packages in package.json: the project's own, if they are installed, or
// one into which npm installs them; empty if there are none.
func (j *job) nodeModules(ctx context.Context) (string, error) {
	needs, err := dependencies(j.Source)
	if err != nil {
		return "", err
	}
	if own := findModules(j.Dir, needs); own != "" {
		return own, nil
	}
	if len(needs) == 0 {
		return "", nil
	}
	for name, where := range needs {
		if strings.HasPrefix(where, "file:") || strings.HasPrefix(where, "link:") || strings.HasPrefix(where, "workspace:") {
			return "", errorf("%s cannot be built: its package %s is a directory of this machine, and is not installed", j.Name, name).
				hintf("in %s: npm install", j.Dir)
		}
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", errorf("%s cannot be built: it depends on packages, and there is no npm on the PATH", j.Name).
			hintf("install Node.js from https://nodejs.org, or install the packages into %s", filepath.Join(j.Dir, "node_modules"))
	}
	lists := []string{"package.json", "package-lock.json", "npm-shrinkwrap.json", ".npmrc"}
	dir, err := j.packages(ctx, lists, nil, func(ctx context.Context, dir string) error {
		j.opts.tell("installing the packages of %s with npm", j.Name)
		for _, list := range lists {
			if exists(j.Dir, list) {
				if err := copyFile(filepath.Join(j.Dir, list), filepath.Join(dir, list)); err != nil {
					return err
				}
			}
		}
		verb := "install"
		if exists(dir, "package-lock.json") || exists(dir, "npm-shrinkwrap.json") {
			verb = "ci"
		}
		return j.runIn(ctx, dir, os.Environ(), npm, verb, "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error")
	})
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "node_modules"), nil
}

// findModules returns the node_modules of dir, or of a directory above it, that holds all needs.
func findModules(dir string, needs map[string]string) string {
	if own := filepath.Join(dir, "node_modules"); isDir(own) {
		return own
	}
	for len(needs) > 0 && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		shared := filepath.Join(dir, "node_modules")
		all := true
		for name := range needs {
			all = all && isDir(filepath.Join(shared, filepath.FromSlash(name)))
		}
		if all {
			return shared
		}
	}
	return ""
}

// dependencies are the packages that a function needs at run time, by its package.json.
func dependencies(src *Source) (map[string]string, error) {
	data, err := os.ReadFile(filepath.Join(src.Dir, "package.json"))
	if err != nil {
		return nil, nil
	}
	var p struct{ Dependencies map[string]string }
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, errorf("%s cannot be built: its package.json is not JSON: %v", src.Name, err)
	}
	return p.Dependencies, nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
