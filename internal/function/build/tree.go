package build

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// maxLinked bounds the files behind links: a link may lead to the root of the disk.
const maxLinked = 100_000

// walker walks a source as AWS gets it: a link stands for its target. A directory that contains itself, by links,
// ends there.
type walker struct {
	// skip reports whether a file or directory is no part of the source. path is how it was reached.
	skip func(path string, info fs.FileInfo) bool
	// visit gets each entry, directories before their content, with its name below the source. Entries that have
	// just gone are left out.
	visit func(name, path string, info fs.FileInfo) error
	// once visits no directory twice, however many links lead to it.
	once bool

	around  []string // the real paths of directories around
	visited map[string]bool
	linked  int // files behind links
}

// walk walks the directory dir, without dir itself.
func (w *walker) walk(dir string) error {
	w.visited = map[string]bool{}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	return w.inside("", dir, real, false)
}

func (w *walker) inside(name, path, real string, linked bool) error {
	if slices.Contains(w.around, real) || w.once && w.visited[real] {
		return nil
	}
	w.visited[real] = true
	w.around = append(w.around, real)
	defer func() { w.around = w.around[:len(w.around)-1] }()
	entries, err := os.ReadDir(path)
	if err != nil && name == "" {
		return err
	}
	for _, e := range entries { // ignore entries that we may not read
		below := filepath.Join(path, e.Name())
		if err := w.one(filepath.Join(name, e.Name()), below, filepath.Join(real, e.Name()), linked); err != nil {
			return err
		}
	}
	return nil
}

// one walks a file or a directory; real is its own path, or the link's.
func (w *walker) one(name, path, real string, linked bool) error {
	info, err := os.Lstat(path)
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		linked = true
		if target, err := filepath.EvalSymlinks(path); err == nil {
			real = target
			info, err = os.Stat(path)
			if err != nil {
				return nil
			}
		}
	}
	if err != nil || w.skip(path, info) || real != path && w.skip(real, info) {
		return nil
	}
	if linked {
		if w.linked++; w.linked > maxLinked {
			return fmt.Errorf("the links in it lead to more than %d files, %s among them", maxLinked, path)
		}
	}
	if info.IsDir() && slices.Contains(w.around, real) {
		return nil
	}
	if err := w.visit(name, path, info); err != nil || !info.IsDir() {
		return err
	}
	return w.inside(name, path, real, linked)
}
