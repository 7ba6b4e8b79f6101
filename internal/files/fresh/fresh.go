// Package fresh makes new files and directories among those of others. It makes nothing through a link, replaces
// nothing, and removes only what it made.
package fresh

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/perdure/perdure/internal/files/filelock"
)

// File makes a new file with exactly this mode, for writing. If the name is taken, even by a link that leads
// nowhere, it fails with [fs.ErrExist].
func File(path string, mode fs.FileMode) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return nil, err
	}
	if err := f.Chmod(mode); err != nil { // in spite of the umask
		return nil, errors.Join(err, Discard(f))
	}
	return f, nil
}

// Discard closes and removes a file that was made here, unless another one has its place by now.
func Discard(f *os.File) error {
	mine := filelock.IsAt(f, f.Name())
	err := f.Close()
	if mine {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}

// Write makes a new file that appears only with all its content, safe on the disk. Until then it has another name
// beside path. If the name is taken, even by somebody who was faster, it fails with [fs.ErrExist].
func Write(path string, mode fs.FileMode, write func(*os.File) error) (err error) {
	if _, err := os.Lstat(path); err == nil {
		return taken(path)
	}
	f, err := File(path+".partial-"+rand.Text(), mode)
	if err != nil {
		return err
	}
	defer func() {
		if failed := Discard(f); err == nil && !errors.Is(failed, os.ErrClosed) {
			err = failed
		}
	}()
	if err := errors.Join(write(f), f.Sync()); err != nil {
		return err
	}
	if err := give(f, path); err != nil {
		return err
	}
	return Flush(filepath.Dir(path))
}

func taken(path string) error { return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist} }

// give gives a file that was made here a second, unused name; on a file system without second names, it renames the
// file.
func give(f *os.File, path string) error {
	err := os.Link(f.Name(), path)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	holder, err := File(path, 0o600)
	if err != nil {
		return err
	}
	if runtime.GOOS == "windows" { // Windows renames no open file, and replaces none
		if err := errors.Join(Discard(holder), f.Close()); err != nil {
			return err
		}
		return os.Rename(f.Name(), path)
	}
	defer holder.Close()
	return os.Rename(f.Name(), path)
}

// Flush puts the names in a directory, or the bytes of a file, on the disk. Windows does that only for files that are
// open for writing, so nothing happens there.
func Flush(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Dir is a directory that was made here, to be filled and given its name, or removed.
type Dir struct {
	Path string
	info fs.FileInfo
	lock *os.File // beside it, while its maker is at work
}

// locked ends the name of a directory's lock.
const locked = ".lock"

// MakeDir makes a directory with exactly this mode in parent, under a name that
// begins with prefix and cannot be guessed.
func MakeDir(parent, prefix string, mode fs.FileMode) (*Dir, error) {
	d := &Dir{Path: filepath.Join(parent, prefix+rand.Text())}
	var err error
	if d.lock, err = filelock.Take(d.Path+locked, filelock.Exclusive); err != nil {
		return nil, err
	}
	if d.lock == nil {
		return nil, taken(d.Path)
	}
	if err := os.Mkdir(d.Path, 0o700); err != nil {
		return nil, errors.Join(err, Discard(d.lock))
	}
	if d.info, err = os.Lstat(d.Path); err == nil {
		err = os.Chmod(d.Path, mode)
	}
	if err != nil {
		return nil, errors.Join(err, d.Remove())
	}
	return d, nil
}

// Remove removes the directory with its content, unless it has another name by now. It may be called again.
func (d *Dir) Remove() (err error) {
	there, statErr := os.Lstat(d.Path)
	if statErr == nil && d.info != nil && os.SameFile(there, d.info) {
		err = os.RemoveAll(d.Path)
	}
	return errors.Join(err, d.unlock())
}

func (d *Dir) unlock() error {
	if d.lock == nil {
		return nil
	}
	lock := d.lock
	d.lock = nil
	return Discard(lock)
}

// Place gives the directory the name to, and lets go of it. If the name is taken it fails with [fs.ErrExist], and
// the directory is still to be removed.
func (d *Dir) Place(to string) error {
	if _, err := os.Lstat(to); err == nil {
		return taken(to)
	}
	if err := os.Rename(d.Path, to); err != nil {
		if _, there := os.Lstat(to); there == nil {
			return taken(to)
		}
		return err
	}
	return d.unlock()
}

// Sweep removes directories of [MakeDir] in parent with this prefix whose makers ended without removing them.
// parent need not exist.
func Sweep(parent, prefix string) error {
	entries, err := os.ReadDir(parent)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	for _, e := range entries {
		name, isLock := strings.CutSuffix(e.Name(), locked)
		random, made := strings.CutPrefix(name, prefix)
		if isLock && made && len(random) == len(rand.Text()) {
			errs = append(errs, sweepOne(filepath.Join(parent, name)))
		}
	}
	return errors.Join(errs...)
}

func sweepOne(path string) error {
	lock, err := filelock.Take(path+locked, filelock.Exclusive)
	if lock == nil || err != nil {
		return err // its maker is at work
	}
	if err := os.RemoveAll(path); err != nil {
		return errors.Join(fmt.Errorf("removing what was left behind: %w", err), lock.Close())
	}
	return Discard(lock)
}
