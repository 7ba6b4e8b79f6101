package codestore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	slashes "path"
	"path/filepath"
	"slices"
	"strings"
)

// MaxFiles bounds the files, directories and links of a piece of code.
const MaxFiles = 100_000

// tree is the content of a source, sorted by path.
type tree struct {
	src     Source
	entries []entry
	size    int64 // of the files
}

// entry is a file, a directory or a link.
type entry struct {
	from string // where it lies
	path string // below the code's directory, with slashes
	info fs.FileInfo
	link string // what a link says
}

// ignored are directories that are no part of any code.
var ignored = []string{".git", "__pycache__"}

// look lists the content of a source.
func look(src Source) (*tree, error) {
	info, err := os.Stat(src.Path)
	if err != nil {
		return nil, err
	}
	t := &tree{src: src}
	if !info.IsDir() {
		return t, t.add(entry{from: src.Path, path: filepath.Base(src.Path), info: info})
	}
	root, err := filepath.EvalSymlinks(src.Path)
	if err != nil {
		return nil, err
	}
	return t, t.addDir("", []string{root})
}

// addDir adds the content of a directory, below path. Roots are the directories on the way to it, itself the last.
func (t *tree) addDir(path string, roots []string) error {
	root := roots[len(roots)-1]
	return filepath.WalkDir(root, func(from string, d fs.DirEntry, err error) error {
		if err != nil || from == root {
			return err
		}
		if d.IsDir() && (t.isExcept(from) || slices.Contains(ignored, d.Name())) {
			return filepath.SkipDir
		}
		below, err := filepath.Rel(root, from)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		e := entry{from: from, path: slashes.Join(path, filepath.ToSlash(below)), info: info}
		if info.Mode().Type() == fs.ModeSymlink {
			return t.addLink(e, roots)
		}
		return t.add(e)
	})
}

func (t *tree) isExcept(dir string) bool {
	if t.src.Except == "" {
		return false
	}
	except, err := filepath.EvalSymlinks(t.src.Except)
	return err == nil && dir == except
}

// addLink adds a link if it leads to a place in the same directory, and otherwise its target, which may change or
// go.
func (t *tree) addLink(e entry, roots []string) error {
	to, err := filepath.EvalSymlinks(e.from)
	if err != nil { // it leads nowhere, which may do no harm
		said, err := os.Readlink(e.from)
		if err != nil {
			return err
		}
		if e.link = filepath.ToSlash(said); !LeadsWithin(e.path, e.link) {
			return nil // elsewhere something may be there
		}
		return t.add(e)
	}
	root := roots[len(roots)-1]
	if e.link == "" && within(root, to) {
		e.link, err = filepath.Rel(filepath.Dir(e.from), to)
		if err != nil {
			return err
		}
		e.link = filepath.ToSlash(e.link)
	}
	if e.link != "" {
		return t.add(e)
	}
	if e.info, err = os.Stat(to); err != nil {
		return err
	}
	e.from = to
	if err := t.add(e); err != nil || !e.info.IsDir() {
		return err
	}
	for _, entered := range roots {
		if within(to, entered) {
			return fmt.Errorf("the link %s leads around in a circle", e.from)
		}
	}
	return t.addDir(e.path, append(slices.Clip(roots), to))
}

// within reports whether path is dir, or lies below it.
func within(dir, path string) bool {
	below, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(below)
}

// LeadsWithin reports whether a link at path, below the directory of a piece of code, leads to a place in the same
// directory, by its text. Both have slashes.
func LeadsWithin(path, link string) bool {
	return link != "" && !slashes.IsAbs(link) && !filepath.IsAbs(link) && filepath.IsLocal(filepath.FromSlash(slashes.Join(slashes.Dir(path), link)))
}

func (t *tree) add(e entry) error {
	mode := e.info.Mode()
	if !mode.IsRegular() && !mode.IsDir() && mode.Type() != fs.ModeSymlink {
		return fmt.Errorf("%s is neither a file nor a directory, so it cannot be part of a function", e.from)
	}
	t.entries = append(t.entries, e)
	if mode.IsRegular() {
		t.size += e.info.Size()
	}
	if t.size > MaxSize || len(t.entries) > MaxFiles {
		return fmt.Errorf("more than %d MB, or %d files, is too large for a function: give it a directory of its own", MaxSize>>20, MaxFiles)
	}
	return nil
}

// stamp changes when somebody writes to the source.
func (t *tree) stamp() string {
	var b strings.Builder
	for _, e := range t.entries {
		fmt.Fprintln(&b, e.path, e.link, e.info.Mode(), e.info.Size(), e.info.ModTime().UnixNano())
	}
	return b.String()
}

// digest returns the hash of a tree as it lies there.
func (t *tree) digest(ctx context.Context) (Code, error) {
	return t.read(ctx, func(entry) (io.WriteCloser, error) { return nopCloser{io.Discard}, nil })
}

// copy copies a tree into the new directory to.
func (t *tree) copy(ctx context.Context, to string) (Code, error) {
	if err := os.Mkdir(to, 0o755); err != nil {
		return Code{}, err
	}
	return t.read(ctx, func(e entry) (io.WriteCloser, error) {
		path := filepath.Join(to, filepath.FromSlash(e.path))
		switch e.info.Mode().Type() {
		case fs.ModeDir:
			return nil, os.Mkdir(path, 0o755)
		case fs.ModeSymlink:
			return nil, os.Symlink(filepath.FromSlash(e.link), path)
		}
		mode := fs.FileMode(0o444)
		if executable(e.info) {
			mode = 0o555
		}
		return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	})
}

func executable(info fs.FileInfo) bool { return info.Mode()&0o111 != 0 }

// read hashes a tree and writes each file to the writer of open, which matters for files only.
func (t *tree) read(ctx context.Context, open func(entry) (io.WriteCloser, error)) (Code, error) {
	h := sha256.New()
	var code Code
	for _, e := range t.entries {
		if err := ctx.Err(); err != nil {
			return Code{}, err
		}
		to, err := open(e)
		if err != nil {
			return Code{}, err
		}
		switch e.info.Mode().Type() {
		case fs.ModeDir:
			fmt.Fprintf(h, "dir %q\n", e.path)
		case fs.ModeSymlink:
			fmt.Fprintf(h, "link %q %q\n", e.path, e.link)
		default:
			size, err := e.read(h, to)
			if err != nil {
				return Code{}, err
			}
			code.Size += size
		}
	}
	code.Hash = hex.EncodeToString(h.Sum(nil))
	return code, nil
}

// read hashes one file and writes it into to, which it closes.
func (e entry) read(h hash.Hash, to io.WriteCloser) (size int64, err error) {
	from, err := os.Open(e.from)
	if err != nil {
		to.Close()
		return 0, err
	}
	defer from.Close()
	content := sha256.New()
	size, err = io.Copy(io.MultiWriter(content, to), from)
	if closed := to.Close(); err == nil {
		err = closed
	}
	fmt.Fprintf(h, "file %q %t %d %x\n", e.path, executable(e.info), size, content.Sum(nil))
	return size, err
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }
