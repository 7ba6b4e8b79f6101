package overview

import (
	"context"
	"maps"
	"runtime"
	"slices"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/observe/metrics"
	"github.com/perdure/perdure/protocol"
)

// Status is how an engine does.
type Status struct {
	Version   string // the program's
	GoVersion string
	Platform  string           // such as linux/amd64
	Node      string           `json:",omitempty"` // the id of the node that answers, in a fleet
	Started   protocol.Seconds // the process
	Store     Store
	// Checkpoint is the time until a checkpoint was durable and answered, and Late that between the moment at which
	// something was due and the engine's looking at it; in seconds.
	Checkpoint, Late Distribution
	Executions       Executions
	Invocations      Invocations
	Memory           Memory
	Loads            []FunctionLoad // of versions that have something to do
	Sandboxes        []Sandbox
	// Throughput has the minutes of the last hour, the oldest first; the last one is not over.
	Throughput []Throughput
}

// Throughput is what happened in a minute to the executions of all functions together.
type Throughput struct {
	Begins  protocol.Seconds
	Started uint64
	Ended   uint64
	Failed  uint64 // of those that ended: failures and timeouts
}

// Store is where executions are kept.
type Store struct {
	Kind       string // SQLite, PostgreSQL or memory
	Durability string // what an acknowledged change survives, in the store's words
	Bytes      int64
	Commit     Distribution // seconds until a transaction was durable
	Changes    Distribution // that shared a transaction
	Waiting    int          // changes that wait for a transaction
}

// Executions are those that the engine has in memory, or has planned.
type Executions struct {
	InMemory    int
	MemoryBytes int // of those to which nothing happens now
	Scheduled   int // those that are due next; a few thousand at most
	Backlog     int // those of these that are due, and have not been looked at
}

// Invocations are those of all functions.
type Invocations struct{ Running, Waiting int }

// Memory is what the process takes, in bytes.
type Memory struct {
	Heap, System uint64
	Goroutines   int
}

// FunctionLoad is what a version has to do now.
type FunctionLoad struct {
	FunctionName, Version string
	*Load
}

// Sandbox is the processes of one function version, by what they do.
type Sandbox struct {
	FunctionName, Version        string
	Starting, Busy, Idle, Ending int
}

// Distribution sums up many values.
type Distribution struct {
	Count         uint64
	Mean          float64
	P50, P95, P99 float64  // half of the values are at most P50; as exact as the buckets
	Buckets       []Bucket `json:",omitempty"`
}

// Bucket counts the values up to a bound, above that of the bucket before. The last has no bound.
type Bucket struct {
	UpTo  float64 `json:",omitempty"`
	Count uint64
}

// Status says how the engine does.
func (s *Source) Status(ctx context.Context) *Status {
	stats, store := s.Engine.Stats(), s.Engine.Figures().Store(ctx)
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	out := &Status{
		Version: s.Version, GoVersion: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Node: s.Engine.NodeID(), Started: protocol.Seconds(protocol.TimestampOf(started)),
		Store: Store{
			Kind: store.Kind, Durability: store.Durability, Bytes: store.Bytes, Commit: distributionOf(store.Commit),
			Changes: distributionOf(store.Changes), Waiting: store.Waiting,
		},
		Checkpoint: distributionOf(stats.Checkpoint), Late: distributionOf(stats.Late),
		Executions: Executions{
			InMemory: stats.InMemory, MemoryBytes: stats.MemoryBytes, Scheduled: stats.Scheduled,
			Backlog: stats.Backlog,
		},
		Invocations: Invocations{Running: stats.Invoking, Waiting: stats.Waiting},
		Memory:      Memory{Heap: memory.HeapInuse, System: memory.Sys, Goroutines: runtime.NumGoroutine()},
		Loads:       []FunctionLoad{}, Sandboxes: []Sandbox{},
		Throughput: throughputOf(s.Engine.Figures().Tallies("")),
	}
	for _, l := range s.Engine.Figures().Loads() {
		if l.Running+l.Waiting > 0 {
			out.Loads = append(out.Loads, FunctionLoad{l.Function, l.Version, &Load{l.Running, l.Allowed, l.Waiting}})
		}
	}
	if s.Sandboxes != nil {
		out.Sandboxes = append(out.Sandboxes, s.Sandboxes()...)
	}
	return out
}

// throughputOf sums up tallies. They have the same minutes, unless one begins while they are read.
func throughputOf(tallies []*engine.Tally) []Throughput {
	sums := map[protocol.Timestamp]*Throughput{}
	for _, t := range tallies {
		for i := range t.Minutes {
			m := &t.Minutes[i]
			sum := sums[m.Begins]
			if sum == nil {
				sum = &Throughput{Begins: protocol.Seconds(m.Begins)}
				sums[m.Begins] = sum
			}
			sum.Started += m.Started
			sum.Failed += m.Closed[protocol.ExecutionFailed] + m.Closed[protocol.ExecutionTimedOut]
			for _, n := range m.Closed {
				sum.Ended += n
			}
		}
	}
	all := []Throughput{}
	for _, begins := range slices.Sorted(maps.Keys(sums)) {
		all = append(all, *sums[begins])
	}
	return all
}

// Started is when this process started.
func Started() time.Time { return started }

func distributionOf(d engine.Distribution) Distribution {
	m := metrics.Distribution(d)
	out := Distribution{Count: m.Count(), P50: m.Quantile(.5), P95: m.Quantile(.95), P99: m.Quantile(.99)}
	if out.Count > 0 {
		out.Mean = m.Sum / float64(out.Count)
	}
	for i, n := range m.Counts {
		b := Bucket{Count: n}
		if i < len(m.Bounds) {
			b.UpTo = m.Bounds[i]
		}
		out.Buckets = append(out.Buckets, b)
	}
	return out
}
