package pgtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Replica makes a copy of the server that follows it by streaming. With synchronous, the server acknowledges a commit
// only once the replica has it on disk.
func (c *Cluster) Replica(t testing.TB, synchronous bool) *Cluster {
	t.Helper()
	r, err := prepare(c.bin, c.settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.remove)
	from := fmt.Sprintf("host=127.0.0.1 port=%d user=postgres application_name=replica", c.port.Number)
	err = r.run("pg_basebackup", "--pgdata", r.data(), "--dbname", from, "--write-recovery-conf",
		"--wal-method", "stream", "--checkpoint", "fast", "--no-sync")
	if err != nil {
		t.Fatal(err)
	}
	r.Start(t)
	if synchronous {
		c.waitsForReplica(t)
	}
	return r
}

// waitsForReplica has commits wait for the replica. The processes of the server hear of it one by one: those that serve
// a client, the one that sends to the replica, and, with a checkpoint, the one that tells commits to wait.
func (c *Cluster) waitsForReplica(t testing.TB) {
	t.Helper()
	c.Exec(t, "postgres", "ALTER SYSTEM SET synchronous_standby_names = 'replica'", "SELECT pg_reload_conf()")
	const heard = "SELECT current_setting('synchronous_standby_names') || ' ' || " +
		"coalesce((SELECT sync_state FROM pg_stat_replication), '')"
	for began := time.Now(); c.Value(t, "postgres", heard) != "replica sync"; time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > patience {
			t.Fatal("the server does not wait for its replica")
		}
	}
	c.Exec(t, "postgres", "CHECKPOINT")
}

// Promote makes a replica a server of its own, which takes writes when Promote returns. The server that it followed
// must not run any more, or must have nobody who writes to it.
func (c *Cluster) Promote(t testing.TB) {
	t.Helper()
	if err := c.run("pg_ctl", "promote", "--wait", "--pgdata", c.data()); err != nil {
		t.Fatal(err)
	}
}

// Access replaces the rules by which the server lets clients in, the lines of pg_hba.conf. The rules for replication
// and for user postgres stay.
func (c *Cluster) Access(t testing.TB, lines ...string) {
	t.Helper()
	text := "local all postgres trust\nhost all postgres 127.0.0.1/32 trust\n" +
		"host replication postgres 127.0.0.1/32 trust\n" + strings.Join(lines, "\n") + "\n"
	if err := os.WriteFile(filepath.Join(c.data(), "pg_hba.conf"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Exec(t, "postgres", "SELECT pg_reload_conf()")
}
