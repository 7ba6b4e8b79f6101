package offload

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/perdure/perdure/durable"
)

// Dir is a [Store] in a directory, such as a mounted network file system that all machines of the function see.
// Values are files; their directories are made as needed.
type Dir string

// Put implements [Store].
func (d Dir) Put(_ context.Context, key string, data []byte) error {
	path, err := d.path(key)
	if err != nil {
		return err
	}
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) {
		return nil
	}
	if err := writeFile(path, data); err != nil {
		return fmt.Errorf("%w: %w", durable.ErrUnavailable, err)
	}
	return nil
}

// writeFile writes a whole file or none.
func writeFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".put-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return errors.Join(syncDir(filepath.Dir(path)), syncDir(filepath.Dir(filepath.Dir(path))))
}

// syncDir makes a new name in a directory durable.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Get implements [Store].
func (d Dir) Get(_ context.Context, key string) ([]byte, error) {
	path, err := d.path(key)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if err != nil && !(errors.Is(err, fs.ErrNotExist) && d.isThere()) {
		err = fmt.Errorf("%w: %w", durable.ErrUnavailable, err)
	}
	return data, err
}

// isThere reports whether the directory can be read: otherwise values are out of reach, not lost.
func (d Dir) isThere() bool {
	info, err := os.Stat(string(d))
	return err == nil && info.IsDir()
}

// path refuses keys that lead out of the directory: keys come from histories.
func (d Dir) path(key string) (string, error) {
	local := filepath.FromSlash(key)
	if d == "" || !filepath.IsLocal(local) {
		return "", fmt.Errorf("%q is not a key of a value in the directory %q", key, string(d))
	}
	return filepath.Join(string(d), local), nil
}
