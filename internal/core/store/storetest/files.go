package storetest

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/internal/core/store"
)

// RunFiles checks the files of a store. Each call of open returns a new and empty one.
func RunFiles(t *testing.T, open func(t *testing.T) store.Files) {
	t.Run("Files", func(t *testing.T) { testFiles(t, open(t)) })
	t.Run("FileRace", func(t *testing.T) { testFileRace(t, open(t)) })
}

func readFile(t testing.TB, s store.Files, name string) []byte {
	t.Helper()
	r, err := s.File(background, name)
	if err != nil {
		t.Fatalf("File(%q): %v", name, err)
	}
	defer r.Close()
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("reading %q: %v", name, err)
	}
	return content
}

func testFiles(t *testing.T, s store.Files) {
	contents := map[string]string{
		"empty": "", "small": "a\x00b", "whole part": strings.Repeat("p", 1<<20),
		"large": strings.Repeat("0123456789", 300_000),
	}
	for name, content := range contents {
		if err := s.PutFile(background, name, strings.NewReader(content)); err != nil {
			t.Fatalf("PutFile(%q): %v", name, err)
		}
		if err := s.PutFile(background, name, strings.NewReader("another")); err != nil {
			t.Errorf("PutFile(%q) again: %v", name, err)
		}
	}
	for name, content := range contents {
		if got := readFile(t, s, name); string(got) != content {
			t.Errorf("%s: got %d bytes, want %d", name, len(got), len(content))
		}
	}
	broken := errors.New("broken")
	cut := io.MultiReader(bytes.NewReader(make([]byte, 2<<20)), iotest.ErrReader(broken))
	if err := s.PutFile(background, "cut", cut); !errors.Is(err, broken) {
		t.Errorf("a reader that fails: got %v, want %v", err, broken)
	}
	if err := s.DeleteFile(background, "small"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"small", "cut", "unknown"} {
		if _, err := s.File(background, name); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: got %v, want %v", name, err, store.ErrNotFound)
		}
		if err := s.DeleteFile(background, name); err != nil {
			t.Errorf("deleting %s: %v", name, err)
		}
	}
	names, err := s.FileNames(background)
	if diff := cmp.Diff([]string{"empty", "large", "whole part"}, names); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// testFileRace lets many put one file: it is there once, whole.
func testFileRace(t *testing.T, s store.Files) {
	content := bytes.Repeat([]byte("content"), 200_000)
	together(6, func(int) {
		if err := s.PutFile(background, "f", bytes.NewReader(content)); err != nil {
			t.Error(err)
		}
	})
	if got := readFile(t, s, "f"); !bytes.Equal(got, content) {
		t.Errorf("got %d bytes, want %d", len(got), len(content))
	}
	if names, err := s.FileNames(background); err != nil || len(names) != 1 {
		t.Errorf("got %v, %v, want one", names, err)
	}
}
