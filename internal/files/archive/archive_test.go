package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/internal/function/codestore"
)

var options = &Options{Databases: []string{"perdure.db", "logs.db"}, Check: func(r io.ReaderAt) error {
	head := make([]byte, 2)
	if _, err := r.ReadAt(head, 0); err != nil || string(head) != "db" {
		return errors.New("it is none")
	}
	return nil
}}

var hash = strings.Repeat("ab", 32)

// sample returns a source with something of everything.
func sample(t testing.TB) *Source {
	t.Helper()
	dir := t.TempDir()
	code := filepath.Join(dir, "code", hash)
	err := errors.Join(
		os.MkdirAll(filepath.Join(code, "sub", "empty"), 0o755),
		os.WriteFile(filepath.Join(code, "bootstrap"), []byte("#!/bin/sh"), 0o555),
		os.WriteFile(filepath.Join(code, "sub", "Data: x\n"), []byte("data"), 0o444),
		os.Symlink("../bootstrap", filepath.Join(code, "sub", "link")),
		os.WriteFile(filepath.Join(dir, "code", "notes"), nil, 0o600), // nobody's
		os.WriteFile(filepath.Join(dir, "a"), bytes.Repeat([]byte("db"), 1000), 0o600),
		os.WriteFile(filepath.Join(dir, "b"), []byte("db of logs"), 0o600),
	)
	if err != nil {
		t.Fatal(err)
	}
	return &Source{Code: filepath.Join(dir, "code"),
		Databases: map[string]string{"perdure.db": filepath.Join(dir, "a"), "logs.db": filepath.Join(dir, "b")}}
}

func written(t testing.TB, src *Source) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(context.Background(), &b, src); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// files returns what is below a directory, by name.
func files(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		info, err := d.Info()
		if err != nil {
			return err
		}
		all[name] = info.Mode().String()
		switch d.Type() {
		case fs.ModeSymlink:
			to, err := os.Readlink(path)
			all[name] = "-> " + to
			return err
		case 0:
			data, err := os.ReadFile(path)
			all[name] += " " + string(data[:min(len(data), 20)])
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestRoundTrip(t *testing.T) {
	src, dir := sample(t), t.TempDir()
	archive := written(t, src)
	if !bytes.Equal(archive, written(t, src)) {
		t.Error("twice the same source makes two archives")
	}
	got, err := Restore(t.Context(), bytes.NewReader(archive), dir, options)
	if err != nil || *got != (Restored{Code: 1, Logs: true}) {
		t.Fatalf("got %+v, %v", got, err)
	}
	code := "code/" + hash
	want := map[string]string{
		"perdure.db": "-rw------- dbdbdbdbdbdbdbdbdbdb", "logs.db": "-rw------- db of logs",
		"code": "drwx------", code: "drwxr-xr-x", code + "/sub": "drwxr-xr-x", code + "/sub/empty": "drwxr-xr-x",
		code + "/bootstrap": "-r-xr-xr-x #!/bin/sh", code + "/sub/Data: x\n": "-r--r--r-- data", code + "/sub/link": "-> ../bootstrap",
	}
	if diff := cmp.Diff(want, files(t, dir)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// item is an entry of a forged archive.
type item struct {
	tar.Header
	text string
}

// forged is an archive of items between a good head and sums that fit.
func forged(t testing.TB, items ...item) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	var sums strings.Builder
	add := func(i item) {
		if i.Typeflag == 0 || i.Typeflag == tar.TypeReg {
			i.Size = int64(len(i.text))
		}
		if err := w.WriteHeader(&i.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, i.text); err != nil {
			t.Fatal(err)
		}
	}
	add(item{tar.Header{Name: headName}, `{"Format":"perdure-backup","Version":1}`})
	for _, i := range items {
		add(i)
		if i.Typeflag == tar.TypeReg || i.Typeflag == 0 {
			sum := sha256.Sum256([]byte(i.text))
			sums.WriteString(sumLine(sum[:], i.Name))
		}
	}
	add(item{tar.Header{Name: sumsName}, sums.String()})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func file(name, text string) item { return item{tar.Header{Name: name, Mode: 0o644}, text} }
func dir(name string) item        { return item{tar.Header{Name: name, Typeflag: tar.TypeDir}, ""} }
func link(name, to string) item {
	return item{tar.Header{Name: name, Linkname: to, Typeflag: tar.TypeSymlink}, ""}
}

func TestHostileArchives(t *testing.T) {
	db, code := file("perdure.db", "db"), "code/"+hash
	whole := written(t, sample(t))
	flipped := func(at int) []byte {
		b := bytes.Clone(whole)
		b[at] ^= 1
		return b
	}
	for name, test := range map[string]struct {
		archive []byte
		want    string
	}{
		"nothing":               {nil, "it is not a backup"},
		"text":                  {[]byte("hello"), "it is not a backup"},
		"another tar":           {forged(t)[1024:], "it is not a backup"},
		"no database":           {forged(t, dir(code)), "it holds no database"},
		"no database in it":     {forged(t, file("perdure.db", "hello")), "perdure.db: it is none"},
		"up and out":            {forged(t, db, file("../evil", "x")), "nothing can be called"},
		"out of code":           {forged(t, db, dir(code), file(code+"/../../evil", "x")), "nothing can be called"},
		"absolute":              {forged(t, db, file("/tmp/evil", "x")), "nothing can be called"},
		"another file":          {forged(t, db, file("perdure.lock", "x")), "does not belong"},
		"rollback journal":      {forged(t, db, file("perdure.db-journal", "x")), "does not belong"},
		"code of no hash":       {forged(t, db, dir("code/x")), "does not belong"},
		"code that is a file":   {forged(t, db, file(code, "x")), "is in no directory"},
		"code that is a link":   {forged(t, db, link(code, "x")), "is in no directory"},
		"database as a link":    {forged(t, link("perdure.db", "/etc/passwd")), "does not belong"},
		"database as directory": {forged(t, dir("perdure.db")), "does not belong"},
		"in no directory":       {forged(t, db, dir(code), file(code+"/a/b", "x")), "is in no directory"},
		"absolute link":         {forged(t, db, dir(code), link(code+"/l", "/etc")), "leads elsewhere"},
		"link out":              {forged(t, db, dir(code), link(code+"/l", "../../perdure.db")), "leads elsewhere"},
		"below a link": {forged(t, db, dir(code), dir(code+"/d"), link(code+"/l", "d"), file(code+"/l/x", "x")),
			"is in no directory"},
		"hard link": {forged(t, db, dir(code),
			item{tar.Header{Name: code + "/h", Linkname: "perdure.db", Typeflag: tar.TypeLink}, ""}), "is neither a file nor a directory"},
		"device": {forged(t, db, dir(code), item{tar.Header{Name: code + "/h", Typeflag: tar.TypeChar}, ""}),
			"is neither a file nor a directory"},
		"twice":           {forged(t, db, dir(code), file(code+"/a", "x"), file(code+"/a", "y")), "is there twice"},
		"two databases":   {forged(t, db, db), "is there twice"},
		"more behind it":  {append(forged(t, db)[:len(forged(t, db))-1024], forged(t, db)...), "something comes after its end"},
		"newer":           {bytes.Replace(whole, []byte(`"Version":1`), []byte(`"Version":2`), 1), "it has version 2 of the format"},
		"cut":             {whole[:len(whole)/2], "it is cut off"},
		"without its end": {whole[:len(whole)-2048-512], "it is cut off"},
		"flipped":         {flipped(bytes.Index(whole, []byte("#!/bin/sh"))), "is not what was written"},
		"holes":           {sparse(t), "does not belong"},
	} {
		t.Run(name, func(t *testing.T) {
			place := t.TempDir()
			into := filepath.Join(place, "data")
			if err := os.Mkdir(into, 0o700); err != nil {
				t.Fatal(err)
			}
			_, err := Restore(t.Context(), bytes.NewReader(test.archive), into, options)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if left := files(t, place); len(left) != 1 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// sparse is a small archive of a file that says that it has large holes.
func sparse(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	head := `{"Format":"perdure-backup","Version":1}`
	if err := w.WriteHeader(&tar.Header{Name: headName, Size: int64(len(head))}); err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, head)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	// archive/tar writes no such file, so its header is made by hand.
	h := make([]byte, 512)
	copy(h, "perdure.db")
	copy(h[100:], "0000600\x00")
	copy(h[108:], "0000000\x000000000\x00")
	copy(h[124:], "00000000002\x0000000000000\x00")
	copy(h[148:], "        ")
	h[156] = tar.TypeGNUSparse
	copy(h[257:], "ustar  \x00")
	copy(h[386:], "77777777775\x0000000000002\x00") // two bytes, far out
	copy(h[483:], "77777777777\x00")                // of so many
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:], []byte{'0' + byte(sum>>15&7), '0' + byte(sum>>12&7), '0' + byte(sum>>9&7), '0' + byte(sum>>6&7), '0' + byte(sum>>3&7),
		'0' + byte(sum&7), 0, ' '})
	b.Write(h)
	b.WriteString("db")
	b.Write(make([]byte, 510+1024))
	return b.Bytes()
}

// What stands in the way is left as it is, and so is what somebody puts in.
func TestRestoreReplacesNothing(t *testing.T) {
	into := t.TempDir()
	if err := os.WriteFile(filepath.Join(into, "perdure.db"), []byte("theirs"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Restore(t.Context(), bytes.NewReader(written(t, sample(t))), into, options)
	if err == nil || !strings.Contains(err.Error(), "perdure.db is there already") {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff(map[string]string{"perdure.db": "-rw------- theirs"}, files(t, into)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// FuzzRestore reads arbitrary archives: nothing outside of the directory is
// touched, what is refused leaves nothing, and what is taken can be written again.
func FuzzRestore(f *testing.F) {
	code := "code/" + hash
	f.Add(written(f, sample(f)))
	f.Add(sparse(f))
	f.Add(forged(f, file("perdure.db", "db"), dir(code), dir(code+"/d"), link(code+"/l", "d"), file(code+"/l/x", "x")))
	f.Add(forged(f, file("perdure.db", "db"), file("../evil", "x")))
	f.Fuzz(func(t *testing.T, data []byte) {
		place := t.TempDir()
		into := filepath.Join(place, "data")
		if err := errors.Join(os.Mkdir(into, 0o700), os.WriteFile(filepath.Join(place, "victim"), []byte("theirs"), 0o600)); err != nil {
			t.Fatal(err)
		}
		_, err := Restore(context.Background(), bytes.NewReader(data), into, options)
		made := files(t, place)
		if made["victim"] != "-rw------- theirs" {
			t.Fatalf("the victim is %q", made["victim"])
		}
		size := 0
		for name := range made {
			if name != "victim" && name != "data" && !strings.HasPrefix(name, "data"+string(filepath.Separator)) {
				t.Errorf("it made %s", name)
			}
			if info, err := os.Stat(filepath.Join(place, name)); err == nil && info.Mode().IsRegular() {
				size += int(info.Size())
			}
		}
		if err != nil && len(made) != 2 || size > len(data)+len("theirs")+1<<20 {
			t.Errorf("after %v: %d files of %d bytes are left", err, len(made)-2, size)
		}
		if err != nil {
			return
		}
		src := &Source{Code: filepath.Join(into, "code"), Databases: map[string]string{}}
		for _, name := range options.Databases {
			if _, err := os.Stat(filepath.Join(into, name)); err == nil {
				src.Databases[name] = filepath.Join(into, name)
			}
		}
		again := filepath.Join(place, "again")
		if err := os.Mkdir(again, 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := Restore(context.Background(), bytes.NewReader(written(t, src)), again, options); err != nil {
			t.Errorf("what was restored is not restored again: %v", err)
		}
	})
}

// A link of code leads where the code is, or it is not taken along.
func TestLeadsWithin(t *testing.T) {
	for link, want := range map[string]bool{"b": true, "../b": true, "../../b": false, "/b": false, "": false, "sub/../../../x": false,
		".": true, "..": true} {
		if got := codestore.LeadsWithin("sub/link", link); got != want {
			t.Errorf("%q: got %t", link, got)
		}
	}
}
