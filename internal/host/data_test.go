package host_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/host"
)

var discard = slog.New(slog.DiscardHandler)

// unexpected fails the test for a problem.
func unexpected(t *testing.T) func(engine.Problem) {
	return func(p engine.Problem) { t.Errorf("found %v, want nothing", p) }
}

// TestBackup: a backup has all, restored it is in order and an engine goes on with
// it; one that a serving engine sends has the same.
func TestBackup(t *testing.T) {
	f := open(t, nil)
	f.install("order", "done")
	if err := f.RunPublished(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.Serve()
	f.result("order", latest, "A1")
	if _, err := f.Engine.Functions().PublishVersion(t.Context(), &engine.PublishRequest{Function: "order"}); err != nil {
		t.Fatal(err)
	}
	var sent bytes.Buffer
	if _, err := f.admin().Backup(t.Context(), &sent); err != nil {
		t.Fatal(err)
	}
	for name, backup := range map[string]io.ReadSeeker{"sent": bytes.NewReader(sent.Bytes()), "copied": f.backup()} {
		dir := filepath.Join(t.TempDir(), name)
		got, err := host.Restore(t.Context(), host.Storage{Dir: dir}, backup, unexpected(t))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got.Executions != 1 || got.Open != 0 || got.Code != 1 {
			t.Errorf("%s: got %+v, want one execution and one piece of code", name, got)
		}
		summary, err := host.Verify(t.Context(), host.Storage{Dir: dir}, unexpected(t))
		if diff := cmp.Diff(got.VerifySummary, summary); err != nil || diff != "" {
			t.Errorf("%s: %v, verified again (-before +now):\n%s", name, err, diff)
		}
		f.opts.Data = dir
		f.start()
		if err := f.RunPublished(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.Serve()
		if got := f.result("order", "1", "A2"); got != "done" {
			t.Errorf("%s: got %q of the published version, want done", name, got)
		}
		f.Host.Close()
	}
}

// TestDataErrors: what is wrong with a directory has a kind.
func TestDataErrors(t *testing.T) {
	f := open(t, nil)
	inUse := f.opts.Data
	closed := open(t, nil)
	backup := closed.backup()
	make := func(files ...string) string {
		dir := t.TempDir()
		for _, name := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	start := func(dir string) error {
		h, err := host.Open(t.Context(), &host.Options{Data: dir, Listen: "127.0.0.1:0", Log: discard})
		if err == nil {
			h.Close()
		}
		return err
	}
	verify := func(dir string) error {
		_, err := host.Verify(t.Context(), host.Storage{Dir: dir}, unexpected(t))
		return err
	}
	copied := func(dir string) error { return host.Backup(t.Context(), host.Storage{Dir: dir}, io.Discard) }
	restore := func(dir string) error {
		_, err := host.Restore(t.Context(), host.Storage{Dir: dir}, backup, unexpected(t))
		return err
	}
	for _, test := range []struct {
		name string
		do   func(dir string) error
		dir  string
		kind host.DataKind
		want string // in the text
	}{
		{"open", start, inUse, host.InUse, "is in use by another engine (pid "},
		{"verify", verify, inUse, host.InUse, f.URL},
		{"back up", copied, inUse, host.InUse, "is in use by another engine"},
		{"restore", restore, inUse, host.InUse, "is in use by another engine"},
		{"open", start, make("perdure.db"), host.Damaged, "is damaged"},
		{"verify", verify, make("perdure.db"), host.Damaged, "is damaged"},
		{"open", start, filepath.Join(make("file"), "file"), host.NotDirectory, "is not a directory"},
		{"verify", verify, make(), host.NoData, "holds no data of an engine"},
		{"back up", copied, make("other"), host.NoData, "holds no data of an engine"},
		{"restore", restore, make("perdure.db"), host.HasData, "holds data already"},
		{"restore", restore, make("other"), host.NotEmpty, "is not empty: it holds other"},
		{"restore", restore, make("perdure.db.restoring"), host.Incomplete, "is incomplete: a restore"},
		{"open", start, make("perdure.db.restoring"), host.Incomplete, "is incomplete: a restore"},
	} {
		err := test.do(test.dir)
		e, ok := errors.AsType[*host.DataError](err)
		if !ok || e.Kind != test.kind || e.At.Dir != test.dir || !strings.Contains(e.Error(), test.want) {
			t.Errorf("%s: got %v, want kind %d and %q", test.name, err, test.kind, test.want)
		}
	}
}

// TestDamagedBackups are refused, and leave nothing.
func TestDamagedBackups(t *testing.T) {
	f := open(t, nil)
	f.here("order", "done")
	f.result("order", latest, "A1")
	whole, err := io.ReadAll(f.backup())
	if err != nil {
		t.Fatal(err)
	}
	for name, backup := range map[string][]byte{"foreign": []byte("no tar"), "empty": nil, "cut off": whole[:len(whole)/2]} {
		dir := filepath.Join(t.TempDir(), "data")
		_, err := host.Restore(t.Context(), host.Storage{Dir: dir}, bytes.NewReader(backup), unexpected(t))
		if _, ofDir := errors.AsType[*host.DataError](err); err == nil || ofDir || errors.Is(err, host.ErrNoBackup) == (name == "cut off") {
			t.Errorf("%s: got %v", name, err)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "perdure.db*")); len(left) > 0 {
			t.Errorf("%s: %q is left", name, left)
		}
	}
}

// TestOldDirectory: one that somebody else made is not hidden from git.
func TestOldDirectory(t *testing.T) {
	f := open(t, func(o *host.Options) { o.Data = t.TempDir() })
	if _, err := os.Stat(filepath.Join(f.opts.Data, ".gitignore")); err == nil {
		t.Error("a directory that may hold other things got a .gitignore")
	}
}
