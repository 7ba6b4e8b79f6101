package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/perdure/perdure/internal/files/fresh"
)

// packagesDir is where, beside a function's builds, the packages are that it
// needs from elsewhere: a directory for each list of them that was installed.
const packagesDir = "packages"

// packages returns the directory in which install has installed what lists describe: files, of which some may not
// exist, by their paths from the source; and local, which are packages of this machine. It is installed once for
// each state of them, and appears as a whole.
func (j *job) packages(ctx context.Context, lists, local []string, install func(ctx context.Context, dir string) error) (string, error) {
	h := sha256.New()
	for _, list := range lists {
		data, err := os.ReadFile(absolute(j.Dir, list))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", errorf("%s cannot be built: %v", j.Name, err)
		}
		fmt.Fprintf(h, "%s %d %v\n", list, len(data), err == nil)
		h.Write(data)
	}
	for _, path := range local {
		if err := stamps(h, j.Source, path); err != nil {
			return "", errorf("%s cannot be built: %v", j.Name, err)
		}
	}
	home := filepath.Join(j.home, packagesDir)
	dir := filepath.Join(home, hex.EncodeToString(h.Sum(nil)[:8]))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(home, 0o755); err != nil {
		return "", err
	}
	if err := fresh.Sweep(home, unfinished); err != nil {
		return "", err
	}
	temp, err := fresh.MakeDir(home, unfinished, 0o755)
	if err != nil {
		return "", err
	}
	defer temp.Remove()
	if err := install(ctx, temp.Path); err != nil {
		return "", err
	}
	return dir, place(temp, dir)
}
