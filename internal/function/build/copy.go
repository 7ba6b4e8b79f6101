package build

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// copyTree copies the directory from into the existing directory to, without skipped entries. Links stay links.
func copyTree(from, to string, skip func(path string, d fs.DirEntry) bool) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil || name == "." {
			return err
		}
		target := filepath.Join(to, name)
		switch {
		case skip(path, d) && d.IsDir():
			return fs.SkipDir
		case skip(path, d):
			return nil
		case d.IsDir():
			return os.MkdirAll(target, 0o755)
		case d.Type()&fs.ModeSymlink != 0:
			return copyLink(path, target)
		case d.Type().IsRegular():
			return copyFile(path, target)
		}
		return nil // sockets and the like
	})
}

// copyLink makes a link to the same place.
func copyLink(path, target string) error {
	to, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil // it leads nowhere
	}
	return os.Symlink(to, target)
}

func copyFile(path, target string) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, info.Mode().Perm()|0o200)
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Close()
}

// copySource copies the function's source into the build, and the targets of its links, but not the parts that are
// left out, nor builds that lie within.
func (j *job) copySource(to string) error {
	root, err := filepath.Abs(j.opts.Root)
	if err != nil {
		return err
	}
	w := &walker{
		skip: func(path string, info fs.FileInfo) bool { return path == root || info.IsDir() && j.leftOut(path) },
		visit: func(name, path string, info fs.FileInfo) error {
			switch {
			case info.IsDir():
				return os.MkdirAll(filepath.Join(to, name), 0o755)
			case info.Mode().IsRegular():
				return copyFile(path, filepath.Join(to, name))
			}
			return nil // sockets and the like, and links that lead nowhere
		},
	}
	return w.walk(j.Dir)
}

// linkEntries links the entries of the directory from into to, unless they are there.
func linkEntries(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		target := filepath.Join(to, e.Name())
		if _, err := os.Lstat(target); err == nil {
			continue
		}
		if err := os.Symlink(filepath.Join(from, e.Name()), target); err != nil {
			return err
		}
	}
	return nil
}
