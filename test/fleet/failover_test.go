package fleet

import (
	"context"
	"math/rand/v2"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/perdure/perdure/internal/core/store/pgstore/pgtest"
	"github.com/perdure/perdure/test/survival/survivaltest"
)

// about returns d, made longer or shorter by a half.
func about(r *rand.Rand, d time.Duration) time.Duration {
	return d/2 + time.Duration(r.Int64N(int64(d)))
}

// TestDatabaseKilled kills PostgreSQL in the middle of load, and starts it again some time later.
func TestDatabaseKilled(t *testing.T) {
	t.Parallel()
	r, faults, c := chance(t), newTimeline(t), pgtest.New(t)
	f := newFleet(t, faults, same(c.Database(t), 3), "--lease", lease.String())
	l := f.begin(16)
	for _, away := range []time.Duration{0, lease / 2, 3 * lease} {
		time.Sleep(about(r, 2*time.Second))
		faults.add("PostgreSQL is killed, for %v", away)
		c.Kill()
		time.Sleep(away)
		c.Start(t)
		faults.add("PostgreSQL runs")
	}
	time.Sleep(time.Second)
	l.end()
	l.judge()
}

// TestFailover kills PostgreSQL in the middle of load, and goes on with a replica that had what was acknowledged. The
// nodes find it by a name for whoever leads, or by its address among those that they know.
func TestFailover(t *testing.T) {
	t.Parallel()
	t.Run("by a name", func(t *testing.T) { failOver(t, true, true) })
	t.Run("by several addresses", func(t *testing.T) { failOver(t, true, false) })
}

// TestAsynchronousFailover goes on with a replica that may lack the last commits. What they said is lost; what is left
// is sound, and goes on.
func TestAsynchronousFailover(t *testing.T) {
	t.Parallel()
	failOver(t, false, true)
}

func failOver(t *testing.T, synchronous, byName bool) {
	r, faults, c := chance(t), newTimeline(t), pgtest.New(t)
	database := c.Database(t)
	replica := c.Replica(t, synchronous)
	var leader *link
	address := severalAddresses(t, database, replica)
	if byName {
		leader = newLink(t, "the leader's name", c.Address(), faults)
		address = leader.url(database)
	}
	f := newFleet(t, faults, same(address, 3), "--lease", lease.String())
	f.forgiving = !synchronous
	l := f.begin(16)
	time.Sleep(about(r, 3*time.Second))
	if !synchronous {
		faults.add("the replica hears no more of PostgreSQL") // as over a network that fails
		replica.Exec(t, "postgres", "ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()")
		until(t, "work that the replica lacks", func(int) bool {
			heard := replica.Value(t, "postgres", "SELECT pg_last_wal_receive_lsn()::text")
			return c.Value(t, "postgres", "SELECT pg_current_wal_lsn() - '"+heard+"'::pg_lsn > 300000") == "t"
		})
	}
	faults.add("PostgreSQL is killed")
	c.Kill()
	replica.Promote(t)
	faults.add("the replica leads")
	if byName {
		leader.to(replica.Address())
	}
	time.Sleep(about(r, 3*time.Second))
	l.end()
	if synchronous {
		l.judge()
		return
	}
	l.judgeForgiving()
}

// severalAddresses is a database that is on a server or, after a failure, on its replica.
func severalAddresses(t *testing.T, database string, replica *pgtest.Cluster) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	u.Host += "," + replica.Address()
	q := u.Query()
	q.Set("target_session_attrs", "read-write")
	u.RawQuery = q.Encode()
	return u.String()
}

// judgeForgiving counts what is lost after a fail-over to a replica that lacked the last commits: executions, and the
// ends of executions. Whoever answers callbacks answers them again; then all that is left ends, and the database is
// sound.
func (l *load) judgeForgiving() {
	l.f.t.Helper()
	var open []string
	for arn := range l.orders {
		switch status, err := l.f.Insist(l.f.t.Context(), http.MethodGet, arn, "", ""); {
		case err != nil:
			l.f.t.Error(err)
		case status == http.StatusNotFound: // it began and ended, and all of that is lost
			l.lost.Add(1)
		case !l.closed(arn):
			open = append(open, arn)
		}
	}
	for _, notes := range survivaltest.ReadNotes(l.f.t, l.f.notes) {
		for _, n := range notes["approval"] {
			_ = l.f.Approve(l.f.t.Context(), n.Nonce, "yes")
		}
	}
	for _, arn := range open {
		until(l.f.t, "the end of "+arn, func(int) bool { return l.closed(arn) })
	}
	l.f.nodes[0].Verify()
	l.f.t.Logf("%d orders; of what was acknowledged %d starts and %d ends are lost; stuck 0", len(l.orders), l.lost.Load(),
		len(open))
	if n := int(l.lost.Load()) + len(open); n == 0 || n >= len(l.orders) {
		l.f.t.Errorf("%d of %d orders lost something, want some and not all", n, len(l.orders))
	}
}

func (l *load) closed(arn string) bool {
	closed, err := l.f.Closed(l.f.t.Context(), arn)
	return err == nil && closed
}

// TestDatabaseAway has the database away for longer than a lease: clients are told so soon, and nothing is busy.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	faults, c := newTimeline(t), pgtest.New(t)
	f := newFleet(t, faults, same(c.Database(t), 2), "--lease", lease.String())
	first, err := f.Attend(t.Context(), "before", survivaltest.Job{})
	if err != nil {
		t.Fatal(err)
	}
	c.Kill()
	for n, node := range f.nodes {
		alone := survivaltest.NewService(1, node.Addr)
		for _, path := range []string{first, "arn:aws:lambda:us-east-1:000000000000:function:victim:$LATEST/durable-execution/a/b"} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			status, err := alone.Try(ctx, http.MethodGet, path, "")
			cancel()
			if err != nil || status < 500 {
				t.Errorf("node %d without a database: got status %d, %v for %s, want one of 500 and more", n, status, err, path)
			}
		}
		before := cpu(t, node)
		time.Sleep(3 * time.Second)
		if used := cpu(t, node) - before; used > 600*time.Millisecond {
			t.Errorf("node %d used %v of a processor in 3 s without a database", n, used)
		}
	}
	c.Start(t)
	began := time.Now()
	if _, err := f.Attend(t.Context(), "after", survivaltest.Job{}); err != nil {
		t.Fatal(err)
	}
	t.Logf("the first order ended %v after the database was back", time.Since(began).Round(time.Millisecond))
}
