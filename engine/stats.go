package engine

import (
	"sync/atomic"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/observe/metrics"
	"github.com/perdure/perdure/protocol"
)

// Distribution says how many values of which size there were.
type Distribution struct {
	Bounds []float64
	Counts []uint64 // of the values up to each bound and above the one before; the last is of all greater ones
	Sum    float64  // of the values
}

// Count is the number of values.
func (d Distribution) Count() uint64 { return metrics.Distribution(d).Count() }

// InvocationOutcome is how an invocation ended, for those who watch an engine.
type InvocationOutcome string

// The ways in which an invocation ends.
const (
	Answered InvocationOutcome = "answered"  // it gave an answer, or suspended
	Failed   InvocationOutcome = "failed"    // it reported an error, crashed, or answered what is no answer
	TimedOut InvocationOutcome = "timed_out" // it took too long
	Lost     InvocationOutcome = "lost"      // the engine ended before it did, or never reached the function
)

// Stats are an engine's counts since it was opened, and what it has to do now.
type Stats struct {
	Started     uint64                              // executions, chained invokes of durable functions among them
	Closed      map[protocol.ExecutionStatus]uint64 // executions, by what they ended as
	Events      map[protocol.EventType]uint64       // events added to histories
	Invocations map[InvocationOutcome]uint64        // of executions
	Calls       uint64                              // of plain functions

	Checkpoint Distribution // seconds that a checkpoint took until it was durable and answered
	Late       Distribution // seconds from when an execution was due until the engine looked at it

	// Of a node of a fleet: what it claimed that was nobody's, what it took over from dead nodes, and how often its own
	// lease ended before its time.
	Claimed, TakenOver, LeasesLost uint64

	Invoking int // invocations and calls under way
	// Waiting is how many invocations and calls wait for a place; at most 400 of each function are counted, and of a
	// fleet only those that this node has taken on.
	Waiting     int
	Backlog     int // scheduled executions that are due and have not been looked at
	Scheduled   int // executions that are due next, the first few thousand
	InMemory    int // executions
	MemoryBytes int // what those executions in memory take to which nothing happens now
}

// counters are what an engine counts, without a lock.
type counters struct {
	commits     atomic.Uint64
	started     atomic.Uint64
	calls       atomic.Uint64
	events      map[protocol.EventType]*atomic.Uint64 // has all of the protocol from the start
	invocations [len(outcomes)]atomic.Uint64
	checkpoint  *metrics.Histogram
	late        *metrics.Histogram
	invoking    atomic.Int64
	waiting     atomic.Int64 // callers that wait for a place
}

func newCounters() *counters {
	c := &counters{
		events:     make(map[protocol.EventType]*atomic.Uint64, len(protocol.Meanings)),
		checkpoint: metrics.NewHistogram(metrics.Seconds), late: metrics.NewHistogram(metrics.Seconds),
	}
	for t := range protocol.Meanings {
		c.events[t] = new(atomic.Uint64)
	}
	return c
}

var outcomes = [...]InvocationOutcome{Answered, Failed, TimedOut, Lost}

func (c *counters) heard(of change) {
	c.commits.Add(1)
	if of.x == nil {
		return
	}
	for i := range of.writes {
		if of.writes[i].Entry.Seq == 1 {
			c.started.Add(1)
		}
	}
	for i := range of.records {
		r := &of.records[i]
		if n := c.events[r.Type]; n != nil {
			n.Add(1)
		}
		if r.Type == protocol.EventInvocationCompleted {
			c.invocations[outcomeOf(r)].Add(1)
		}
	}
}

// outcomeOf is how an invocation ended, as an index of outcomes.
func outcomeOf(r *machine.Record) int {
	switch {
	case r.Lost:
		return 3
	case r.Failed && r.Error != nil && r.Error.ErrorType == protocol.ErrorTypeTimedOut:
		return 2
	case r.Failed:
		return 1
	}
	return 0
}

// Stats returns what the engine has counted.
func (e *Engine) Stats() *Stats {
	c := e.counters
	scheduled, due := e.plans.moments.count(e.life.now())
	inMemory, bytes := e.ledger.cache.count()
	s := &Stats{
		Started: c.started.Load(), Calls: c.calls.Load(),
		Closed:      map[protocol.ExecutionStatus]uint64{},
		Events:      map[protocol.EventType]uint64{},
		Invocations: map[InvocationOutcome]uint64{},
		Checkpoint:  Distribution(c.checkpoint.Read()), Late: Distribution(c.late.Read()),
		Claimed: e.fleet.counts.claimed.Load(), TakenOver: e.fleet.counts.takenOver.Load(),
		LeasesLost: e.fleet.counts.lost.Load(),
		Invoking:   int(c.invoking.Load()), Waiting: int(c.waiting.Load()) + e.plans.queues.waiting(e.life.now()),
		Backlog: due, Scheduled: scheduled, InMemory: inMemory, MemoryBytes: bytes,
	}
	for t, n := range c.events {
		s.Events[t] = n.Load()
		if status := t.Meaning().Execution; status.Closed() {
			s.Closed[status] = s.Events[t]
		}
	}
	for i, o := range outcomes {
		s.Invocations[o] = c.invocations[i].Load()
	}
	return s
}
