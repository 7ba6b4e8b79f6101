package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	slashes "path"
	"slices"
	"strings"

	"github.com/perdure/perdure/internal/function/codestore"
)

// Bounds of what is restored, beside those of code.
const (
	maxEntries = 2_000_000
	maxName    = 4096
	maxNames   = 64 << 20 // bytes of all names, which are held in memory
	maxSums    = 256 << 20
)

// Restored counts what was restored.
type Restored struct {
	Code int // pieces
	Logs bool
}

// Options say what to restore.
type Options struct {
	// Databases are the allowed names of databases; the first must be there. It gets its name when all else is safe
	// on the disk.
	Databases []string
	// Check refuses a file that is no database, before it gets its name.
	Check func(io.ReaderAt) error
}

// Restore puts the content of an archive into dir, which must hold nothing of the kind, and returns when it is safe
// on the disk. A file that is no archive, is cut off, or was changed, is an error that says so; then Restore
// removes what it made.
func Restore(ctx context.Context, r io.Reader, dir string, opts *Options) (_ *Restored, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	read := &counter{r: &patient{ctx, r}}
	a := &reader{root: root, opts: opts, read: read, tar: tar.NewReader(read), pieces: map[string]*pieceOfCode{}, dirs: map[string]bool{}, seen: map[string]bool{}}
	if err := a.all(); err != nil {
		return nil, errors.Join(err, a.undo())
	}
	return &a.restored, nil
}

type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}

type reader struct {
	root *os.Root
	opts *Options
	read *counter
	tar  *tar.Reader

	made     []string                // to be undone, in order
	seen     map[string]bool         // names
	names    int                     // their bytes
	dirs     map[string]bool         // directories that were made
	pieces   map[string]*pieceOfCode // by hash
	sums     strings.Builder         // of files, in the form of the archive's end
	written  int64
	restored Restored
}

// pieceOfCode is the part of a piece of code that has been read.
type pieceOfCode struct {
	size  int64
	files int
}

// damaged describes a fault of an archive.
func damaged(format string, args ...any) error {
	return fmt.Errorf("it is damaged: "+format, args...)
}

func (a *reader) all() error {
	if err := readHead(a.tar); err != nil {
		return err
	}
	for {
		h, err := a.tar.Next()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return errors.New("it is cut off")
		case errors.Is(err, tar.ErrHeader):
			return damaged("it is no tar archive from its byte %d on", a.read.n)
		case err != nil:
			return err
		case h.Name == sumsName:
			if err := a.end(h); err != nil {
				return err
			}
			return a.finish()
		}
		if err := a.entry(h); err != nil {
			return err
		}
	}
}

// ErrForeign says that a file is something else.
var ErrForeign = errors.New("it is not a backup of an engine")

// Recognize returns an error unless r begins as an archive that Restore can read.
func Recognize(r io.Reader) error { return readHead(tar.NewReader(r)) }

func readHead(r *tar.Reader) error {
	var got head
	h, err := r.Next()
	if err != nil || h.Name != headName || h.Size > 1000 {
		return ErrForeign
	}
	text, err := io.ReadAll(r)
	if err != nil || json.Unmarshal(text, &got) != nil || got.Format != current.Format {
		return ErrForeign
	}
	if got.Version != current.Version {
		return fmt.Errorf("it has version %d of the format, and this program reads version %d: update perdure", got.Version, current.Version)
	}
	return nil
}

// entry makes one file, directory or link, where one is allowed.
func (a *reader) entry(h *tar.Header) error {
	name := strings.TrimSuffix(h.Name, "/")
	if len(name) > maxName || !fs.ValidPath(name) || strings.Contains(name, "\x00") || len(a.seen) >= maxEntries {
		return damaged("nothing can be called %.80q, or there is too much of it", h.Name)
	}
	if a.seen[name] {
		return damaged("%.80q is there twice", h.Name)
	}
	if a.names += len(name); a.names > maxNames {
		return damaged("its names are longer than %d bytes together", maxNames)
	}
	a.seen[name] = true
	if slices.Contains(a.opts.Databases, name) && h.Typeflag == tar.TypeReg {
		a.restored.Logs = a.restored.Logs || name != a.opts.Databases[0]
		return a.file(Partial(name), name, 0o600, &pieceOfCode{})
	}
	hash, below, _ := strings.Cut(strings.TrimPrefix(name, codeName+"/"), "/")
	if !strings.HasPrefix(name, codeName+"/") || !codestore.IsHash(hash) {
		return damaged("%.80q does not belong into a backup", h.Name)
	}
	return a.codeEntry(h, name, hash, below)
}

// Partial is the name of a database until everything is there. If it exists while nobody restores, a restore was
// killed.
func Partial(name string) string { return name + ".restoring" }

func (a *reader) codeEntry(h *tar.Header, name, hash, below string) error {
	piece := a.pieces[hash]
	if piece == nil {
		piece = &pieceOfCode{}
		a.pieces[hash] = piece
		a.restored.Code++
		if err := a.codeDir(); err != nil {
			return err
		}
	}
	if piece.files++; piece.files > codestore.MaxFiles {
		return damaged("the code %s has too many files", hash)
	}
	if below != "" && !a.dirs[slashes.Dir(name)] || below == "" && h.Typeflag != tar.TypeDir {
		return damaged("%.80q is in no directory", h.Name)
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return a.dir(name, 0o755)
	case tar.TypeSymlink:
		if !codestore.LeadsWithin(below, h.Linkname) {
			return damaged("the link %.80q leads elsewhere", h.Name)
		}
		a.made = append(a.made, name)
		return a.root.Symlink(h.Linkname, name)
	case tar.TypeReg:
		mode := fs.FileMode(0o444)
		if h.Mode&0o111 != 0 {
			mode = 0o555
		}
		return a.file(name, name, mode, piece)
	}
	return damaged("%.80q is neither a file nor a directory", h.Name)
}

func (a *reader) codeDir() error {
	if a.dirs[codeName] {
		return nil
	}
	return a.dir(codeName, 0o700)
}

func (a *reader) dir(name string, mode fs.FileMode) error {
	if err := a.root.Mkdir(name, mode); err != nil {
		return err
	}
	a.made, a.dirs[name] = append(a.made, name), true
	return nil
}

// file writes the next file to path, safe on the disk; name is its name in the archive.
func (a *reader) file(path, name string, mode fs.FileMode, piece *pieceOfCode) error {
	f, err := a.root.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, mode|0o600)
	if err != nil {
		return err
	}
	a.made = append(a.made, path)
	defer f.Close()
	sum := sha256.New()
	if err := a.copy(io.MultiWriter(f, sum), piece); err != nil {
		return err
	}
	a.sums.WriteString(sumLine(sum.Sum(nil), name))
	if path != name {
		if err := a.opts.Check(f); err != nil {
			return damaged("%s: %v", name, err)
		}
	}
	return errors.Join(f.Chmod(mode), f.Sync(), f.Close())
}

// copy writes the next file. It refuses files with holes: we write none, and they would be larger than what was
// read.
func (a *reader) copy(w io.Writer, piece *pieceOfCode) error {
	buffer := make([]byte, 256<<10)
	for {
		n, err := a.tar.Read(buffer)
		a.written += int64(n)
		piece.size += int64(n)
		switch {
		case a.written > a.read.n:
			return damaged("it makes more of itself than it is")
		case piece.files > 0 && piece.size > codestore.MaxSize:
			return damaged("a piece of code is larger than %d bytes", codestore.MaxSize)
		}
		if _, err := w.Write(buffer[:n]); err != nil {
			return err
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			return errors.New("it is cut off")
		case err != nil:
			return err
		}
	}
}

// end compares the files with the sums at the end.
func (a *reader) end(h *tar.Header) error {
	if h.Typeflag != tar.TypeReg || h.Size > maxSums {
		return damaged("it has no sums")
	}
	var text bytes.Buffer
	if err := a.copy(&text, &pieceOfCode{}); err != nil {
		return err
	}
	if text.String() != a.sums.String() {
		return damaged("what is in it is not what was written")
	}
	if _, err := a.tar.Next(); !errors.Is(err, io.EOF) {
		return damaged("something comes after its end")
	}
	if !a.seen[a.opts.Databases[0]] {
		return damaged("it holds no database")
	}
	return nil
}

// finish gives the databases their names, the first one last, when the rest is on the disk.
func (a *reader) finish() error {
	for name := range a.dirs {
		if err := a.flush(name); err != nil {
			return err
		}
	}
	for _, name := range slices.Backward(a.opts.Databases) {
		if !a.seen[name] {
			continue
		}
		if err := a.give(name); err != nil {
			return err
		}
		if err := a.flush("."); err != nil {
			return err
		}
	}
	return nil
}

// give gives a database its unused name.
func (a *reader) give(name string) error {
	err := a.root.Link(Partial(name), name)
	if err == nil {
		a.made = append(a.made, name)
		return a.root.Remove(Partial(name))
	}
	if _, there := a.root.Lstat(name); there == nil {
		return fmt.Errorf("%s is there already", name)
	}
	if err := a.root.Rename(Partial(name), name); err != nil { // some file systems have no second names
		return err
	}
	a.made = append(a.made, name)
	return nil
}

// undo removes what was made. A directory stays if somebody else put something into it.
func (a *reader) undo() error {
	var errs []error
	for _, name := range slices.Backward(a.made) {
		if err := a.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
