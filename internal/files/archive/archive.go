// Package archive is the data of an engine as one file: a tar archive, so that people can look into it.
//
//	perdure.json        what it is
//	perdure.db          the database
//	logs.db             functions' output, if there is any
//	code/3f9c…/…        the code of published versions, as package codestore keeps it
//	perdure.sha256      the SHA-256 of each file above, as sha256sum writes them
//
// [Restore] trusts no archive: it makes nothing outside of the directory that it is given, follows no link,
// replaces nothing, and writes no more bytes than it reads.
package archive

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	slashes "path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/perdure/perdure/internal/function/codestore"
)

// The names in an archive, beside those of code.
const (
	headName = "perdure.json"
	sumsName = "perdure.sha256"
	codeName = "code"
)

// head is the beginning of an archive.
type head struct {
	Format  string
	Version int
}

var current = head{"perdure-backup", 1}

// Source is the content of an archive.
type Source struct {
	// Databases are the paths of database files that nobody writes to, by their names in a data directory.
	Databases map[string]string
	// Code is a directory of package codestore; it need not exist.
	Code string
}

// Write writes an archive of src. The same source always gives the same bytes.
func Write(ctx context.Context, w io.Writer, src *Source) error {
	a := &writer{ctx: ctx, tar: tar.NewWriter(w)}
	text, err := json.Marshal(current)
	if err != nil {
		return err
	}
	if err := a.text(headName, string(text)+"\n"); err != nil {
		return err
	}
	for _, name := range sortedNames(src.Databases) {
		if err := a.file(name, src.Databases[name], 0o600); err != nil {
			return err
		}
	}
	if err := a.code(src.Code); err != nil {
		return err
	}
	if err := a.text(sumsName, a.sums.String()); err != nil {
		return err
	}
	return a.tar.Close()
}

func sortedNames(m map[string]string) (names []string) {
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

type writer struct {
	ctx  context.Context
	tar  *tar.Writer
	sums strings.Builder
}

// text writes a file without a sum.
func (a *writer) text(name, text string) error {
	if err := a.tar.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(text)), Format: tar.FormatPAX}); err != nil {
		return err
	}
	_, err := io.WriteString(a.tar, text)
	return err
}

func (a *writer) file(name, path string, mode fs.FileMode) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := a.tar.WriteHeader(&tar.Header{Name: name, Mode: int64(mode), Size: info.Size(), Format: tar.FormatPAX}); err != nil {
		return err
	}
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(a.tar, sum), &patient{a.ctx, f}); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	a.sums.WriteString(sumLine(sum.Sum(nil), name))
	return nil
}

// patient reads until its context ends.
type patient struct {
	ctx context.Context
	r   io.Reader
}

func (p *patient) Read(b []byte) (int, error) {
	if err := context.Cause(p.ctx); err != nil {
		return 0, err
	}
	return p.r.Read(b)
}

// code writes a directory of code, in the order of names.
func (a *writer) code(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() || !codestore.IsHash(e.Name()) {
			continue
		}
		root := filepath.Join(dir, e.Name())
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			below, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			return a.entry(slashes.Join(codeName, e.Name(), filepath.ToSlash(below)), path, d)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *writer) entry(name, path string, d fs.DirEntry) error {
	switch d.Type() {
	case fs.ModeDir:
		return a.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755, Format: tar.FormatPAX})
	case fs.ModeSymlink:
		to, err := os.Readlink(path)
		if err != nil {
			return err
		}
		return a.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: filepath.ToSlash(to), Mode: 0o777, Format: tar.FormatPAX})
	}
	info, err := d.Info()
	if err != nil {
		return err
	}
	return a.file(name, path, info.Mode().Perm())
}

// sumLine is a file's line at the end of an archive.
func sumLine(sum []byte, name string) string { return fmt.Sprintf("%x  %s\n", sum, name) }
