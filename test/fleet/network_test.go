package fleet

import (
	"testing"
	"time"

	"github.com/perdure/perdure/internal/core/store/pgstore/pgtest"
)

// linked is a database with a link to it for each of n nodes.
func linked(t *testing.T, faults *timeline, n int) (links []*link, addresses []string) {
	t.Helper()
	database := pgtest.Database(t)
	for i := range n {
		l := newLink(t, "the link of node "+string(rune('0'+i)), pgtest.Shared(t).Address(), faults)
		links, addresses = append(links, l), append(addresses, l.url(database))
	}
	return links, addresses
}

// TestNetworkFaults breaks the links of nodes in every way that networks break, one at a time, while orders run.
func TestNetworkFaults(t *testing.T) {
	t.Parallel()
	r, faults := chance(t), newTimeline(t)
	links, addresses := linked(t, faults, 3)
	f := newFleet(t, faults, addresses, "--lease", lease.String())
	l := f.begin(16)
	for _, n := range r.Perm(len(networkFaults)) {
		link := links[r.IntN(len(links))]
		time.Sleep(about(r, 500*time.Millisecond))
		networkFaults[n](link, r.Uint64())
		time.Sleep(lease + about(r, lease/2))
		link.heal()
	}
	time.Sleep(time.Second)
	l.end()
	// A slow link makes it hard to tell what time the database has.
	l.judge()
}

// networkFaults are what may happen to a link.
var networkFaults = []func(l *link, seed uint64){
	func(l *link, _ uint64) { l.refuse() },
	func(l *link, _ uint64) { l.drop("both") },
	func(l *link, _ uint64) { l.drop("downstream") },
	func(l *link, _ uint64) { l.drop("upstream") },
	func(l *link, _ uint64) { l.slow(200 * time.Millisecond) },
	func(l *link, seed uint64) { l.cut(10, seed) },
}

// TestResetsAtCommit cuts the connections of all nodes in the middle of their commits, all the time.
func TestResetsAtCommit(t *testing.T) {
	t.Parallel()
	r, faults := chance(t), newTimeline(t)
	links, addresses := linked(t, faults, 3)
	f := newFleet(t, faults, addresses, "--lease", lease.String())
	for _, link := range links {
		link.cut(50, r.Uint64())
	}
	l := f.begin(12)
	time.Sleep(6 * time.Second)
	for _, link := range links {
		link.heal()
	}
	l.end()
	l.judge()
}
