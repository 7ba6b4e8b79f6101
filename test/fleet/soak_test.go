package fleet

import (
	"flag"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/perdure/perdure/internal/core/store/pgstore/pgtest"
	"github.com/perdure/perdure/test/survival/survivaltest"
)

var (
	soak     = flag.Duration("soak", 0, "how long TestSoak kills; 0 skips it")
	sleepers = flag.Int("sleepers", 5000, "executions that sleep during TestSoak")
	running  = flag.Int("running", 200, "clients with an order each during TestSoak")
)

// TestSoak kills everything for a long time: nodes, functions, links and PostgreSQL. Sleepers wake up in the second half.
func TestSoak(t *testing.T) {
	if *soak == 0 {
		t.Skip("-soak is not given")
	}
	r, faults, c := chance(t), newTimeline(t), pgtest.New(t)
	database := c.Database(t)
	var links []*link
	var urls []string
	for n := range 3 {
		l := newLink(t, fmt.Sprintf("the link of node %d", n), c.Address(), faults)
		links, urls = append(links, l), append(urls, l.url(database))
	}
	f := newFleet(t, faults, urls, "--lease", lease.String())
	l := f.begin(*running)
	asleep := l.sleepers(*sleepers, *soak)
	killed := 0
	for end := time.Now().Add(*soak); time.Now().Before(end) && !t.Failed(); killed++ {
		time.Sleep(about(r, 3*time.Second))
		switch r.IntN(8) {
		case 0:
			faults.add("PostgreSQL is killed")
			c.Kill()
			time.Sleep(about(r, lease))
			c.Start(t)
			faults.add("PostgreSQL runs")
		case 1, 2:
			link := links[r.IntN(len(links))]
			networkFaults[r.IntN(len(networkFaults))](link, r.Uint64())
			time.Sleep(about(r, 2*lease))
			link.heal()
		default:
			f.harm(r, about(r, 2*lease))
		}
	}
	t.Logf("%d faults; %d orders have ended", killed, l.done())
	asleep()
	l.end()
	j := l.judge()
	t.Logf("%d orders: lost %d, twice %d, stuck %d", len(l.orders), j.Lost, j.Twice, l.stuck.Load())
}

// sleepers starts orders that sleep until the second half of d, and returns what waits for their end.
func (l *load) sleepers(n int, d time.Duration) (wait func()) {
	var work sync.WaitGroup
	places := make(chan struct{}, 32)
	jobs := map[string]survivaltest.Job{}
	for i := range n {
		name, job := fmt.Sprintf("sleeper-%d", i), survivaltest.Job{WaitSeconds: int(d.Seconds()*(0.5+0.5*float64(i)/float64(n))) + 1}
		jobs[name] = job
		places <- struct{}{}
		work.Go(func() {
			defer func() { <-places }()
			if _, err := l.f.Start(l.f.t.Context(), name, job); err != nil {
				l.f.t.Error(err)
			}
		})
	}
	work.Wait()
	return func() {
		for name, job := range jobs {
			places <- struct{}{}
			work.Go(func() {
				defer func() { <-places }()
				l.order(name, job, 0)
			})
		}
		work.Wait()
	}
}
