package codestore

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	slashes "path"
	"slices"
	"strings"
)

// Bounds of a packed piece of code, beside MaxSize and MaxFiles.
const (
	maxName  = 4096
	maxNames = 64 << 20 // of all names, in bytes
)

// pack writes a tree as a compressed tar archive. The same tree gives the same bytes.
func (t *tree) pack(ctx context.Context, w io.Writer) error {
	zipped, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(zipped)
	for _, e := range t.entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := e.pack(archive); err != nil {
			return err
		}
	}
	return errors.Join(archive.Close(), zipped.Close())
}

func (e entry) pack(to *tar.Writer) error {
	h := &tar.Header{Name: e.path, Mode: 0o444, Format: tar.FormatPAX, Typeflag: tar.TypeReg}
	switch e.info.Mode().Type() {
	case fs.ModeDir:
		h.Typeflag, h.Mode, h.Name = tar.TypeDir, 0o755, e.path+"/"
		return to.WriteHeader(h)
	case fs.ModeSymlink:
		h.Typeflag, h.Mode, h.Linkname = tar.TypeSymlink, 0o777, e.link
		return to.WriteHeader(h)
	}
	from, err := os.Open(e.from)
	if err != nil {
		return err
	}
	defer from.Close()
	if h.Size = e.info.Size(); executable(e.info) {
		h.Mode = 0o555
	}
	if err := to.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return err
}

// unpack unpacks code into the new directory dir. It trusts nobody: it makes nothing outside of dir, follows no link,
// replaces nothing, makes nothing that has no part in the code's hash, and stops at the bounds of code.
func unpack(ctx context.Context, r io.Reader, dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	zipped, err := gzip.NewReader(r)
	if err != nil {
		return err
	}
	u := unpacker{root: root, tar: tar.NewReader(zipped), dirs: map[string]bool{".": true}}
	for {
		h, err := u.tar.Next()
		switch {
		case errors.Is(err, io.EOF):
			// The sum of what is compressed comes behind the archive's end.
			rest, err := io.Copy(io.Discard, io.LimitReader(zipped, 1))
			if err == nil && rest > 0 {
				err = errors.New("something comes after its end")
			}
			return err
		case err == nil:
			err = ctx.Err()
		}
		if err == nil {
			err = u.entry(h)
		}
		if err != nil {
			return err
		}
	}
}

type unpacker struct {
	root  *os.Root
	tar   *tar.Reader
	dirs  map[string]bool
	files int
	names int
	size  int64
}

// entry makes one file, directory or link.
func (u *unpacker) entry(h *tar.Header) error {
	name := strings.TrimSuffix(h.Name, "/")
	u.files++
	u.names += len(name)
	switch {
	case u.files > MaxFiles || u.names > maxNames:
		return errors.New("there are too many files in it")
	case len(name) > maxName || name == "." || !fs.ValidPath(name):
		return fmt.Errorf("no file can be called %.80q", h.Name)
	case !u.dirs[slashes.Dir(name)]:
		return fmt.Errorf("%.80q is in no directory", h.Name)
	}
	switch h.Typeflag {
	case tar.TypeDir:
		if slices.Contains(ignored, slashes.Base(name)) {
			return fmt.Errorf("%.80q is no part of any code", h.Name)
		}
		u.dirs[name] = true
		return u.root.Mkdir(name, 0o755)
	case tar.TypeSymlink:
		if !LeadsWithin(name, h.Linkname) {
			return fmt.Errorf("the link %.80q leads elsewhere", h.Name)
		}
		return u.root.Symlink(h.Linkname, name)
	case tar.TypeReg:
		return u.file(name, h)
	}
	return fmt.Errorf("%.80q is neither a file nor a directory", h.Name)
}

func (u *unpacker) file(name string, h *tar.Header) error {
	if u.size += h.Size; u.size > MaxSize {
		return fmt.Errorf("it is larger than %d MB", MaxSize>>20)
	}
	mode := fs.FileMode(0o444)
	if h.Mode&0o111 != 0 {
		mode = 0o555
	}
	f, err := u.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, u.tar)
	return errors.Join(err, f.Close())
}
