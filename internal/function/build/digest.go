package build

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// digest names the content of a directory: names, modes, bytes, and where links lead.
func digest(dir string) (string, error) {
	return walk(dir, func(h hash.Hash, path string, d fs.DirEntry) error {
		switch {
		case d.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			fmt.Fprintf(h, "%q\n", target)
			return err
		case d.Type().IsRegular():
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = io.Copy(h, f)
			return err
		}
		return nil
	})
}

// fingerprint names the state of a source that is run as it is, by the sizes and times of its files, as it may be
// large.
func fingerprint(src *Source) (string, error) {
	h := sha256.New()
	err := stamps(h, src, src.Dir)
	return hex.EncodeToString(h.Sum(nil)[:8]), err
}

// stamps writes the names, sizes and times in a directory, or of a file.
func stamps(h hash.Hash, src *Source, path string) error {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		if err == nil {
			fmt.Fprintln(h, path, info.Size(), info.ModTime().UnixNano())
		}
		return nil // who needs it says that it is missing
	}
	w := &walker{
		once: true,
		skip: func(path string, info fs.FileInfo) bool { return info.IsDir() && src.leftOut(path) },
		visit: func(name, _ string, info fs.FileInfo) error {
			fmt.Fprintf(h, "%q %v\n", name, info.Mode())
			if !info.IsDir() {
				fmt.Fprintln(h, info.Size(), info.ModTime().UnixNano())
			}
			return nil
		},
	}
	return w.walk(path)
}

func walk(dir string, add func(hash.Hash, string, fs.DirEntry) error) (string, error) {
	h := sha256.New()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%q %v\n", name, d.Type())
		if d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				fmt.Fprintln(h, info.Mode().Perm(), info.Size())
			}
		}
		return add(h, path, d)
	})
	return hex.EncodeToString(h.Sum(nil)[:idBytes]), err
}

// idBytes is the number of bytes of a hash in an ID.
const idBytes = 8
