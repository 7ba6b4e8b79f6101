package build

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/perdure/perdure/internal/files/filelock"
	"github.com/perdure/perdure/internal/files/fresh"
)

// Holds keep builds from being removed by other processes that build below the same root. The zero value is ready
// to use. Release, [Prune], or the end of the process gives them back.
type Holds struct {
	mu    sync.Mutex
	files map[string]*os.File // locks, by the directory of the build
}

// locked ends the name of a build's lock.
const locked = ".lock"

// removing bounds the time to remove a build.
const removing = 30 * time.Second

// take holds the build in dir, which may not exist yet. It waits for a process that is removing it.
func (h *Holds) take(dir string) error {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.files[dir] != nil {
		return nil
	}
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		lock, err := filelock.Take(dir+locked, filelock.Shared)
		if err != nil {
			return err
		}
		if lock != nil {
			if h.files == nil {
				h.files = map[string]*os.File{}
			}
			h.files[dir] = lock
			return nil
		}
		if time.Since(began) > removing {
			return fmt.Errorf("somebody removes %s, and does not come to an end", dir)
		}
	}
}

func (h *Holds) drop(dir string) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if lock := h.files[dir]; lock != nil {
		lock.Close()
		delete(h.files, dir)
	}
}

// Release gives everything back.
func (h *Holds) Release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for dir, lock := range h.files {
		lock.Close()
		delete(h.files, dir)
	}
}

// Prune removes the builds of a function, but for those to keep, given by their IDs, and those that others hold; it
// also removes the remains of interrupted builds. It gives back what holds has of the removed builds: none of their
// processes may be running here.
func Prune(root, function string, holds *Holds, keep ...string) error {
	home := filepath.Join(root, function)
	kept := map[string]bool{}
	for _, id := range keep {
		kept[id] = true
	}
	entries, err := os.ReadDir(home)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	for _, e := range entries {
		if id := e.Name(); e.IsDir() && isID(id) && !kept[id] {
			dir := filepath.Join(home, id)
			holds.drop(dir)
			errs = append(errs, remove(dir))
		}
	}
	return errors.Join(append(errs, fresh.Sweep(home, unfinished))...)
}

// isID reports whether name is the ID of a build.
func isID(name string) bool {
	raw, err := hex.DecodeString(name)
	return err == nil && len(raw) == idBytes && name == strings.ToLower(name)
}

// remove removes a build that nobody holds.
func remove(dir string) error {
	lock, err := filelock.Take(dir+locked, filelock.Exclusive)
	if lock == nil || err != nil {
		return err
	}
	defer lock.Close()
	return errors.Join(os.RemoveAll(dir), os.Remove(dir+locked))
}
