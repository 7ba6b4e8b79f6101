package build

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// importForm matches how JavaScript and TypeScript name a neighbouring file.
var importForm = regexp.MustCompile(`(?:from|import|require|extends|resolve)["']?\s*[:(]?\s*["'](\.{1,2}/[^"'\n]*)["']`)

const (
	maxImported = 5_000   // files outside of the source
	maxScript   = 4 << 20 // bytes of one that is read
)

// scriptExtensions are those that imports leave out; .js may stand for .ts.
var scriptExtensions = []string{"", ".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs", ".json", "/index.ts", "/index.tsx", "/index.js"}

// addImports adds the files outside of the source that its scripts name, and those that these name. It reads the
// scripts, since nothing compiles them.
func (in *Inputs) addImports() {
	known := map[string]bool{}
	queue := slices.Clone(in.Files)
	for _, path := range queue {
		known[path] = true
	}
	for found := 0; len(queue) > 0 && found < maxImported; {
		file := queue[0]
		queue = queue[1:]
		for _, path := range importsOf(file) {
			if known[path] {
				continue
			}
			known[path] = true
			found++
			in.addFile(path)
			in.addDir(filepath.Dir(path))
			queue = append(queue, path)
		}
	}
}

func importsOf(file string) (paths []string) {
	switch filepath.Ext(file) {
	case ".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs":
	case ".json":
		if !strings.HasPrefix(filepath.Base(file), "tsconfig") {
			return nil
		}
	default:
		return nil
	}
	info, err := os.Stat(file)
	if err != nil || info.Size() > maxScript {
		return nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	for _, m := range importForm.FindAllSubmatch(data, -1) {
		base := filepath.Join(filepath.Dir(file), filepath.FromSlash(string(m[1])))
		bare := strings.TrimSuffix(strings.TrimSuffix(base, ".js"), ".mjs")
		for _, extension := range scriptExtensions {
			for _, name := range []string{base, bare} {
				path := filepath.Clean(name + filepath.FromSlash(extension))
				if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && !slices.Contains(paths, path) {
					paths = append(paths, path)
				}
			}
		}
	}
	return paths
}

// addProject adds the project's files around the source that influence bundling and installing.
func (in *Inputs) addProject(src *Source) {
	for dir := src.Dir; ; dir = filepath.Dir(dir) {
		for _, name := range []string{"package.json", "package-lock.json", "npm-shrinkwrap.json", "tsconfig.json", ".npmrc"} {
			if path := filepath.Join(dir, name); exists(dir, name) {
				in.addFile(path)
				in.addDir(dir)
			}
		}
		if exists(dir, ".git") || dir == filepath.Dir(dir) {
			return
		}
	}
}

// addModules adds the files that say which packages are installed, and the packages that are directories of this
// machine.
func (in *Inputs) addModules(src *Source, modules string) error {
	if modules == "" {
		in.addFile(filepath.Join(src.Dir, "node_modules", ".package-lock.json"))
		return nil
	}
	in.addDir(modules)
	in.addFile(filepath.Join(modules, ".package-lock.json"))
	for _, dir := range localPackages(modules) {
		if err := in.addTree(src, dir); err != nil {
			return err
		}
	}
	return nil
}

// localPackages are the packages in node_modules that lie elsewhere on this
// machine: those of a workspace, and those with file: or link:.
func localPackages(modules string) (dirs []string) {
	for _, pattern := range []string{"*", "@*/*"} {
		found, _ := filepath.Glob(filepath.Join(modules, pattern))
		for _, path := range found {
			info, err := os.Lstat(path)
			if err != nil || info.Mode()&os.ModeSymlink == 0 {
				continue
			}
			if dir, err := filepath.EvalSymlinks(path); err == nil && isDir(dir) && !strings.Contains(dir, string(filepath.Separator)+"node_modules"+string(filepath.Separator)) {
				dirs = append(dirs, dir)
			}
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}
