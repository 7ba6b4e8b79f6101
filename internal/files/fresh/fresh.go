// Package fresh makes files and directories that did not exist before, among those of others. Nothing is made
// through a link, nothing is replaced, and nothing is removed but what was made here.
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

// File makes a new file with exactly this mode, for writing. That the name is
// taken, be it by a link that leads nowhere, is [fs.ErrExist].
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

// Discard closes and removes a file that was made here, unless another one stands in its place by now.
func Discard(f *os.File) error {
	mine := filelock.IsAt(f, f.Name())
	err := f.Close()
	if mine {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}

// Write makes a new file that is there only with all that write puts into it, safe on the disk. Until then it has a
// name of its own beside path. That the name is taken, also by somebody who was faster, is [fs.ErrExist].
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

// give gives a file that was made here a second name, which nobody has. Where
// there are no second names, the first becomes it.
func give(f *os.File, path string) error {
	err := os.Link(f.Name(), path)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	holder, err := File(path, 0o600)
	if err != nil {
		return err
	}
	if runtime.GOOS == "windows" { // it renames no open file, and over none
		if err := errors.Join(Discard(holder), f.Close()); err != nil {
			return err
		}
		return os.Rename(f.Name(), path)
	}
	defer holder.Close()
	return os.Rename(f.Name(), path)
}

// Flush puts the names in a directory on the disk. Windows has no such call.
func Flush(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
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
	lock *os.File // beside it, as long as somebody is at it
}

// locked is behind the name of a directory in that of its lock.
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

// Remove removes the directory with all that is in it, unless it has another name by now. It may be called again.
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

// Place gives the directory the name to, and lets go of it. If something stands
// there, that is [fs.ErrExist], and the directory is still to be removed.
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

// Sweep removes the directories that [MakeDir] made in parent with this prefix, and whose makers are gone without
// having removed them. It is not an error that there is no parent.
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
		return err // its maker is at it
	}
	if err := os.RemoveAll(path); err != nil {
		return errors.Join(fmt.Errorf("removing what was left behind: %w", err), lock.Close())
	}
	return Discard(lock)
}
