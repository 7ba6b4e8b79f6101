package main

import (
	"context"
	"fmt"
	"syscall"
)

const postgresSafe = "power-safe: PostgreSQL with its defaults; each answer after its commit is flushed"

// perdureFleet is so many nodes of perdure serve on one PostgreSQL. Executions are started on the nodes in turn.
func perdureFleet(nodes int) system {
	name := "Perdure: one node"
	if nodes > 1 {
		name = fmt.Sprintf("Perdure: %d nodes", nodes)
	}
	return system{
		Key: fmt.Sprintf("fleet-%d", nodes), Name: name, Durability: postgresSafe, Ours: true, Served: nodes == 1,
		start: func(ctx context.Context, l *lab) (*instance, error) {
			db, err := startPostgres(ctx, l)
			if err != nil {
				return nil, err
			}
			i := &instance{engine: []group{{db.pid(), whole}}}
			stops := []func(){func() { db.stop(syscall.SIGINT) }}
			i.stop = func() {
				for n := range stops {
					stops[len(stops)-1-n]()
				}
			}
			var urls []string
			for n := range nodes {
				p, url, err := serve(ctx, l, fmt.Sprint("node-", n), "--store", db.url(""))
				if err != nil {
					i.stop()
					return nil, err
				}
				stops = append(stops, func() { p.stop(syscall.SIGINT) })
				i.engine = append(i.engine, group{p.pid(), itself})
				i.functions = append(i.functions, group{p.pid(), children})
				urls = append(urls, url+invokePath)
			}
			i.load = overHTTP(urls...)
			return i, nil
		},
	}
}

// perdureEmbeddedFleet is a program that embeds the one node.
var perdureEmbeddedFleet = system{
	Key: "fleet-embedded", Name: "Perdure: embedded", Durability: postgresSafe, Ours: true,
	start: agentOnPostgres("embedded"),
}
