package pgtest_test

import (
	"os"
	"testing"

	"github.com/perdure/perdure/internal/core/store/pgstore/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// What a server acknowledged is there after it was stopped, and after it was killed.
func TestRestarts(t *testing.T) {
	c := pgtest.New(t)
	c.Exec(t, "postgres", "CREATE TABLE t (n int)", "INSERT INTO t VALUES (1)")
	c.Restart(t, "work_mem=5MB")
	c.Exec(t, "postgres", "INSERT INTO t VALUES (2)")
	c.Kill()
	c.Start(t)
	if got := c.Value(t, "postgres", "SELECT sum(n) FROM t"); got != "3" {
		t.Errorf("got %q, want 3", got)
	}
	if got := c.Value(t, "postgres", "SHOW work_mem"); got != "5MB" {
		t.Errorf("work_mem: got %q, want 5MB", got)
	}
}

// A synchronous replica has what was acknowledged, and goes on with it.
func TestFailsOver(t *testing.T) {
	c := pgtest.New(t)
	c.Exec(t, "postgres", "CREATE TABLE t (n int)")
	r := c.Replica(t, true)
	c.Exec(t, "postgres", "INSERT INTO t VALUES (1)")
	c.Kill()
	r.Promote(t)
	r.Exec(t, "postgres", "INSERT INTO t VALUES (2)")
	if got := r.Value(t, "postgres", "SELECT sum(n) FROM t"); got != "3" {
		t.Errorf("got %q, want 3", got)
	}
}

// Databases of the shared server know nothing of each other, and nothing is left of a server of one's own.
func TestIsolation(t *testing.T) {
	if a, b := pgtest.Database(t), pgtest.Database(t); a == b {
		t.Errorf("two databases have the address %s", a)
	}
	var dir string
	t.Run("own", func(t *testing.T) { dir = pgtest.New(t).Dir() })
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", dir, err)
	}
}
