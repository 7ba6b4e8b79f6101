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

	"github.com/perdure/perdure/internal/core/store/pgstore/pgtest"
	"github.com/perdure/perdure/internal/sdk/transport"
	"github.com/perdure/perdure/test/survival/survivaltest"
)

// TestFleetIsLinearizable has clients of three nodes ask for the same things while the nodes' links break and
// PostgreSQL is killed.
func TestFleetIsLinearizable(t *testing.T) {
	t.Parallel()
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
	for name, value := range map[string]string{"AWS_ENDPOINT_URL_LAMBDA": nodes.URL, "AWS_REGION": "us-east-1",
		"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"} {
		t.Setenv(name, value)
	}
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
