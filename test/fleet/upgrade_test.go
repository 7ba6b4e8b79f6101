package fleet

import (
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/internal/core/store/pgstore/pgtest"
	"github.com/perdure/perdure/test/survival/survivaltest"
)

// TestRollingUpgrade replaces one node after the other by a newer one while orders run: the new one joins, the old one
// is told to end. Nobody notices: no client gets an error, and no step runs twice.
func TestRollingUpgrade(t *testing.T) {
	t.Parallel()
	faults, address := newTimeline(t), pgtest.Database(t)
	f := newFleet(t, faults, same(address, 3))
	newer := t.TempDir() + "/perdure"
	survivaltest.Build(t, root, newer, "cmd/perdure", "-ldflags", "-X main.version=v9.9.9")
	f.calm = true
	l := f.begin(12)
	for n := range f.nodes {
		time.Sleep(time.Second)
		old, next := f.nodes[n], f.prepare(address)
		next.Binary = newer
		next.Start()
		f.ready(next)
		f.Service.Add(next.Addr)
		faults.add("node %d is told to end; a newer one has joined", n)
		if err := old.Drain(); err != nil {
			t.Errorf("node %d did not end well: %v", n, err)
		}
		faults.add("node %d has ended", n)
		f.Service.Remove(old.Addr)
		f.nodes[n] = next
	}
	time.Sleep(time.Second)
	l.end()
	if told := f.Failures(); len(told) > 0 {
		t.Errorf("clients were told of failures, want none:\n%s", strings.Join(told, "\n"))
	}
	j := l.judge()
	for arn := range l.orders {
		for step, runs := range j.Notes[arn] {
			if len(runs) != 1 {
				t.Errorf("%s: %s ran %d times, want once:\n%v\n%s", arn, step, len(runs), runs, f.told(arn))
			}
		}
	}
}
