package main

import (
	"context"
	"flag"
	"fmt"
	"net/url"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/host"
)

// fleetFlags make an engine a node of a fleet.
type fleetFlags struct {
	store string // as it was given
	engine.NodeOptions
}

func (f *fleetFlags) define(fs *flag.FlagSet) {
	fs.StringVar(&f.store, "store", "", storeUsage)
	fs.StringVar(&f.Name, "node-name", "", "`NAME` of this node of the fleet, for people; the machine's by default")
	fs.StringVar(&f.URL, "node-url", "", "`URL` at which others reach this node; that of --listen by default")
	fs.Func("lease", "`TIME` without a sign of life after which other nodes take over, 10s unless given",
		func(s string) (err error) {
			f.Lease, err = time.ParseDuration(s)
			return err
		})
}

// Bounds of a lease: databases are away for a moment, and dead nodes should not be missed for long.
const minLease, maxLease = time.Second, 10 * time.Minute

// check finds out where executions are kept, and refuses what does not go with it.
func (f *fleetFlags) check(std *stdio, e *engineFlags) (err error) {
	value, from := orEnvironment(f.store)
	switch {
	case value == "" && f.NodeOptions != engine.NodeOptions{}:
		return cli.Usagef("--node-name, --node-url and --lease are for a fleet").
			Hintf("--store URL makes this engine a node of one")
	case value == "":
		return nil
	case e.durability.given:
		return cli.Usagef("--durability is for a data directory: what a PostgreSQL keeps, its settings say").
			Hintf("perdure doctor --store URL looks at them")
	case e.SAM:
		return cli.Usagef("--sam is for one engine with a data directory: what SAM starts, it starts on this machine")
	case f.Lease != 0 && (f.Lease < minLease || f.Lease > maxLease):
		return cli.Usagef("--lease is a time between %s and %s", minLease, maxLease)
	}
	u, err := url.Parse(f.URL)
	if f.URL != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		return cli.Usagef("--node-url %q is no URL", f.URL).Hintf("one looks like https://node1.example.com:3001")
	}
	e.Node = f.NodeOptions
	e.Store, err = readStore(std, from, value)
	return err
}

// lines say where executions are kept.
func (f *fleetFlags) lines(h *host.Host, e *engineFlags) []string {
	if e.Store == "" {
		return []string{fmt.Sprintf("  data      %s, durability %s", e.Data, e.Durability)}
	}
	lines := []string{fmt.Sprintf("  store     %s; %s has what is this node's alone", h.Storage(), e.Data)}
	if n, _ := otherNodes(h); n > 0 { // it only goes into words
		lines = append(lines, "  nodes     "+plural(n, "other")+": perdure nodes")
	}
	return lines
}

// attrs are lines for programs.
func (f *fleetFlags) attrs(h *host.Host, e *engineFlags) []any {
	if e.Store == "" {
		return []any{"data", e.Data, "durability", e.Durability.String()}
	}
	return []any{"store", h.Storage().String(), "data", e.Data}
}

// otherNodes counts the other nodes that are alive.
func otherNodes(h *host.Host) (n int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	nodes, err := h.Engine.Nodes(ctx)
	for i := range nodes {
		if nodes[i].Alive && !nodes[i].Draining && !nodes[i].Self {
			n++
		}
	}
	return n, err
}

// whoGoesOn says what becomes of open executions when an engine stops.
func whoGoesOn(h *host.Host) string {
	n, err := otherNodes(h)
	switch {
	case err != nil:
		return "the store does not tell who goes on with open executions"
	case n > 0:
		return plural(n, "other node") + " will go on with open executions"
	case h.Storage().URL != "":
		return "open executions go on when a node starts: this is the last one"
	}
	return "open executions go on at the next start"
}

func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
