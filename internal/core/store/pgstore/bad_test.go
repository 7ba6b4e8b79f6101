package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/pgstore"
	"github.com/perdure/perdure/internal/core/store/pgstore/pgtest"
	"github.com/perdure/perdure/protocol"
)

// secret is a password that must not be in any error.
const secret = "Zh4mmer"

// wantRefused opens a store that must be refused with a text.
func wantRefused(t *testing.T, address, want string) {
	t.Helper()
	s, err := pgstore.Open(t.Context(), address, nil)
	if err == nil {
		s.Close()
		t.Errorf("%s was opened, want %q", address, want)
		return
	}
	if !strings.Contains(err.Error(), want) {
		t.Errorf("%s: got %v\nwant %q", address, err, want)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than a line: %q", err)
	}
	if strings.Contains(err.Error(), secret) {
		t.Errorf("the password is in %v", err)
	}
}

func TestBadAddresses(t *testing.T) {
	for _, address := range []string{"mysql://u:" + secret + "@h/d", "/var/lib/perdure", "perdure.db", "http://h"} {
		wantRefused(t, address, "want postgres://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	for _, address := range []string{
		"postgres://u:" + secret + "@h:port/d", "postgres://u:" + secret + "%zz@h/d",
		"postgres://u:" + secret + "@h/d?sslmode=perhaps", "host=h password='" + secret, "postgres://u:" + secret + "@h/d?pool_max_conns=x",
	} {
		wantRefused(t, address, "want postgres://")
	}
	wantRefused(t, "postgres://u:"+secret+"@h/d?sslrootcert=/nowhere/ca.pem", "/nowhere/ca.pem: no such file")
	wantRefused(t, "postgres://u:"+secret+"@h/d?schema=pg_mine", "cannot be the name of a schema")
	wantRefused(t, "postgres://u:"+secret+"@127.0.0.1:1/d", "PostgreSQL at 127.0.0.1:1/d cannot be reached: look whether it runs")
	wantRefused(t, "postgres://u:"+secret+"@nowhere.invalid/d", "PostgreSQL at nowhere.invalid:5432/d cannot be reached")
}

// as returns an address with another user, and other parameters.
func as(t *testing.T, address, user, parameters string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(user, secret)
	if user == "" {
		u.User = url.User("postgres")
	}
	u.RawQuery = parameters
	return u.String()
}

func TestBadAccess(t *testing.T) {
	c := pgtest.New(t)
	c.Exec(t, "postgres", "CREATE ROLE guest LOGIN PASSWORD 'another'", "CREATE ROLE reader LOGIN", "CREATE ROLE maker LOGIN")
	c.Access(t, "host all guest 127.0.0.1/32 scram-sha-256", "hostssl all reader 127.0.0.1/32 trust", "host all maker 127.0.0.1/32 trust")
	address := c.Database(t)
	wantRefused(t, as(t, address, "guest", "sslmode=disable"), "the server refuses the user or the password")
	wantRefused(t, as(t, address, "nobody", "sslmode=disable"), "the server refuses the user or the password")
	wantRefused(t, as(t, address, "reader", "sslmode=disable"), "the server refuses the user or the password")
	wantRefused(t, as(t, address, "maker", "sslmode=require"), "no encrypted connection comes about")
	wantRefused(t, strings.Replace(address, "/test", "/missing", 1), "there is no such database")
	wantRefused(t, as(t, address, "maker", "sslmode=disable"), "GRANT CREATE ON DATABASE")
	open(t, address)
	wantRefused(t, as(t, address, "maker", "sslmode=disable"), "belongs to another program, or its user may not see it")
}

func TestBadDatabases(t *testing.T) {
	c := pgtest.Shared(t)
	foreign := c.Database(t)
	name := foreign[strings.LastIndexByte(foreign, '/')+1 : strings.IndexByte(foreign, '?')]
	c.Exec(t, name, "CREATE SCHEMA perdure", "CREATE TABLE perdure.things (n int)")
	wantRefused(t, foreign, "belongs to another program")
	open(t, foreign+"&schema=Our%20own")
	c.Exec(t, name, `INSERT INTO "Our own".documents VALUES ('k', 'd', 0, '')`) // quoted right
	c.Exec(t, name, `UPDATE "Our own".perdure SET version = 9, oldest = 1`)
	open(t, foreign+"&schema=Our%20own") // newer, and fit for us
	c.Exec(t, name, `UPDATE "Our own".perdure SET oldest = 9`)
	wantRefused(t, foreign+"&schema=Our%20own", "was made for a newer perdure (version 9, this one knows 1): update perdure")
	c.Exec(t, name, `DELETE FROM "Our own".perdure`)
	wantRefused(t, foreign+"&schema=Our%20own", "has lost its row")
	c.Exec(t, "postgres", "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
	wantRefused(t, c.URL("latin"), "the encoding of the database is LATIN1, and it must be UTF8")
}

// Two schemas in one database are two fleets; one schema is one, however many open it at once.
func TestSchemas(t *testing.T) {
	address := pgtest.Database(t)
	opened := make(chan *pgstore.Store, 8)
	for range cap(opened) {
		go func() {
			s, err := pgstore.Open(t.Context(), address, nil)
			if err != nil {
				t.Error(err)
			}
			opened <- s
		}()
	}
	var same *pgstore.Store
	for range cap(opened) {
		if s := <-opened; s != nil {
			defer s.Close()
			same = s
		}
	}
	other := open(t, address+"&schema=other")
	if same == nil {
		t.FailNow()
	}
	if err := same.Commit(t.Context(), started("a")); err != nil {
		t.Fatal(err)
	}
	if err := other.Commit(t.Context(), started("a")); err != nil {
		t.Errorf("the same id in another schema: %v", err)
	}
	err := same.Exclusively(t.Context(), func(ctx context.Context) error {
		return other.Exclusively(ctx, func(context.Context) error { return nil }) // another lock
	})
	if err != nil {
		t.Error(err)
	}
}

func started(id string) store.Write {
	return store.Write{ID: id, Entry: store.Entry{Seq: 1, Data: []byte("1")}, Row: &store.Row{ID: id, Function: "f", Version: "1",
		Name: id, Status: protocol.ExecutionRunning, Started: 1}}
}

func TestReplicas(t *testing.T) {
	c := pgtest.New(t)
	address := c.Database(t)
	s := open(t, address)
	if err := s.Commit(t.Context(), started("a")); err != nil {
		t.Fatal(err)
	}
	r := c.Replica(t, true)
	database := address[strings.LastIndexByte(address, '/')+1 : strings.IndexByte(address, '?')]
	wantRefused(t, r.URL(database), "it is a replica, or reads only")
	both := fmt.Sprintf("postgres://postgres@%s,%s/%s?sslmode=disable&target_session_attrs=read-write", r.Address(), c.Address(), database)
	follows := open(t, both)
	if err := follows.Commit(t.Context(), started("b")); err != nil {
		t.Fatal(err)
	}
	c.Kill()
	err := follows.Commit(t.Context(), started("c"))
	if err == nil || errors.Is(err, store.ErrConflict) || !strings.Contains(err.Error(), r.Address()+","+c.Address()) {
		t.Errorf("without a primary: got %v", err)
	}
	r.Promote(t)
	if err := follows.Commit(t.Context(), started("d")); err != nil {
		t.Errorf("after the failover: %v", err)
	}
	for _, id := range []string{"a", "b", "d"} {
		if _, err := follows.Row(t.Context(), id); err != nil {
			t.Errorf("%s, which was acknowledged: %v", id, err)
		}
	}
}

// A server that was restarted is used again at once, by reads without any failure.
func TestRestart(t *testing.T) {
	c := pgtest.New(t)
	s := open(t, c.Database(t))
	if err := s.Commit(t.Context(), started("a")); err != nil {
		t.Fatal(err)
	}
	c.Restart(t)
	if _, err := s.Row(t.Context(), "a"); err != nil {
		t.Errorf("the first read: %v", err)
	}
	if err := s.Commit(t.Context(), started("b")); err != nil {
		t.Errorf("the first commit: %v", err)
	}
	c.Stop()
	for range 2 { // the first finds out
		err := s.Commit(t.Context(), started("c"))
		if err == nil || !strings.Contains(err.Error(), "the server is shutting down") &&
			!strings.Contains(err.Error(), "cannot be reached: look whether it runs") {
			t.Errorf("while it is away: got %v", err)
		}
	}
	c.Start(t)
	if err := s.Commit(t.Context(), started("d")); err != nil {
		t.Errorf("when it is back: %v", err)
	}
}

// A server that takes everything and answers nothing costs a call ten seconds, and no more.
func TestSilence(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for ten seconds")
	}
	t.Parallel()
	c := pgtest.New(t)
	s := open(t, c.Database(t))
	if err := s.Commit(t.Context(), started("a")); err != nil {
		t.Fatal(err)
	}
	c.Freeze()
	defer c.Thaw()
	began := time.Now()
	failures := make(chan error, 3)
	go func() { _, err := s.Row(t.Context(), "a"); failures <- err }()
	go func() { failures <- s.Commit(t.Context(), started("b")) }()
	go func() { failures <- s.PutDocument(t.Context(), "k", "d", nil) }()
	for range cap(failures) {
		if err := <-failures; err == nil || !strings.Contains(err.Error(), "does not answer within 10s") {
			t.Errorf("got %v", err)
		}
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it took %s", took)
	}
	c.Thaw()
	if err := s.Commit(t.Context(), started("c")); err != nil {
		t.Errorf("when it answers again: %v", err)
	}
}

// A disk that is full costs commits and nothing else, and once there is room they are made again.
func TestFullDisk(t *testing.T) {
	c := pgtest.New(t)
	disk := filepath.Join(c.Dir(), "disk")
	if err := os.Mkdir(disk, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=24m,mode=0777"); err != nil {
		t.Skipf("a small disk takes rights of root: %v", err)
	}
	defer syscall.Unmount(disk, syscall.MNT_DETACH)
	place := filepath.Join(disk, "space")
	if err := os.Mkdir(place, 0o700); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(c.Dir())
	if err != nil {
		t.Fatal(err)
	}
	owner := info.Sys().(*syscall.Stat_t)
	if err := os.Chown(place, int(owner.Uid), int(owner.Gid)); err != nil {
		t.Fatal(err)
	}
	c.Exec(t, "postgres", "CREATE TABLESPACE small LOCATION '"+place+"'", "CREATE DATABASE small TABLESPACE small")
	s := open(t, c.URL("small"))
	var full error
	for i := 0; full == nil && i < 100; i++ {
		w := started(fmt.Sprint(i))
		w.Entry.Data = make([]byte, 1<<20)
		full = s.Commit(t.Context(), w)
	}
	if !errors.Is(full, store.ErrFull) || !strings.Contains(full.Error(), "free some space") {
		t.Fatalf("got %v, want %v", full, store.ErrFull)
	}
	if _, err := s.Row(t.Context(), "0"); err != nil {
		t.Errorf("reading: %v", err)
	}
	if err := syscall.Mount("tmpfs", disk, "tmpfs", syscall.MS_REMOUNT, "size=100m,mode=0777"); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), started("again")); err != nil {
		t.Errorf("with room: %v", err)
	}
}

// What the server committed without the replica that it should have waited for is not acknowledged: a failover would lose
// it.
func TestGaveUpOnReplica(t *testing.T) {
	c := pgtest.New(t)
	s := open(t, c.Database(t))
	if err := s.Commit(t.Context(), started("a")); err != nil {
		t.Fatal(err)
	}
	r := c.Replica(t, true)
	if err := s.Commit(t.Context(), started("b")); err != nil {
		t.Fatal(err)
	}
	r.Kill()
	for name, change := range map[string]func() error{
		"commit":   func() error { return s.Commit(t.Context(), started("c")) },
		"document": func() error { return s.PutDocument(t.Context(), "k", "d", nil) },
	} {
		outcome := make(chan error, 1)
		go func() { outcome <- change() }()
		canceled := "0"
		for canceled != "1" {
			canceled = c.Value(t, "postgres", `SELECT count(*) FROM (SELECT pg_cancel_backend(pid) FROM pg_stat_activity
				WHERE wait_event = 'SyncRep') x`)
		}
		err := <-outcome
		const want = "gave up to wait for its synchronous replica"
		if err == nil || errors.Is(err, store.ErrConflict) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
