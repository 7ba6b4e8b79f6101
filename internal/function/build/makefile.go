package build

import (
	"context"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/perdure/perdure/internal/files/fresh"
)

// makefile builds with the target build-LOGICALID of the source's Makefile.
type makefile struct{}

func (makefile) name() string { return "makefile" }

func (makefile) find(_ context.Context, src *Source) (*Inputs, error) {
	in := &Inputs{}
	if err := in.addTree(src, src.Dir); err != nil {
		return nil, err
	}
	for _, path := range makeWords(src.Dir, filepath.Join(src.Dir, "Makefile"), nil) {
		if err := in.addPath(src, path); err != nil {
			return nil, err
		}
	}
	return in.sorted(), nil
}

// maxMakefiles bounds how many files include each other.
const maxMakefiles = 50

// makeWords are the words of a Makefile, and of those that it includes, that are paths outside of dir:
// prerequisites and inputs of recipes.
func makeWords(dir, file string, around []string) (paths []string) {
	data, err := os.ReadFile(file)
	if err != nil || slices.Contains(around, file) || len(around) >= maxMakefiles {
		return nil
	}
	around = append(around, file)
	for line := range strings.Lines(string(data)) {
		words := strings.FieldsFunc(line, func(c rune) bool { return strings.ContainsRune(" \t\r\n:;=|&()\"'<>", c) })
		for _, word := range words {
			path := absolute(dir, strings.NewReplacer("${CURDIR}", dir, "$CURDIR", dir).Replace(word))
			if !strings.Contains(word, "/") || isWithin(path, dir) || isWithin(dir, path) || !exists(path, "") {
				continue
			}
			if paths = append(paths, path); strings.Contains(words[0], "include") {
				paths = append(paths, makeWords(dir, path, around)...)
			}
		}
	}
	return paths
}

// isWithin reports whether path is dir, or below it.
func isWithin(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// build runs make in a copy of the source, as SAM does, so that files that a Makefile leaves behind are not taken
// for changes of the source.
func (makefile) build(ctx context.Context, j *job) error {
	if !exists(j.Dir, "Makefile") {
		return errorf("%s cannot be built: there is no Makefile in %s", j.Name, j.Dir).
			hintf("it needs a target build-%s that puts the function into $(ARTIFACTS_DIR)", j.LogicalID)
	}
	tool, err := exec.LookPath("make")
	if err != nil {
		return errorf("%s cannot be built: there is no make on the PATH", j.Name).hintf("install make")
	}
	copied, err := fresh.MakeDir(j.home, unfinished, 0o700)
	if err != nil {
		return err
	}
	defer copied.Remove()
	scratch := copied.Path
	root, err := filepath.Abs(j.opts.Root)
	if err != nil {
		return err
	}
	err = copyTree(j.Dir, scratch, func(path string, d fs.DirEntry) bool {
		return path == root || path == j.Except || d.IsDir() && slices.Contains([]string{".git", ".aws-sam", ".perdure"}, d.Name())
	})
	if err != nil {
		return errorf("%s cannot be built: %v", j.Name, err)
	}
	env := append(os.Environ(), "ARTIFACTS_DIR="+j.out)
	if err := j.runIn(ctx, scratch, env, tool, "--no-print-directory", "build-"+j.LogicalID); err != nil {
		return err
	}
	if entries, err := os.ReadDir(j.out); err != nil || len(entries) == 0 {
		return errorf("%s does not build: make build-%s put nothing into $(ARTIFACTS_DIR)", j.Name, j.LogicalID)
	}
	return nil
}

func sortedKeys(m map[string][]string) []string { return slices.Sorted(maps.Keys(m)) }
