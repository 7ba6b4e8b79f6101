package fresh

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func fill(text string) func(*os.File) error {
	return func(f *os.File) error { _, err := f.WriteString(text); return err }
}

// What stands in the way stays as it is, whatever it is.
func TestNothingIsReplaced(t *testing.T) {
	for name, plant := range map[string]func(path, victim string) error{
		"file":      func(path, _ string) error { return os.WriteFile(path, []byte("theirs"), 0o644) },
		"link":      func(path, victim string) error { return os.Symlink(victim, path) },
		"dead link": func(path, victim string) error { return os.Symlink(victim+"-gone", path) },
		"directory": func(path, _ string) error { return os.Mkdir(path, 0o755) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			victim, path := filepath.Join(dir, "victim"), filepath.Join(dir, "new")
			if err := errors.Join(os.WriteFile(victim, []byte("theirs"), 0o600), plant(path, victim)); err != nil {
				t.Fatal(err)
			}
			before := names(t, dir)
			if _, err := File(path, 0o600); !errors.Is(err, fs.ErrExist) {
				t.Errorf("File: got %v", err)
			}
			if err := Write(path, 0o600, fill("ours")); !errors.Is(err, fs.ErrExist) {
				t.Errorf("Write: got %v", err)
			}
			d, err := MakeDir(dir, "making-", 0o755)
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Place(path); !errors.Is(err, fs.ErrExist) {
				t.Errorf("Place: got %v", err)
			}
			if err := d.Remove(); err != nil {
				t.Error(err)
			}
			if got, _ := os.ReadFile(victim); string(got) != "theirs" {
				t.Errorf("the victim holds %q", got)
			}
			if got := names(t, dir); !slices.Equal(got, before) {
				t.Errorf("got %q, want %q", got, before)
			}
		})
	}
}

// Somebody takes the name while the file is written.
func TestNameTakenMeanwhile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "new")
	err := Write(path, 0o600, func(f *os.File) error {
		return errors.Join(fill("ours")(f), os.WriteFile(path, []byte("theirs"), 0o644))
	})
	if got, _ := os.ReadFile(path); !errors.Is(err, fs.ErrExist) || string(got) != "theirs" {
		t.Errorf("got %q, %v", got, err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"new"}) {
		t.Errorf("left behind: %q", got)
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "new")
	if err := Write(path, 0o640, fill("ours")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if got, _ := os.ReadFile(path); err != nil || string(got) != "ours" || info.Mode() != 0o640 {
		t.Errorf("got %q, %v, %v", got, info.Mode(), err)
	}
	failure := errors.New("no more")
	if err := Write(filepath.Join(dir, "never"), 0o600, func(*os.File) error { return failure }); !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"new"}) {
		t.Errorf("got %q", got)
	}
}

// A directory is removed by who made it, or swept when nobody is at it, and
// nothing else is.
func TestDirAndSweep(t *testing.T) {
	dir := t.TempDir()
	theirs := []string{"making-", "making-notes", "making-" + strings.Repeat("A", 26), "other"}
	for _, name := range theirs {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	at, err := MakeDir(dir, "making-", 0o755)
	if err != nil {
		t.Fatal(err)
	}
	left, err := MakeDir(dir, "making-", 0o700)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(left.Path, "f"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	left.lock.Close() // as when its process ends
	if err := Sweep(dir, "making-"); err != nil {
		t.Fatal(err)
	}
	want := append(slices.Clone(theirs), filepath.Base(at.Path), filepath.Base(at.Path)+locked)
	slices.Sort(want)
	if got := names(t, dir); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	moved := at.Path + "-moved"
	if err := errors.Join(os.Rename(at.Path, moved), os.Mkdir(at.Path, 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := at.Remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(at.Path); err != nil {
		t.Errorf("somebody else's directory is gone: %v", err)
	}
	if err := Sweep(filepath.Join(dir, "nowhere"), "x"); err != nil {
		t.Error(err)
	}
}

func TestPlace(t *testing.T) {
	dir := t.TempDir()
	d, err := MakeDir(dir, ".new-", 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Place(filepath.Join(dir, "done")); err != nil {
		t.Fatal(err)
	}
	if err := d.Remove(); err != nil {
		t.Error(err)
	}
	info, err := os.Stat(filepath.Join(dir, "done"))
	if got := names(t, dir); err != nil || info.Mode().Perm() != 0o755 || !slices.Equal(got, []string{"done"}) {
		t.Errorf("got %q, %v", got, err)
	}
}
