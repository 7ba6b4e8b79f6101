// Package watch tells when something changes in directories: once for all that
// an editor, a tool or a change of branches does at a time.
package watch

import (
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// maxDelay bounds how long changes that go on and on are waited out.
const maxDelay = time.Second

// Watcher watches a set of directories, without those below them. Its methods may be called concurrently.
type Watcher struct {
	quiet   time.Duration
	source  *fsnotify.Watcher
	changes chan []string
	done    chan struct{} // closed when the goroutine has ended

	mu   sync.Mutex
	dirs map[string]bool
}

// New returns a watcher that tells of changes once nothing has changed for quiet, or for a second at most.
func New(quiet time.Duration) (*Watcher, error) {
	source, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	w := &Watcher{
		quiet: quiet, source: source, changes: make(chan []string), done: make(chan struct{}),
		dirs: map[string]bool{},
	}
	go w.run()
	return w, nil
}

// Set makes dirs the directories to watch. Those that do not exist are left out: when they come, their parent
// changes, if it is watched. The error says which could not be watched; the others are.
func (w *Watcher) Set(dirs []string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	want := make(map[string]bool, len(dirs))
	var errs []error
	for _, dir := range dirs {
		dir = filepath.Clean(dir)
		want[dir] = true
		// A directory that was removed and made again is a new one to watch, and to watch one twice does no harm.
		if err := w.source.Add(dir); err == nil {
			w.dirs[dir] = true
		} else if !isMissing(err) {
			errs = append(errs, err)
		}
	}
	for dir := range maps.Clone(w.dirs) {
		if !want[dir] {
			_ = w.source.Remove(dir) // it may be gone
			delete(w.dirs, dir)
		}
	}
	return errors.Join(errs...)
}

// Changes yields the paths that have changed since the last time. What changes
// while nobody receives is kept for later.
func (w *Watcher) Changes() <-chan []string { return w.changes }

// Close ends the watcher.
func (w *Watcher) Close() error {
	err := w.source.Close()
	<-w.done
	return err
}

// run gathers events and hands them on.
func (w *Watcher) run() {
	defer close(w.done)
	gathered := map[string]bool{}
	var first time.Time
	calm := time.NewTimer(0)
	<-calm.C
	var out chan []string // nil until it is calm
	var paths []string
	for {
		select {
		case event, ok := <-w.source.Events:
			if !ok {
				return
			}
			if event.Has(fsnotify.Chmod) && event.Op == fsnotify.Chmod {
				continue // indexers and backups do that all the time
			}
			if len(gathered) == 0 {
				first = time.Now()
			}
			gathered[event.Name] = true
			out = nil
			calm.Reset(min(w.quiet, max(time.Until(first.Add(maxDelay)), 0)))
		case _, ok := <-w.source.Errors:
			if !ok {
				return
			}
			// Too many events to keep: anything may have changed.
			gathered[""] = true
			calm.Reset(w.quiet)
		case <-calm.C:
			paths = nil
			for path := range gathered {
				paths = append(paths, path)
			}
			out = w.changes
		case out <- paths:
			clear(gathered)
			out = nil
		}
	}
}

// isMissing reports whether a directory could not be watched because it is not there, or is none any more.
func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
