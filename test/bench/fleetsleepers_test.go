package bench

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	neturl "net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/engine/postgres"
	"github.com/perdure/perdure/internal/core/store/pgstore/pgtest"
	"github.com/perdure/perdure/protocol"
)

var asleep = flag.Int("asleep", 20_000, "executions that sleep for a day in BenchmarkFleetSleepers")

// BenchmarkFleetSleepers starts nodes over many executions that sleep, and wakes some of them at one moment. A fleet has
// nothing in memory for those, and each costs a claim when it is due.
func BenchmarkFleetSleepers(b *testing.B) {
	const wake = 10_000
	c := pgtest.New(b, "fsync=on", "max_wal_size=4GB")
	url := c.Database(b)
	began := time.Now()
	until := began.Add(time.Duration(*asleep+wake)*time.Millisecond/2 + 45*time.Second)
	fill(b, url, *asleep, func(int) time.Duration { return 24 * time.Hour })
	fill(b, url, wake, func(int) time.Duration { return time.Until(until) })
	b.Logf("%d executions fell asleep in %v", *asleep+wake, time.Since(began).Round(time.Second))
	b.Logf("size: %s", c.Value(b, databaseOf(b, url), `SELECT string_agg(relname || ' ' || pg_size_pretty(pg_relation_size(oid)), ', '
		ORDER BY pg_relation_size(oid) DESC) FROM pg_class WHERE relnamespace = 'perdure'::regnamespace
		AND pg_relation_size(oid) > 1000000`))
	var ended atomic.Int64
	var nodes []*engine.Engine
	for range 2 {
		began := time.Now()
		e := sleeperNode(b, url, &ended)
		start(b, e, "sleeper", fmt.Sprint("another-", len(nodes)))
		b.Logf("a node was ready after %v", time.Since(began).Round(100*time.Microsecond))
		nodes = append(nodes, e)
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.Logf("memory of two nodes: %.1f MB", float64(m.HeapAlloc)/1e6)
	time.Sleep(time.Until(until))
	for ended.Load() < wake && time.Since(until) < time.Minute {
		time.Sleep(10 * time.Millisecond)
	}
	took := time.Since(until)
	for i, e := range nodes {
		s := e.Stats()
		b.Logf("node %d: claimed %d, looked at %d, %.0f ms late on average", i, s.Claimed, s.Late.Count(),
			s.Late.Sum/float64(max(s.Late.Count(), 1))*1e3)
	}
	b.ReportMetric(float64(ended.Load())/took.Seconds(), "wakings/s")
}

func databaseOf(b *testing.B, address string) string {
	b.Helper()
	u, err := neturl.Parse(address)
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimPrefix(u.Path, "/")
}

// fill leaves executions that sleep.
func fill(b *testing.B, url string, n int, d func(int) time.Duration) {
	b.Helper()
	var ended atomic.Int64
	e := sleeperNode(b, url, &ended)
	var work sync.WaitGroup
	for worker := range 128 {
		work.Go(func() {
			for i := worker; i < n; i += 128 {
				seconds, _ := json.Marshal(max(1, int64(d(i)/time.Second)))
				_, err := e.Start(context.Background(), &engine.InvokeRequest{Function: "sleeper", Payload: seconds})
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	work.Wait()
	for e.Running() > 0 {
		time.Sleep(10 * time.Millisecond)
	}
	e.Close(context.Background())
}

func sleeperNode(b *testing.B, url string, ended *atomic.Int64) *engine.Engine {
	b.Helper()
	st, err := postgres.Open(b.Context(), url, nil)
	if err != nil {
		b.Fatal(err)
	}
	e, err := engine.Open(context.Background(), st, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		e.Close(context.Background())
		st.Close()
	})
	err = e.Functions().Register(engine.Function{
		Name: "sleeper", Timeout: time.Minute, Concurrency: 1000,
		Durable: &engine.DurableConfig{ExecutionTimeout: 366 * 24 * time.Hour},
		Invoker: invokerFunc(func(inv *engine.Invocation) engine.Outcome {
			var in protocol.InvocationInput
			if err := json.Unmarshal(inv.Payload, &in); err != nil {
				b.Error(err)
			}
			if len(in.InitialExecutionState.Operations) > 1 { // the wait is over
				ended.Add(1)
				return engine.Outcome{Payload: []byte(`{"Status":"SUCCEEDED"}`)}
			}
			seconds := int64(24 * 3600)
			if p := in.InitialExecutionState.Operations[0].Payload; p != nil {
				_ = json.Unmarshal([]byte(*p), &seconds)
			}
			return sleepFor(b, e, &in, seconds)
		}),
	})
	if err != nil {
		b.Fatal(err)
	}
	return e
}
