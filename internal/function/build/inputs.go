package build

import (
	"context"
	"crypto/sha256"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Inputs are the files that a build depends on, by absolute paths, in order.
type Inputs struct {
	// Files are read by the build. Some of them may not exist.
	Files []string
	// Dirs are where further files would have to appear.
	Dirs []string
}

func (in *Inputs) addFile(path string) { in.Files = append(in.Files, path) }

func (in *Inputs) addDir(path string) { in.Dirs = append(in.Dirs, path) }

// sorted completes the inputs: targets of links are watched, too.
func (in *Inputs) sorted() *Inputs {
	for _, path := range in.Files {
		if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			if target, err := filepath.EvalSymlinks(path); err == nil {
				in.addDir(filepath.Dir(target))
			}
		}
	}
	slices.Sort(in.Files)
	slices.Sort(in.Dirs)
	in.Files, in.Dirs = slices.Compact(in.Files), slices.Compact(in.Dirs)
	return in
}

// addPath adds a file, or all in a directory. It may not exist.
func (in *Inputs) addPath(src *Source, path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return in.addTree(src, path)
	}
	in.addFile(path)
	in.addDir(filepath.Dir(path))
	return nil
}

// addTree adds all files of a directory, and the targets of links.
func (in *Inputs) addTree(src *Source, dir string) error {
	in.addDir(dir)
	w := &walker{
		once: true,
		skip: func(path string, info fs.FileInfo) bool { return info.IsDir() && src.leftOut(path) },
		visit: func(_, path string, info fs.FileInfo) error {
			if !info.IsDir() {
				in.addFile(path)
				return nil
			}
			if real, err := filepath.EvalSymlinks(path); err == nil && real != path {
				in.addDir(real) // changes are told by this path
			}
			in.addDir(path)
			return nil
		},
	}
	return w.walk(dir)
}

// Find lists what the build of src depends on. It works as well when the source does not compile.
func Find(ctx context.Context, source Source) (*Inputs, error) {
	src, err := source.check()
	if err != nil {
		return nil, err
	}
	m, err := choose(src)
	if err != nil {
		return nil, err
	}
	return m.find(ctx, src)
}

// skipped are directories that tools fill and nobody edits.
var skipped = []string{
	".git", ".hg", ".svn", ".aws-sam", ".perdure", "cdk.out", "node_modules", "__pycache__", ".pytest_cache",
	".mypy_cache", ".ruff_cache", ".venv", "venv", ".idea", ".vscode", ".terraform",
}

func excluded(name string) bool { return slices.Contains(skipped, name) }

// findTree lists all files of the source.
func findTree(src *Source) (*Inputs, error) {
	in := &Inputs{}
	err := in.addTree(src, src.Dir)
	return in.sorted(), err
}

// Snapshot is the state of files at a moment, by their paths. It leaves out files that did not exist.
type Snapshot map[string]stamp

type stamp struct {
	size     int64
	modified time.Time
	mode     fs.FileMode
	sum      [sha256.Size]byte // of the content, unless that is large
}

// maxSummed is the size above which a file's time stands for its content.
const maxSummed = 16 << 20

// Take makes a snapshot of files. It reads only files with another size or time than in before, which may be nil.
func Take(files []string, before Snapshot) Snapshot {
	now := make(Snapshot, len(files))
	for _, path := range files {
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		s := stamp{size: info.Size(), modified: info.ModTime(), mode: info.Mode().Perm()}
		old, known := before[path]
		switch {
		case known && old.size == s.size && old.modified.Equal(s.modified):
			s.sum = old.sum
		case s.size <= maxSummed:
			s.sum = sum(path)
		}
		now[path] = s
	}
	return now
}

func sum(path string) (sum [sha256.Size]byte) {
	f, err := os.Open(path)
	if err != nil {
		return sum
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err == nil {
		h.Sum(sum[:0])
	}
	return sum
}

func (s stamp) same(t stamp) bool {
	if s.size > maxSummed && !s.modified.Equal(t.modified) {
		return false
	}
	return s.size == t.size && s.mode == t.mode && s.sum == t.sum
}

// Changed returns the paths that differ between two snapshots, in order.
func (s Snapshot) Changed(before Snapshot) []string {
	var paths []string
	for path, is := range s {
		if was, ok := before[path]; !ok || !is.same(was) {
			paths = append(paths, path)
		}
	}
	for path := range before {
		if _, ok := s[path]; !ok {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}
