package watch

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func start(t *testing.T, dirs ...string) *Watcher {
	t.Helper()
	w, err := New(20 * time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := w.Set(dirs); err != nil {
		t.Fatal(err)
	}
	return w
}

func write(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(time.Now().String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// until receives changes until path is among them.
func until(t *testing.T, w *Watcher, path string) {
	t.Helper()
	limit := time.After(2 * time.Minute)
	for {
		select {
		case paths := <-w.Changes():
			if slices.Contains(paths, path) {
				return
			}
		case <-limit:
			t.Fatalf("heard nothing of %s", path)
		}
	}
}

func TestChangesAreTold(t *testing.T) {
	dir := t.TempDir()
	w := start(t, dir)
	a := filepath.Join(dir, "a")
	write(t, a)
	until(t, w, a)
	if err := os.Rename(a, filepath.Join(dir, "b")); err != nil {
		t.Fatal(err)
	}
	until(t, w, filepath.Join(dir, "b"))
	if err := os.Remove(filepath.Join(dir, "b")); err != nil {
		t.Fatal(err)
	}
	until(t, w, filepath.Join(dir, "b"))
}

// TestChangesAreGathered: what happens while nobody listens comes at once.
func TestChangesAreGathered(t *testing.T) {
	dir := t.TempDir()
	w := start(t, dir)
	for _, name := range []string{"a", "b", "c"} {
		write(t, filepath.Join(dir, name))
	}
	limit := time.After(2 * time.Minute)
	seen := map[string]bool{}
	for tellings := 0; len(seen) < 3; tellings++ {
		select {
		case paths := <-w.Changes():
			for _, path := range paths {
				seen[filepath.Base(path)] = true
			}
		case <-limit:
			t.Fatalf("heard of %v only", seen)
		}
	}
}

// TestSetReplaces: a directory that is not in the set any more is silent, and
// one that does not exist is no mistake.
func TestSetReplaces(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	w := start(t, one, filepath.Join(one, "nowhere"))
	if err := w.Set([]string{two}); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(one, "a"))
	write(t, filepath.Join(two, "b"))
	paths := <-w.Changes()
	if slices.Contains(paths, filepath.Join(one, "a")) || !slices.Contains(paths, filepath.Join(two, "b")) {
		t.Errorf("got %q, want b and not a", paths)
	}
}

// TestDirectoriesThatComeBack are watched again.
func TestDirectoriesThatComeBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	w := start(t, dir)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := w.Set([]string{dir}); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "a"))
	until(t, w, filepath.Join(dir, "a"))
}
