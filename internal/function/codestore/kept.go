package codestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/perdure/perdure/internal/files/fresh"
)

// Verify reads the code under a hash, and returns an error if it is missing or changed: here, or in the depot.
func (s *Store) Verify(ctx context.Context, hash string) error {
	path, err := s.Path(hash)
	if err != nil && (s.depot == nil || !IsHash(hash)) {
		return err
	}
	if err == nil {
		code, err := digestOf(ctx, path)
		if err == nil && code.Hash != hash {
			err = fmt.Errorf("its code is damaged: what is in %s has the hash %s", path, code.Hash)
		}
		if err != nil || s.depot == nil {
			return err
		}
	}
	return s.verifyShared(ctx, hash)
}

// link links all code that is here into the directory to, unless it is there: by second names of its files, which
// nobody changes, or as copies.
func (s *Store) link(ctx context.Context, to string) error {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() || !IsHash(e.Name()) {
			continue
		}
		target := filepath.Join(to, e.Name())
		if _, err := os.Lstat(target); err == nil {
			continue
		}
		if err := linkTree(ctx, filepath.Join(s.dir, e.Name()), target); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func linkTree(ctx context.Context, from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		below, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, below)
		switch d.Type() {
		case fs.ModeDir:
			return os.Mkdir(target, 0o755)
		case fs.ModeSymlink:
			said, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(said, target)
		}
		if os.Link(path, target) == nil {
			return nil
		}
		return copyFile(path, target)
	})
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := fresh.File(to, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
