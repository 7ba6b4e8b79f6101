package bench

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/perdure/perdure"
	"github.com/perdure/perdure/engine/postgres"
	"github.com/perdure/perdure/internal/core/store/pgstore/pgtest"
)

// BenchmarkFleet runs whole executions on 1, 2 and 4 nodes of a fleet in one process, with one PostgreSQL that makes every
// commit durable. Clients share the nodes.
func BenchmarkFleet(b *testing.B) {
	for _, nodes := range []int{1, 2, 4} {
		for _, load := range []struct{ clients, steps int }{{1, 100}, {64, 10}, {128, 3}} {
			b.Run(fmt.Sprintf("nodes=%d/clients=%d/steps=%d", nodes, load.clients, load.steps), func(b *testing.B) {
				url := pgtest.New(b, "fsync=on").Database(b)
				services := make([]*perdure.Service, nodes)
				for i := range services {
					st, err := postgres.Open(b.Context(), url, nil)
					if err != nil {
						b.Fatal(err)
					}
					services[i] = embed(b, "", st)
				}
				var next atomic.Int64
				executionsOn(b, load.clients, load.steps, func() *perdure.Service {
					return services[int(next.Add(1))%nodes]
				})
			})
		}
	}
}
