package codestore

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// depot is a Depot in memory.
type depot struct {
	mu    sync.Mutex
	files map[string][]byte
	read  int
	fault error
}

func newDepot() *depot { return &depot{files: map[string][]byte{}} }

func (d *depot) PutFile(_ context.Context, name string, content io.Reader) error {
	all, err := io.ReadAll(content)
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, there := d.files[name]; err == nil && !there {
		d.files[name] = all
	}
	return err
}

func (d *depot) File(_ context.Context, name string) (io.ReadCloser, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.read++
	content, ok := d.files[name]
	if !ok {
		return nil, errors.New("not found")
	}
	if d.fault != nil {
		return nil, d.fault
	}
	return io.NopCloser(bytes.NewReader(content)), nil
}

func (d *depot) FileNames(context.Context) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.files)), d.fault
}

func (d *depot) DeleteFile(_ context.Context, name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.files, name)
	return nil
}

var someCode = map[string]string{
	"app.py": "print(1)", "lib/helper.sh": "#!/bin/sh", "lib/empty/": "", "lib/back": "->../app.py",
	"back\\slash ü": "x", "large": strings.Repeat("0123456789", 100_000),
}

// node returns the store of one machine.
func node(t *testing.T, d Depot) *Store { return NewShared(filepath.Join(t.TempDir(), "code"), d) }

// published keeps some code on one machine, and returns its hash.
func published(t *testing.T, d Depot) string {
	t.Helper()
	src := t.TempDir()
	write(t, src, someCode)
	code, _ := keep(t, node(t, d), Source{Path: src})
	return code.Hash
}

// TestShared: what one machine keeps others have, as it is; the same code is put there once, as the same bytes.
func TestShared(t *testing.T) {
	d, other := newDepot(), newDepot()
	hash := published(t, d)
	if again := published(t, other); again != hash || !bytes.Equal(d.files[hash], other.files[hash]) {
		t.Error("the same code does not make the same file")
	}
	n := node(t, d)
	if _, err := n.Path(hash); err == nil {
		t.Error("the code is here before somebody needs it")
	}
	dir, err := n.Fetch(t.Context(), hash)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(someCode, withoutDirs(files(t, dir))); diff != "" {
		t.Errorf("(-published +fetched):\n%.1000s", diff)
	}
	if here, err := n.Path(hash); err != nil || here != dir {
		t.Errorf("Path: got %s, %v, want %s", here, err, dir)
	}
	if err := n.Verify(t.Context(), hash); err != nil {
		t.Error(err)
	}
}

// withoutDirs leaves out directories that are not empty.
func withoutDirs(files map[string]string) map[string]string {
	delete(files, "lib/")
	return files
}

// TestFetchedOnce: many who need code at one time fetch it once; one that gives up leaves it to the others.
func TestFetchedOnce(t *testing.T) {
	d := newDepot()
	hash := published(t, d)
	n := node(t, d)
	var all sync.WaitGroup
	for i := range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if i == 0 {
			cancel()
		}
		all.Go(func() {
			if _, err := n.Fetch(ctx, hash); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if d.read > 2 {
		t.Errorf("the code was fetched %d times", d.read)
	}
	if left, _ := filepath.Glob(filepath.Join(n.dir, copying+"*")); len(left) > 0 {
		t.Errorf("%q is left", left)
	}
}

// TestDamagedDepot: code that is missing or changed in the depot is an error of Fetch and Verify, leaves nothing here,
// and does not touch what is here.
func TestDamagedDepot(t *testing.T) {
	for name, damage := range map[string]func(d *depot, hash string){
		"missing":  func(d *depot, hash string) { delete(d.files, hash) },
		"cut off":  func(d *depot, hash string) { d.files[hash] = d.files[hash][:len(d.files[hash])/2] },
		"no end":   func(d *depot, hash string) { d.files[hash] = d.files[hash][:len(d.files[hash])-8] },
		"changed":  func(d *depot, hash string) { d.files[hash][len(d.files[hash])/2]++ },
		"other":    func(d *depot, hash string) { d.files[hash] = packed(t, reg("app.py", "print(2)")) },
		"foreign":  func(d *depot, hash string) { d.files[hash] = []byte("no archive") },
		"followed": func(d *depot, hash string) { d.files[hash] = append(d.files[hash], packed(t, reg("x", "y"))...) },
		"away":     func(d *depot, _ string) { d.fault = errors.New("no connection") },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDepot()
			hash := published(t, d)
			has, lacks := node(t, d), node(t, d)
			if _, err := has.Fetch(t.Context(), hash); err != nil {
				t.Fatal(err)
			}
			damage(d, hash)
			if _, err := lacks.Fetch(t.Context(), hash); err == nil {
				t.Error("it was fetched")
			}
			if err := lacks.Verify(t.Context(), hash); err == nil {
				t.Error("without it: it is in order")
			}
			if err := has.Verify(t.Context(), hash); err == nil {
				t.Error("with it here: it is in order")
			}
			if left, _ := os.ReadDir(lacks.dir); len(left) > 0 {
				t.Errorf("%v is left", left)
			}
			if _, err := has.Fetch(t.Context(), hash); err != nil {
				t.Errorf("what is here: %v", err)
			}
		})
	}
}

// file is an entry of an archive.
type file struct {
	tar.Header
	content string
}

func reg(name, content string) file {
	return file{tar.Header{Name: name, Typeflag: tar.TypeReg, Size: int64(len(content)), Mode: 0o644}, content}
}

// packed makes an archive; contents need not be as long as they should.
func packed(t testing.TB, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, f := range files {
		if err := w.WriteHeader(&f.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, f.content); err != nil {
			t.Fatal(err)
		}
	}
	_ = w.Close() // which says that the content of a file is missing
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestHostilePacks: whatever is in an archive, nothing is made elsewhere, nothing that has no part in the hash, and
// no more than code may have.
func TestHostilePacks(t *testing.T) {
	dir := func(name string) file { return file{tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: 0o777}, ""} }
	link := func(kind byte, name, to string) file {
		return file{tar.Header{Name: name, Linkname: to, Typeflag: kind}, ""}
	}
	for name, files := range map[string][]file{
		"up":            {reg("../out", "x")},
		"up below":      {dir("a/"), reg("a/../../out", "x")},
		"absolute":      {reg("/tmp/out", "x")},
		"itself":        {dir("./")},
		"empty":         {reg("", "x")},
		"no directory":  {reg("a/b", "x")},
		"twice":         {reg("a", "x"), reg("a", "y")},
		"link up":       {link(tar.TypeSymlink, "a", "../out")},
		"link away":     {link(tar.TypeSymlink, "a", "/etc/passwd")},
		"link nowhere":  {link(tar.TypeSymlink, "a", "")},
		"through link":  {dir("b/"), link(tar.TypeSymlink, "a", "b"), reg("a/c", "x")},
		"over link":     {link(tar.TypeSymlink, "a", "b"), reg("a", "x")},
		"hard link":     {reg("a", "x"), link(tar.TypeLink, "b", "a")},
		"device":        {link(tar.TypeChar, "a", "")},
		"pipe":          {link(tar.TypeFifo, "a", "")},
		"cache":         {dir("__pycache__/"), reg("__pycache__/app.pyc", "x")},
		"history":       {dir("a/"), dir("a/.git/")},
		"long name":     {reg(strings.Repeat("x", maxName+1), "x")},
		"long names":    {dir(strings.Repeat("y/", 2000))},
		"too large":     {{tar.Header{Name: "a", Typeflag: tar.TypeReg, Size: MaxSize + 1}, ""}},
		"large, claims": {reg("a", "x"), {tar.Header{Name: "b", Typeflag: tar.TypeReg, Size: 1 << 62}, ""}},
	} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			if err := unpack(t.Context(), bytes.NewReader(packed(t, files...)), filepath.Join(parent, "code")); err == nil {
				t.Error("it was unpacked")
			}
			if there, _ := filepath.Glob(filepath.Join(parent, "*")); len(there) > 1 {
				t.Errorf("%q was made", there)
			}
		})
	}
}

// TestPackBounds: an archive that makes much of little ends at a bound.
func TestPackBounds(t *testing.T) {
	for want, u := range map[string]*unpacker{
		"larger than 250 MB": {size: MaxSize - 2}, "too many files": {files: MaxFiles}, "too many": {names: maxNames - 4},
	} {
		root, err := os.OpenRoot(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		f := reg("bytes", "three")
		u.root, u.tar, u.dirs = root, tar.NewReader(bytes.NewReader(nil)), map[string]bool{".": true}
		if err := u.entry(&f.Header); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// TestSharedSweep: what no version needs leaves the depot; other files there stay.
func TestSharedSweep(t *testing.T) {
	d := newDepot()
	hash := published(t, d)
	d.files["another's"] = nil
	n := node(t, d)
	if err := n.SweepShared(t.Context(), func(h string) bool { return h == hash }); err != nil || len(d.files) != 2 {
		t.Errorf("it is needed: %v, %d files are left", err, len(d.files))
	}
	if err := n.SweepShared(t.Context(), func(string) bool { return false }); err != nil || len(d.files) != 1 {
		t.Errorf("nobody needs it: %v, %d files are left", err, len(d.files))
	}
}

// TestExportImport: all code of a fleet is in an export, wherever it is, and another store keeps it from there.
func TestExportImport(t *testing.T) {
	d := newDepot()
	hash := published(t, d)
	n := node(t, d)
	src := t.TempDir()
	write(t, src, map[string]string{"main.js": "1"})
	here, _ := keep(t, n, Source{Path: src})
	to := filepath.Join(t.TempDir(), "export")
	if err := n.Export(t.Context(), to); err != nil {
		t.Fatal(err)
	}
	other := newDepot()
	pieces, err := node(t, other).Import(t.Context(), to)
	if err != nil || pieces != 2 || len(other.files) != 2 {
		t.Errorf("got %d pieces, %v, %d in the depot, want 2", pieces, err, len(other.files))
	}
	alone := New(filepath.Join(t.TempDir(), "code"))
	if _, err := alone.Import(t.Context(), to); err != nil {
		t.Fatal(err)
	}
	for _, hash := range []string{hash, here.Hash} {
		if err := alone.Verify(t.Context(), hash); err != nil {
			t.Error(err)
		}
	}
	d.files[hash] = []byte("damaged")
	if err := n.Export(t.Context(), filepath.Join(t.TempDir(), "export")); err == nil {
		t.Error("code that is damaged was left out of an export in silence")
	}
	if err := os.Chmod(filepath.Join(to, here.Hash, "main.js"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(to, here.Hash, "main.js"), []byte("2"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := node(t, newDepot()).Import(t.Context(), to); err == nil {
		t.Error("code that is damaged was imported")
	}
}

// FuzzUnpack: nothing is made outside, whatever the bytes.
func FuzzUnpack(f *testing.F) {
	f.Add([]byte("no archive"))
	f.Add(packed(f, reg("a", "x"), reg("../b", "x")))
	f.Fuzz(func(t *testing.T, data []byte) {
		parent := t.TempDir()
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write(data)
		z.Close()
		for _, archive := range [][]byte{data, b.Bytes()} {
			_ = unpack(t.Context(), bytes.NewReader(archive), filepath.Join(parent, "code"))
			if there, _ := os.ReadDir(parent); len(there) != 1 {
				t.Fatalf("%v was made", there)
			}
			if err := os.RemoveAll(filepath.Join(parent, "code")); err != nil {
				t.Fatal(err)
			}
		}
	})
}
