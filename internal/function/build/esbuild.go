package build

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// esbuild bundles with the esbuild of the project.
type esbuild struct{}

func (esbuild) name() string { return "esbuild" }

func (esbuild) find(_ context.Context, src *Source) (*Inputs, error) {
	in := &Inputs{}
	if err := in.addTree(src, src.Dir); err != nil {
		return nil, err
	}
	in.addImports()
	in.addProject(src)
	for _, modules := range modulesAbove(src.Dir) {
		if err := in.addModules(src, modules); err != nil {
			return nil, err
		}
	}
	return in.sorted(), nil
}

func (esbuild) build(ctx context.Context, j *job) error {
	tool := findESBuild(j.Dir)
	if tool == "" {
		return errorf("%s cannot be built: its project has no esbuild", j.Name).
			hintf("in the project's directory: npm install --save-dev esbuild")
	}
	entries, err := j.entryPoints()
	if err != nil {
		return err
	}
	args := append(entries, "--bundle", "--platform=node", "--outdir="+j.out, "--log-level=warning", "--color=false")
	if err := j.run(ctx, os.Environ(), tool, append(args, j.esbuildFlags()...)...); err != nil {
		return err
	}
	// External packages are looked for at run time.
	if own := filepath.Join(j.Dir, "node_modules"); len(j.Properties["External"]) > 0 && isDir(own) {
		j.linked = localPackages(own)
		return os.Symlink(own, filepath.Join(j.out, "node_modules"))
	}
	return nil
}

// findESBuild looks for esbuild in node_modules, from dir upwards.
func findESBuild(dir string) string {
	for {
		if path, err := exec.LookPath(filepath.Join(dir, "node_modules", ".bin", "esbuild")); err == nil {
			return path
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

// modulesAbove are the directories in which esbuild looks for packages.
func modulesAbove(dir string) (all []string) {
	for {
		if modules := filepath.Join(dir, "node_modules"); isDir(modules) {
			all = append(all, modules)
		}
		if dir == filepath.Dir(dir) {
			return all
		}
		dir = filepath.Dir(dir)
	}
}

// entryPoints are the files to begin with: those of the template, or the handler's.
func (j *job) entryPoints() ([]string, error) {
	if given := j.Properties["EntryPoints"]; len(given) > 0 {
		for _, path := range given {
			if strings.HasPrefix(path, "-") {
				return nil, errorf("%s cannot be built: the entry point %q is no file", j.Name, path)
			}
		}
		return slices.Clone(given), nil
	}
	base := strings.TrimSuffix(j.Handler, filepath.Ext(j.Handler))
	for _, extension := range []string{".ts", ".mts", ".tsx", ".js", ".mjs", ".cjs", ".jsx"} {
		if base != "" && exists(j.Dir, base+extension) {
			return []string{"./" + base + extension}, nil
		}
	}
	return nil, errorf("%s cannot be built: it is not known which file to bundle", j.Name).
		hintf("name it in the template: BuildProperties: {EntryPoints: [app.ts]}")
}

// esbuildLists are properties that SAM gives to esbuild as one list; other lists become repeated flags.
var esbuildLists = []string{"MainFields", "ResolveExtensions"}

// esbuildPairs are the properties of the form --flag:key=value or --flag:value.
var esbuildPairs = []string{"External", "Loader", "OutExtension", "Banner", "Footer", "Alias", "Define", "Inject", "Drop", "Pure"}

// esbuildFlags are the BuildProperties as flags, with SAM's defaults where they matter at run time. Without a
// target, the code runs as it was written.
func (j *job) esbuildFlags() []string {
	flags := []string{}
	if j.property("Format") == "" {
		flags = append(flags, "--format=cjs")
	}
	for _, name := range sortedKeys(j.Properties) {
		values := j.Properties[name]
		flag := "--" + kebab(name)
		switch {
		case name == "EntryPoints" || len(values) == 0:
		case slices.Contains(esbuildLists, name):
			flags = append(flags, flag+"="+strings.Join(values, ","))
		case slices.Contains(esbuildPairs, name):
			for _, value := range values {
				flags = append(flags, flag+":"+value)
			}
		case values[0] == "true":
			flags = append(flags, flag)
		case values[0] != "false":
			flags = append(flags, flag+"="+values[0])
		}
	}
	return flags
}

// kebab makes main-fields of MainFields.
func kebab(name string) string {
	var b strings.Builder
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			if i > 0 {
				b.WriteByte('-')
			}
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return b.String()
}
