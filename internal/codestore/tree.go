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
	"path/filepath"
	"slices"
	"strings"
)

// maxFiles bounds the files of a piece of code.
const maxFiles = 100_000

// tree is what a source consists of, sorted by path.
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
}

// ignored are directories that are no part of any code.
var ignored = []string{".git", "__pycache__"}

// look lists what is in a source.
func look(src Source) (*tree, error) {
	info, err := os.Stat(src.Path)
	if err != nil {
		return nil, err
	}
	t := &tree{src: src}
	if !info.IsDir() {
		err = t.add(src.Path, filepath.Base(src.Path), info)
		return t, err
	}
	except := filepath.Clean(src.Except)
	err = filepath.WalkDir(src.Path, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == src.Path {
			return err
		}
		if d.IsDir() && (path == except || slices.Contains(ignored, d.Name())) {
			return filepath.SkipDir
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		below, err := filepath.Rel(src.Path, path)
		if err != nil {
			return err
		}
		return t.add(path, filepath.ToSlash(below), info)
	})
	return t, err
}

func (t *tree) add(from, path string, info fs.FileInfo) error {
	mode := info.Mode()
	if !mode.IsRegular() && !mode.IsDir() && mode.Type() != fs.ModeSymlink {
		return fmt.Errorf("%s is neither a file nor a directory, so it cannot be part of a function", from)
	}
	t.entries = append(t.entries, entry{from, path, info})
	if mode.IsRegular() {
		t.size += info.Size()
	}
	if t.size > MaxSize || len(t.entries) > maxFiles {
		return fmt.Errorf("more than %d MB, or %d files, is too large for a function: give it a directory of its own", MaxSize>>20, maxFiles)
	}
	return nil
}

// stamp changes when somebody writes to the source.
func (t *tree) stamp() string {
	var b strings.Builder
	for _, e := range t.entries {
		fmt.Fprintln(&b, e.path, e.info.Mode(), e.info.Size(), e.info.ModTime().UnixNano())
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
			target, err := os.Readlink(e.from)
			if err != nil {
				return nil, err
			}
			return nil, os.Symlink(target, path)
		}
		mode := fs.FileMode(0o444)
		if executable(e.info) {
			mode = 0o555
		}
		return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	})
}

func executable(info fs.FileInfo) bool { return info.Mode()&0o111 != 0 }

// read hashes a tree and writes each file into what open returns for it; for
// other entries that is not looked at.
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
			target, err := os.Readlink(e.from)
			if err != nil {
				return Code{}, err
			}
			fmt.Fprintf(h, "link %q %q\n", e.path, target)
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

// hashed is a code's hash as long as its source is not written to.
type hashed struct {
	stamp string
	code  Code
}

// Hash returns the code that Keep would keep now. A source that nobody wrote to
// since the last time is not read again.
func (s *Store) Hash(ctx context.Context, src Source) (Code, error) {
	t, err := look(src)
	if err != nil {
		return Code{}, err
	}
	stamp := t.stamp()
	s.mu.Lock()
	known, ok := s.hashes[src.Path]
	s.mu.Unlock()
	if ok && known.stamp == stamp {
		return known.code, nil
	}
	code, err := t.digest(ctx)
	if err != nil {
		return Code{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hashes[src.Path] = hashed{stamp, code}
	return code, nil
}
