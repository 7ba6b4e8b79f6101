package fleet

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/perdure/perdure/internal/core/store/pgstore/pgtest"
)

// TestLinks is what the other tests believe of the network that they break.
func TestLinks(t *testing.T) {
	faults, c := newTimeline(t), pgtest.Shared(t)
	l := newLink(t, "the link", c.Address(), faults)
	database := pgtest.Database(t)
	address := l.url(database)
	ask := func(d time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		conn, err := pgx.Connect(ctx, address)
		if err != nil {
			return err
		}
		defer conn.Close(context.Background())
		_, err = conn.Exec(ctx, "INSERT INTO t VALUES (1)")
		return err
	}
	count := func() string { return c.Value(t, nameOf(t, database), "SELECT count(*) FROM t") }
	c.Exec(t, nameOf(t, database), "CREATE TABLE t (n int)")
	if err := ask(time.Minute); err != nil {
		t.Fatalf("with a sound link: %v", err)
	}
	for name, fault := range map[string]func(){
		"refuse": l.refuse, "drop": func() { l.drop("both") }, "half-open": func() { l.drop("downstream") },
	} {
		fault()
		if err := ask(200 * time.Millisecond); err == nil {
			t.Errorf("%s: a query was answered", name)
		}
		l.heal()
		if err := ask(time.Minute); err != nil {
			t.Errorf("%s, healed: %v", name, err)
		}
	}
	l.slow(100 * time.Millisecond)
	if began := time.Now(); ask(time.Minute) != nil || time.Since(began) < 100*time.Millisecond {
		t.Errorf("a slow link took %v", time.Since(began))
	}
	l.heal()
	before, failed := count(), 0
	l.cut(8, 1)
	for range 200 {
		if ask(time.Minute) != nil {
			failed++
		}
	}
	l.heal()
	t.Logf("of 200 inserts %d failed; there were %s rows and are %s", failed, before, count())
	if failed == 0 || failed == 200 {
		t.Errorf("of 200 inserts %d failed", failed)
	}
}
