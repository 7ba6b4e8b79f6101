//go:build !linux

package codestore

import (
	"io/fs"
	"path/filepath"

	"github.com/perdure/perdure/internal/files/fresh"
)

// flush puts all that is below dir on the disk.
func flush(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() && !d.Type().IsRegular() {
			return err
		}
		return fresh.Flush(path)
	})
}
