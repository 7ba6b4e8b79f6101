package host_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store/pgstore"
	"github.com/perdure/perdure/internal/core/store/pgstore/pgtest"
	"github.com/perdure/perdure/internal/core/transfer"
	"github.com/perdure/perdure/internal/host"
)

// node opens a node of the fleet in a database.
func node(t *testing.T, url string) *fixture {
	return open(t, func(o *host.Options) { o.Store = url; o.Node.Lease = 10 * time.Second })
}

// code lists the pieces of code in a node's directory.
func (f *fixture) code() []string {
	found, _ := filepath.Glob(filepath.Join(f.opts.Data, "code", "[0-9a-f]*"))
	return found
}

// TestPublishedInAFleet: a version that one node publishes runs on another one, with the code that it had, which is
// fetched when it is needed; a deleted version's code goes.
func TestPublishedInAFleet(t *testing.T) {
	url := pgtest.Database(t)
	one := node(t, url)
	one.install("order", "one")
	must(t, one.RunPublished(t.Context()))
	one.Serve()
	two := node(t, url)
	must(t, two.RunPublished(t.Context()))
	two.Serve()
	if _, err := one.Engine.Functions().PublishVersion(t.Context(), &engine.PublishRequest{Function: "order"}); err != nil {
		t.Fatal(err)
	}
	if n := len(two.code()); n != 0 {
		t.Errorf("the other node has %d pieces of code before it needs any", n)
	}
	must(t, one.Host.Close()) // so that only the other can run it
	if got := two.result("order", "1", "A1"); got != "one" {
		t.Errorf("got %q, want one", got)
	}
	if n := len(two.code()); n != 1 {
		t.Errorf("the other node has %d pieces of code, want what it ran", n)
	}
	if _, err := two.Engine.Verify(t.Context(), unexpected(t)); err != nil {
		t.Error(err)
	}
	if _, err := two.Engine.Functions().DeleteFunction(t.Context(), "order", "1"); err != nil {
		t.Fatal(err)
	}
	database := url[strings.LastIndex(url, "/")+1 : strings.Index(url, "?")]
	until(t, func() bool { return pgtest.Shared(t).Value(t, database, "SELECT count(*) FROM perdure.files") == "0" })
	two.Host.Close() // which waits for the removal
	if n := len(two.code()); n != 0 {
		t.Errorf("%d pieces of code of the deleted version are still there", n)
	}
}

// TestUnservedInAFleet: what another node runs does not wait for a function; when that node is gone, it does.
func TestUnservedInAFleet(t *testing.T) {
	url := pgtest.Database(t)
	one, two := node(t, url), node(t, url)
	must(t, one.Engine.Functions().Register(engine.Function{Name: "order", Invoker: silent{}, Timeout: time.Minute, Durable: hour}))
	if _, err := one.Engine.Start(t.Context(), &engine.InvokeRequest{Function: "order", Qualifier: latest, Name: "A1",
		Payload: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	unserved := func() int {
		open, err := two.Unserved(t.Context())
		must(t, err)
		return len(open)
	}
	until(t, func() bool { return unserved() == 0 }) // a beat tells of functions
	must(t, one.Host.Close())
	if n := unserved(); n != 1 {
		t.Errorf("%d function versions are not served after the node left, want 1", n)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// filled opens a host, runs and publishes something, starts an execution that waits, and closes it.
func filled(t *testing.T, f *fixture) {
	t.Helper()
	f.install("order", "done")
	must(t, f.RunPublished(t.Context()))
	f.Serve()
	f.result("order", latest, "A1")
	if _, err := f.Engine.Functions().PublishVersion(t.Context(), &engine.PublishRequest{Function: "order"}); err != nil {
		t.Fatal(err)
	}
	must(t, f.Engine.Functions().Register(engine.Function{Name: "open", Invoker: silent{}, Timeout: time.Minute, Durable: hour}))
	req := &engine.InvokeRequest{Function: "open", Qualifier: latest, Name: "B1", Payload: []byte("{}")}
	if _, err := f.Engine.Start(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	must(t, f.Host.Close())
}

// goesOn starts an engine on a storage, which has what filled put there.
func goesOn(t *testing.T, at host.Storage) {
	t.Helper()
	f := open(t, func(o *host.Options) {
		o.Store = at.URL
		if at.URL == "" {
			o.Data = at.Dir
		}
	})
	must(t, f.RunPublished(t.Context()))
	f.Serve()
	f.here("open", "at last")
	for qualifier, want := range map[string]string{"1": "done"} {
		if got := f.result("order", qualifier, "A2"); got != want {
			t.Errorf("%s: got %q of version %s, want %s", at, got, qualifier, want)
		}
	}
	if got := f.result("open", latest, "B1"); got != "at last" {
		t.Errorf("%s: got %q of what was open, want at last", at, got)
	}
	must(t, f.Host.Close())
}

// TestMoves: everything moves from a directory into a database, and back, and an engine goes on with it; nobody goes on
// with what was left behind.
func TestMoves(t *testing.T) {
	f := open(t, nil)
	filled(t, f)
	first := host.Storage{Dir: f.opts.Data}
	before, err := host.Verify(t.Context(), first, unexpected(t))
	must(t, err)
	database := host.Storage{URL: pgtest.Database(t)}
	second := host.Storage{Dir: filepath.Join(t.TempDir(), "back")}
	from := first
	for _, to := range []host.Storage{database, second} {
		copied := int64(0)
		got, err := host.Move(t.Context(), from, to, &host.Moving{Found: unexpected(t), Told: func(x, _ int64) { copied = x }})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, got.VerifySummary); diff != "" || got.Code != 1 || copied != before.Executions {
			t.Errorf("%s: %d pieces of code, told of %d executions (-before +there):\n%s", to, got.Code, copied, diff)
		}
		after, err := host.Verify(t.Context(), to, unexpected(t))
		if diff := cmp.Diff(before, after); err != nil || diff != "" {
			t.Errorf("%s: %v, verified (-before +after):\n%s", to, err, diff)
		}
		wantKind(t, "serve what was moved", start(t, from), host.Moved)
		_, err = host.Move(t.Context(), from, host.Storage{Dir: t.TempDir()}, &host.Moving{})
		wantKind(t, "move it again", err, host.Moved)
		from = to
	}
	goesOn(t, second)
	must(t, host.Unmove(t.Context(), database))
	goesOn(t, database)
}

// start opens an engine on a storage, and closes it.
func start(t *testing.T, at host.Storage) error {
	t.Helper()
	opts := &host.Options{Data: at.Dir, Store: at.URL, Listen: "127.0.0.1:0", Log: discard}
	if at.URL != "" {
		opts.Data = t.TempDir()
	}
	h, err := host.Open(t.Context(), opts)
	if err == nil {
		h.Close()
	}
	return err
}

func wantKind(t *testing.T, what string, err error, kind host.DataKind) {
	t.Helper()
	if e, ok := errors.AsType[*host.DataError](err); !ok || e.Kind != kind {
		t.Errorf("%s: got %v, want kind %d", what, err, kind)
	}
}

// TestBackupOfAFleet: a backup of a database whose nodes run restores into a directory and into a database, and one of
// a directory into a database.
func TestBackupOfAFleet(t *testing.T) {
	f := node(t, pgtest.Database(t))
	f.install("order", "done")
	must(t, f.RunPublished(t.Context()))
	f.Serve()
	f.result("order", latest, "A1")
	if _, err := f.Engine.Functions().PublishVersion(t.Context(), &engine.PublishRequest{Function: "order"}); err != nil {
		t.Fatal(err)
	}
	must(t, f.Engine.Functions().Register(engine.Function{Name: "open", Invoker: silent{}, Timeout: time.Minute, Durable: hour}))
	if _, err := f.Engine.Start(t.Context(), &engine.InvokeRequest{Function: "open", Qualifier: latest, Name: "B1",
		Payload: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	var sent, copied bytes.Buffer
	if _, err := f.admin().Backup(t.Context(), &sent); err != nil {
		t.Fatal(err)
	}
	must(t, host.Backup(t.Context(), host.Storage{URL: f.opts.Store}, &copied))
	summary, err := host.Verify(t.Context(), host.Storage{URL: f.opts.Store}, unexpected(t))
	if err != nil || summary.Executions != 2 {
		t.Errorf("verified while it runs: got %+v, %v", summary, err)
	}
	_, err = host.Move(t.Context(), host.Storage{URL: f.opts.Store}, host.Storage{Dir: t.TempDir()}, &host.Moving{})
	wantKind(t, "move it while a node is alive", err, host.InUse)
	for name, backup := range map[string]*bytes.Buffer{"sent": &sent, "copied": &copied} {
		for _, at := range []host.Storage{{Dir: filepath.Join(t.TempDir(), name)}, {URL: pgtest.Database(t)}} {
			got, err := host.Restore(t.Context(), at, bytes.NewReader(backup.Bytes()), unexpected(t))
			if err != nil || got.Executions != 2 || got.Open != 1 || got.Code != 1 {
				t.Errorf("%s, %s: got %+v, %v, want two executions and a piece of code", name, at, got, err)
				continue
			}
			goesOn(t, at)
		}
	}
}

// TestReadyInAFleet: a load balancer is told that a node cannot reach the database, and that it is draining.
func TestReadyInAFleet(t *testing.T) {
	server := pgtest.New(t)
	f := node(t, server.Database(t))
	f.here("order", "done")
	f.Serve()
	if status, body := f.get("/ready"); status != http.StatusOK {
		t.Errorf("got %d, %s, want that it is ready", status, body)
	}
	server.Stop()
	until(t, func() bool { status, _ := f.get("/ready"); return status == http.StatusServiceUnavailable })
	server.Start(t)
	until(t, func() bool { status, _ := f.get("/ready"); return status == http.StatusOK })
	f.Engine.Drain(t.Context())
	if status, _ := f.get("/ready"); status != http.StatusServiceUnavailable {
		t.Errorf("got %d, want that a draining node is not ready", status)
	}
}

// until waits for what another process brings about.
func until(t *testing.T, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for !done() {
		select {
		case <-ctx.Done():
			t.Fatal("waited too long")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// TestDatabaseErrors: what is wrong with a database has a kind, and no error has a password.
func TestDatabaseErrors(t *testing.T) {
	empty := pgtest.Database(t)
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	secret := strings.Replace(empty, "postgres@", "nobody:hunter2@", 1)
	dir := filepath.Join(t.TempDir(), "data")
	f := open(t, func(o *host.Options) { o.Data = dir })
	f.here("order", "done")
	f.result("order", latest, "A1")
	backup := f.backup()
	full := host.Storage{URL: pgtest.Database(t)}
	if _, err := host.Restore(t.Context(), full, backup, unexpected(t)); err != nil {
		t.Fatal(err)
	}
	verify := func(at host.Storage) error { _, err := host.Verify(t.Context(), at, unexpected(t)); return err }
	restore := func(at host.Storage) error {
		backup.Seek(0, io.SeekStart)
		_, err := host.Restore(t.Context(), at, backup, unexpected(t))
		return err
	}
	move := func(at host.Storage) error {
		_, err := host.Move(t.Context(), host.Storage{Dir: dir}, at, &host.Moving{})
		return err
	}
	serve := func(at host.Storage) error { return start(t, at) }
	gone := host.Storage{URL: "postgres://nobody:hunter2@127.0.0.1:1/none"}
	for _, test := range []struct {
		name string
		do   func(host.Storage) error
		at   host.Storage
		kind host.DataKind
	}{
		{"verify nothing", verify, host.Storage{URL: empty}, host.NoData},
		{"restore into data", restore, full, host.HasData},
		{"move into data", move, full, host.HasData},
		{"move to itself", move, host.Storage{Dir: dir + "/../data"}, host.Itself},
		{"serve unreachable", serve, gone, host.Unusable},
		{"verify unreachable", verify, gone, host.Unusable},
		{"restore unreachable", restore, gone, host.Unusable},
		{"serve with the wrong user", serve, host.Storage{URL: secret}, host.Unusable},
		{"no address", serve, host.Storage{URL: "postgres://us er:hunter2@@:x/"}, host.Unusable},
	} {
		err := test.do(test.at)
		wantKind(t, test.name, err, test.kind)
		if err != nil && strings.Contains(err.Error(), "hunter2") || strings.Contains(test.at.String(), "hunter2") {
			t.Errorf("%s: the password is told: %s, %v", test.name, test.at, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(temp, "*")); len(left) > 0 {
		t.Errorf("%q is left", left)
	}
}

// TestInterrupted: what was not restored or moved to its end is refused by all, whoever opens it, and so is what was
// moved while a node was there.
func TestInterrupted(t *testing.T) {
	f := open(t, nil)
	f.here("order", "done")
	f.result("order", latest, "A1")
	backup := f.backup()
	at := host.Storage{URL: pgtest.Database(t)}
	st, err := pgstore.Open(t.Context(), at.URL, nil)
	must(t, err)
	_, err = transfer.Begin(t.Context(), st, nil)
	must(t, err)
	if _, err := engine.Open(t.Context(), st, nil); !errors.Is(err, transfer.ErrIncomplete) {
		t.Errorf("an embedded engine: got %v, want %v", err, transfer.ErrIncomplete)
	}
	must(t, st.Close())
	wantKind(t, "serve", start(t, at), host.Incomplete)
	_, err = host.Verify(t.Context(), at, unexpected(t))
	wantKind(t, "verify", err, host.Incomplete)
	wantKind(t, "back up", host.Backup(t.Context(), at, io.Discard), host.Incomplete)
	_, err = host.Restore(t.Context(), at, backup, unexpected(t))
	wantKind(t, "restore", err, host.Incomplete)
	_, err = host.Move(t.Context(), at, host.Storage{Dir: t.TempDir()}, &host.Moving{})
	wantKind(t, "move", err, host.Incomplete)

	busy := host.Storage{URL: pgtest.Database(t)}
	backup.Seek(0, io.SeekStart)
	_, err = host.Restore(t.Context(), busy, backup, unexpected(t))
	must(t, err)
	to := host.Storage{Dir: filepath.Join(t.TempDir(), "to")}
	_, err = host.Move(t.Context(), busy, to, &host.Moving{Told: func(int64, int64) { must(t, start(t, busy)) }})
	wantKind(t, "move while a node comes and goes", err, host.InUse)
	wantKind(t, "serve the half of it", start(t, to), host.Incomplete)
	must(t, start(t, busy))
}

// TestOneNodePerDirectory: what is one node's alone has one owner, though the database has many.
func TestOneNodePerDirectory(t *testing.T) {
	f := node(t, pgtest.Database(t))
	opts := f.opts
	_, err := host.Open(t.Context(), &opts)
	wantKind(t, "the same directory", err, host.InUse)
	if e, _ := errors.AsType[*host.DataError](err); e != nil && (e.At.String() != opts.Data || !strings.Contains(e.Owner, f.URL)) {
		t.Errorf("got %v, want the directory and its owner", err)
	}
}
