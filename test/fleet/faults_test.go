package fleet

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/pgstore/pgtest"
	"github.com/perdure/perdure/internal/sdk/transport"
	"github.com/perdure/perdure/test/survival/survivaltest"
)

// TestFleetIsLinearizable has clients of three nodes ask for the same things while the nodes' links break and
// PostgreSQL is killed.
func TestFleetIsLinearizable(t *testing.T) {
	r, faults, database := chance(t), newTimeline(t), pgtest.New(t)
	address := database.Database(t)
	c := newCrew(t)
	var links []*link
	for n := range 3 {
		link := newLink(t, fmt.Sprintf("the link of node %d", n), database.Address(), faults)
		links = append(links, link)
		node := openNode(t, &nodeOptions{name: fmt.Sprintf("node %d", n), store: openStore(t, link.url(address)),
			register: c.register})
		c.nodes = append(c.nodes, node.api)
	}
	c.under(r, *kills/2, func() {
		link := links[r.IntN(len(links))]
		if r.IntN(4) == 0 {
			faults.add("PostgreSQL is killed")
			database.Kill()
			time.Sleep(about(r, lease/2))
			database.Start(t)
			return
		}
		networkFaults[r.IntN(len(networkFaults))](link, r.Uint64())
		time.Sleep(about(r, 3*lease/2))
		link.heal()
	})
}

// TestProcessesAreLinearizable has clients ask nodes that are killed, or stopped for longer than their lease.
func TestProcessesAreLinearizable(t *testing.T) {
	r, faults := chance(t), newTimeline(t)
	c := newCrew(t)
	f := &fleet{t: t, faults: faults}
	nodes := httptest.NewServer(nil) // of which the functions are clients
	t.Cleanup(nodes.Close)
	t.Setenv("AWS_ENDPOINT_URL_LAMBDA", nodes.URL)
	perdure, _ := build(t)
	address := pgtest.Database(t)
	var args []string
	for name, invoke := range c.handlers(transport.NewClient()) {
		endpoint := httptest.NewServer(invoke)
		t.Cleanup(endpoint.Close)
		args = append(args, "--function", name+"="+endpoint.URL+"/2015-03-31/functions/function/invocations")
	}
	for range 3 {
		s := survivaltest.NewServer(t, perdure, keptDir(t), append([]string{"--store", address, "--data", t.TempDir(),
			"--lease", lease.String()}, args...)...)
		f.nodes = append(f.nodes, s)
		c.nodes = append(c.nodes, newAPI(s.Addr, s.Addr))
	}
	turns := survivaltest.NewService(100, addresses(f.nodes)...).Turns
	nodes.Config.Handler = &httputil.ReverseProxy{Transport: turns, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: "127.0.0.1"})
	}}
	c.under(r, *kills, func() { f.harm(r, lease+about(r, lease)) })
}

// under has the clients go round while so many faults happen, and checks what they were answered.
func (c *crew) under(r *rand.Rand, faults int, fault func()) {
	c.t.Helper()
	var over sync.WaitGroup
	ctx, cancel := context.WithCancel(c.t.Context())
	for lane := range 3 {
		seed := r.Uint64()
		over.Go(func() {
			for round := 0; ctx.Err() == nil && !c.t.Failed(); round++ {
				c.round(fmt.Sprintf("lane-%d-%d", lane, round), seed+uint64(round))
			}
		})
	}
	for range faults {
		time.Sleep(about(r, time.Second))
		fault()
	}
	time.Sleep(time.Second)
	cancel()
	over.Wait()
	c.rec.check(c.t)
}

// staleStore is a bug that is planted: of executions that it has looked at, it tells the number of the last entry that
// it saw then, for a while.
type staleStore struct {
	fleetStore
	mu   sync.Mutex
	seen map[string]staleLast
}

type staleLast struct {
	number int64
	at     time.Time
}

// fleetStore is a store of a fleet, as engines use it.
type fleetStore interface {
	store.Fleet
	store.Files
}

// Last implements [store.Fleet].
func (s *staleStore) Last(ctx context.Context, ids ...string) (map[string]int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all, err := s.fleetStore.Last(ctx, ids...)
	for id, n := range all {
		if old, ok := s.seen[id]; ok && time.Since(old.at) < 200*time.Millisecond {
			all[id] = old.number
			continue
		}
		s.seen[id] = staleLast{n, time.Now()}
	}
	return all, err
}

// TestPlantedBugIsFound has nodes that do not ask whether what they remember is still true.
func TestPlantedBugIsFound(t *testing.T) {
	r, address := chance(t), pgtest.Database(t)
	c := newCrew(t)
	for n := range 2 {
		node := openNode(t, &nodeOptions{name: fmt.Sprintf("node %d", n), register: c.register,
			store: &staleStore{fleetStore: openStore(t, address).(fleetStore), seen: map[string]staleLast{}}})
		c.nodes = append(c.nodes, node.api)
	}
	for round := range 5 {
		c.round(fmt.Sprintf("round-%d", round), r.Uint64())
	}
	if bad := c.rec.violations(t); len(bad) == 0 {
		t.Error("nodes that answer from memory were not found out")
	}
}
