package filelock

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func take(t *testing.T, path string, kind Kind) *os.File {
	t.Helper()
	f, err := Take(path, kind)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestTake(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first := take(t, path, Shared)
	second := take(t, path, Shared)
	if f := take(t, path, Exclusive); f != nil {
		t.Error("locked by one beside those who share")
	}
	first.Close()
	second.Close()
	one := take(t, path, Exclusive)
	if take(t, path, Exclusive) != nil || take(t, path, Shared) != nil {
		t.Error("locked beside the one who has it")
	}
	if !IsAt(one, path) {
		t.Error("it is not where it was made")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if IsAt(one, path) {
		t.Error("it is where it is no more")
	}
	other := take(t, path, Exclusive)
	defer other.Close()
	if other == nil || IsAt(one, path) {
		t.Error("a new file under the same name is not locked by itself")
	}
	one.Close()
}

func TestTakeNoLink(t *testing.T) {
	dir := t.TempDir()
	victim, path := filepath.Join(dir, "victim"), filepath.Join(dir, "lock")
	if err := os.Symlink(victim, path); err != nil {
		t.Skip(err)
	}
	if f, err := Take(path, Exclusive); err == nil || !strings.Contains(err.Error(), "is left alone") {
		t.Errorf("got %v, %v", f, err)
	}
	if _, err := os.Lstat(victim); err == nil {
		t.Error("the link was followed")
	}
	if _, err := Take(dir, Exclusive); err == nil {
		t.Error("a directory was locked")
	}
}
