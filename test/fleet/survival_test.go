package fleet

import (
	"flag"
	"testing"
	"time"

	"github.com/perdure/perdure/internal/core/store/pgstore/pgtest"
)

var (
	kills  = flag.Int("kills", 9, "how often nodes and functions are killed")
	orders = flag.Int("orders", 100, "how many orders there must be at least")
)

// lease is that of the nodes in these tests.
const lease = 2 * time.Second

// TestSurvival kills nodes and functions at random while orders run, whose clients ask any node.
func TestSurvival(t *testing.T) {
	t.Parallel()
	r, faults := chance(t), newTimeline(t)
	f := newFleet(t, faults, same(pgtest.Database(t), 3), "--lease", lease.String())
	l := f.begin(16)
	for n := 0; (n < *kills || l.done() < *orders) && !t.Failed(); n++ {
		time.Sleep(time.Duration(100+r.IntN(900)) * time.Millisecond)
		f.harm(r, lease+time.Duration(r.IntN(1000))*time.Millisecond)
	}
	l.end()
	if j := l.judge(); j.Pauses == 0 {
		t.Error("nothing was paused")
	}
}
