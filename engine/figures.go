package engine

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// Figures say for each function version what it has to do, and what its executions did lately. They are of this
// process: in a fleet, what other nodes did is in theirs. They begin when the engine is opened. All methods may be
// called concurrently.
type Figures struct {
	life      *life
	functions *Functions
	queues    *queues

	names   nameBudget
	mu      sync.RWMutex
	tallies map[qualified]*tally
}

// Figures are what the engine knows of the work of function versions.
func (e *Engine) Figures() *Figures { return e.figures }

// Load is what a function version has to do at this moment.
type Load struct {
	Function, Version string
	Running           int // invocations and calls under way
	Allowed           int // how many may be at one time: of a fleet's node its share
	Waiting           int // those that wait for a place; at most 400 of each kind are known
}

// Loads are those of all versions that this engine can run, ordered by name and version.
func (s *Figures) Loads() []Load {
	now, all := s.life.now(), []Load(nil)
	for _, f := range s.functions.all() {
		if f.Invoker == nil {
			continue
		}
		l := Load{Function: f.Name, Version: f.Version, Allowed: s.functions.fleet.shares.usable(f)}
		l.Running = max(0, l.Allowed-(cap(f.places)-len(f.places)))
		if q := s.queues.find(f.Name, f.Version); q != nil {
			l.Waiting = q.waiting(now)
		}
		all = append(all, l)
	}
	return all
}

// StoreHealth says how the store does. Its counts begin when the store is opened.
type StoreHealth struct {
	Kind       string // SQLite, PostgreSQL or memory; empty if the store does not say
	Durability string // what an acknowledged change survives, in the store's words
	Bytes      int64  // on disk, with indexes and log; zero if that is not known
	// Commit is the seconds until a transaction was durable, and Changes how many changes shared one.
	Commit, Changes Distribution
	Waiting         int // changes that wait for their transaction to begin
}

// Store asks the store how it does.
func (s *Figures) Store(ctx context.Context) StoreHealth {
	r, ok := s.functions.store.(store.Reporter)
	if !ok {
		return StoreHealth{}
	}
	h := r.Health(ctx)
	return StoreHealth{
		Kind: h.Kind, Durability: h.Durability, Bytes: h.Bytes,
		Commit: Distribution(h.Commit), Changes: Distribution(h.Group), Waiting: h.Waiting,
	}
}

// Tally is what the executions of one function version did. Of a plain function it has only invocations.
type Tally struct {
	Function, Version string
	Since             protocol.Timestamp // when counting began
	Minutes           []Minute           // those of the last hour, the oldest first; the last one is not over
	Operations        []OperationTally   // by kind and name, that first which took longest in all
	Waits             []WaitTally        // what executions waited for, that first which took longest in all
}

// Minute is what happened in a minute, and how long that took which ended in it.
type Minute struct {
	Begins            protocol.Timestamp
	Started           uint64 // executions
	Closed            map[protocol.ExecutionStatus]uint64
	FailedInvocations uint64 // those that reported an error, crashed, or took too long
	ColdStarts        Cold
	Executions        Times // from start to end
	Invocations       Times // and calls
	Attempts          Times // of steps
}

// Cold says how many invocations waited for a process to start, and for how long.
type Cold struct {
	Count       uint64
	Total, Most time.Duration
}

// Times says how long some things of a kind took.
type Times struct {
	Count     uint64
	Mean, Max time.Duration
	P95       time.Duration // 95 of 100 took at most that; as exact as classes that double allow
}

// OperationTally is what operations of one kind and name did.
type OperationTally struct {
	Type protocol.OperationType
	// Name may be empty. Of the items of a map it is such as "orders › item"; of a dozen names and more that are alike
	// it has # for numbers and ids.
	Name   string
	Others bool // of all operations for whose names there was no room; it has neither Type nor Name
	Ended  uint64
	Failed uint64 // of those that ended
	// Retries counts failed attempts of steps after which there was another one.
	Retries uint64
	// Total is the time of all, and Times how long one took: an attempt of a step, or an operation from start to end.
	Total time.Duration
	Times Times
}

// WaitTally says for how long executions waited for one kind of thing. Waits that go on are not in it.
type WaitTally struct {
	For   Activity // Queued for a place, Retrying, Callback, Invoke, Waiting for a moment, or Paused
	Total time.Duration
	Times Times
}

// Tallies returns the tallies of the versions of a function, or of all functions if that is empty, ordered by name and
// version. There are those of the 200 versions that did something last.
func (s *Figures) Tallies(function string) []*Tally {
	now, all := s.life.now(), []*Tally(nil)
	s.mu.RLock()
	for of, y := range s.tallies {
		if function == "" || of.function == function {
			all = append(all, y.read(of, now))
		}
	}
	s.mu.RUnlock()
	slices.SortFunc(all, func(a, b *Tally) int {
		return cmp.Or(cmp.Compare(a.Function, b.Function),
			cmp.Compare(versionNumber(a.Version), versionNumber(b.Version)))
	})
	return all
}

func (y *tally) read(of qualified, now protocol.Timestamp) *Tally {
	y.mu.Lock()
	defer y.mu.Unlock()
	t := &Tally{Function: of.function, Version: of.qualifier, Since: y.since}
	last := int64(now) / time.Minute.Milliseconds()
	for number := last - minutesInWindow + 1; number <= last; number++ {
		m := y.minutes[number%minutesInWindow]
		if m == nil || m.number != number {
			m = &minute{number: number}
		}
		t.Minutes = append(t.Minutes, m.read())
	}
	for of, o := range y.operations {
		t.Operations = append(t.Operations, o.read(of))
	}
	if y.overflown {
		others := y.others.read(operationName{})
		others.Others = true
		t.Operations = append(t.Operations, others)
	}
	slices.SortFunc(t.Operations, func(a, b OperationTally) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Type, b.Type))
	})
	for i := range y.waits {
		if w := &y.waits[i]; w.summary().Count > 0 {
			t.Waits = append(t.Waits, WaitTally{waitKinds[i].activity, w.sum, w.summary()})
		}
	}
	slices.SortStableFunc(t.Waits, func(a, b WaitTally) int { return cmp.Compare(b.Total, a.Total) })
	return t
}

func (m *minute) read() Minute {
	out := Minute{
		Begins: protocol.Timestamp(m.number * time.Minute.Milliseconds()), Started: m.started,
		Closed: map[protocol.ExecutionStatus]uint64{}, FailedInvocations: m.failedInvocations,
		ColdStarts: Cold{m.cold, m.init, m.longestInit},
		Executions: m.executions.summary(), Invocations: m.invocations.summary(), Attempts: m.ops.summary(),
	}
	for i, n := range m.closed {
		if n > 0 {
			out.Closed[closedStatuses[i]] = n
		}
	}
	return out
}

func (o *operationTally) read(of operationName) OperationTally {
	return OperationTally{
		Type: of.kind, Name: of.String(), Ended: o.ended, Failed: o.failed, Retries: o.retries,
		Total: o.took.sum, Times: o.took.summary(),
	}
}
