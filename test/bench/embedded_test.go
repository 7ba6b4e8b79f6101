package bench

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/perdure/perdure"
	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/engine"
)

// BenchmarkEmbedded runs whole executions in one process, as programs that embed the engine do: handlers of package
// durable, no HTTP, and every checkpoint durable on disk.
func BenchmarkEmbedded(b *testing.B) {
	for _, load := range []struct{ clients, steps int }{{1, 100}, {1, 1}, {64, 10}, {128, 3}} {
		b.Run(fmt.Sprintf("clients=%d/steps=%d", load.clients, load.steps), func(b *testing.B) {
			executions(b, embed(b, b.TempDir(), nil), load.clients, load.steps)
		})
	}
}

// embed opens a service with the function steps, without what only tests check.
func embed(tb testing.TB, dir string, st engine.Store) *perdure.Service {
	tb.Helper()
	s, err := perdure.Open(tb.Context(), dir, &perdure.Options{Store: st, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close(context.Background()) })
	err = perdure.Handle(s, "steps", runSteps, perdure.Concurrency(1000),
		perdure.With(durable.WithGoroutineChecks(false)))
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func runSteps(ctx durable.Context, n int) (sum int, err error) {
	for i := range n {
		one, err := durable.Step(ctx, "add", func(context.Context) (int, error) { return i, nil })
		if err != nil {
			return 0, err
		}
		sum += one
	}
	return sum, nil
}

// executions shares b.N executions among clients, each of which waits for one before it starts the next.
func executions(b *testing.B, s *perdure.Service, clients, steps int) {
	executionsOn(b, clients, steps, func() *perdure.Service { return s })
}

// executionsOn is executions where each client has a service of its own.
func executionsOn(b *testing.B, clients, steps int, service func() *perdure.Service) {
	b.ReportAllocs()
	var left atomic.Int64
	left.Store(int64(b.N))
	done := make(chan struct{})
	b.ResetTimer()
	for range clients {
		s := service()
		go func() {
			defer func() { done <- struct{}{} }()
			for left.Add(-1) >= 0 {
				x, err := perdure.Start(b.Context(), s, "steps", steps)
				if err == nil {
					_, err = perdure.Wait[int](b.Context(), s, x.ARN)
				}
				if err != nil {
					b.Error(err)
					return
				}
			}
		}()
	}
	for range clients {
		<-done
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "executions/s")
	b.ReportMetric(float64(b.N*steps)/b.Elapsed().Seconds(), "steps/s")
	b.ReportMetric(b.Elapsed().Seconds()*1e6/float64(b.N*steps), "µs/step")
}
