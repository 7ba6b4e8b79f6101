package engine

import (
	"math/bits"
	"strings"
	"sync"
	"time"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/protocol"
)

// The bounds of what is kept of all functions together: 50 KB of one, about 20 MB at most. Names are what people
// make of them: some put a number into each.
const (
	maxTallies      = 200    // function versions; beyond, the one that did nothing for longest is forgotten
	maxNames        = 300    // of operations in one tally; the operations with other names are counted together
	maxNamesOfAll   = 10_000 // in all tallies
	maxNameInTally  = 256    // bytes of one name
	minutesInWindow = 60
)

// tally is what the executions of one function version did since the engine was opened, and in each minute of the last
// hour.
type tally struct {
	mu         sync.Mutex
	since      protocol.Timestamp
	last       protocol.Timestamp // of what it counted
	minutes    [minutesInWindow]*minute
	operations map[operationName]*operationTally
	alike      map[operationName]int // how many of these names are alike, by what they have in common
	others     operationTally        // those for whose names there was no room
	overflown  bool
	waits      [len(waitKinds)]spread
	gone       bool // it was forgotten
}

// operationTally is what operations of one name did.
type operationTally struct {
	ended, failed, retries uint64
	took                   spread // attempts of steps, other operations from start to end
}

// minute is what happened in one minute, and how long that took which ended in it.
type minute struct {
	number                       int64 // since 1970
	started                      uint64
	closed                       [len(closedStatuses)]uint64
	failedInvocations            uint64
	cold                         uint64
	init, longestInit            time.Duration
	executions, invocations, ops spread // ops has the attempts of steps
}

var closedStatuses = [...]protocol.ExecutionStatus{protocol.ExecutionSucceeded, protocol.ExecutionFailed,
	protocol.ExecutionTimedOut, protocol.ExecutionStopped}

// waitKinds are what executions wait for, each with the bit that says so.
var waitKinds = [...]struct {
	activity Activity
	doing    machine.Doing
}{
	{Queued, machine.Queued}, {Retrying, machine.Retrying}, {Callback, machine.Callback}, {Invoke, machine.Invoke},
	{Waiting, machine.Waiting}, {Paused, machine.Paused},
}

// spread says how long something took, in classes that double: the first has what took less than a millisecond.
type spread struct {
	counts   [32]uint64
	sum, max time.Duration
	least    time.Duration // and a nanosecond; zero is that of nothing
}

func (s *spread) add(d time.Duration) {
	d = max(d, 0) // the clock may have been set back
	s.counts[min(bits.Len64(uint64(d.Milliseconds())), len(s.counts)-1)]++
	if s.least == 0 || d < s.least {
		s.least = d + 1
	}
	s.sum += d
	s.max = max(s.max, d)
}

func (s *spread) addAll(more *spread) {
	for i, n := range more.counts {
		s.counts[i] += n
	}
	if s.least == 0 || more.least != 0 && more.least < s.least {
		s.least = more.least
	}
	s.sum += more.sum
	s.max = max(s.max, more.max)
}

// summary sums a spread up. The 95th percentile is as exact as the classes are, and never beyond the least
// and the greatest.
func (s *spread) summary() Times {
	t := Times{Max: s.max}
	for _, n := range s.counts {
		t.Count += n
	}
	if t.Count == 0 {
		return t
	}
	t.Mean = s.sum / time.Duration(t.Count)
	rank := float64(t.Count) * 0.95
	for i, n := range s.counts {
		if rank > float64(n) {
			rank -= float64(n)
			continue
		}
		if i > 0 {
			class, part := time.Millisecond<<(i-1), rank/float64(n)
			low, high := max(class, s.least-1), min(2*class, s.max)
			t.P95 = (low + time.Duration(part*float64(high-low))).Round(time.Millisecond)
		}
		break
	}
	return t
}

// minute returns what is counted in the minute of a moment; nil if that is long past.
func (y *tally) minute(at protocol.Timestamp) *minute {
	number := int64(at) / time.Minute.Milliseconds()
	m := &y.minutes[((number%minutesInWindow)+minutesInWindow)%minutesInWindow]
	switch {
	case *m == nil:
		*m = &minute{number: number}
	case (*m).number > number:
		return nil
	case (*m).number < number:
		**m = minute{number: number}
	}
	y.last = max(y.last, at)
	return *m
}

// note counts what one input did.
func (y *tally) note(records []machine.Record, x *machine.Execution, names *nameBudget) {
	y.mu.Lock()
	defer y.mu.Unlock()
	for i := 0; i < len(records) && !y.gone; i++ {
		y.record(&records[i], x, names)
	}
}

func (y *tally) record(r *machine.Record, x *machine.Execution, names *nameBudget) {
	for i := range waitKinds {
		if r.Ended&waitKinds[i].doing != 0 {
			y.waits[i].add(r.Took)
		}
	}
	switch m := r.Type.Meaning(); {
	case r.Type == protocol.EventInvocationCompleted:
		y.invoked(r.Time, r.Took, r.Init, r.Failed && !r.Lost)
	case m.Execution.Closed():
		y.closed(r, m.Execution)
	case m.Status.Closed():
		y.ended(r, m, y.operation(nameOf(r, m.Operation, x), names))
	}
}

func (y *tally) started(at protocol.Timestamp) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if m := y.minute(at); m != nil {
		m.started++
	}
}

// invoked counts an invocation, or a call. The caller holds y.mu.
func (y *tally) invoked(at protocol.Timestamp, took, init time.Duration, failed bool) {
	m := y.minute(at)
	if m == nil {
		return
	}
	m.invocations.add(took)
	if init > 0 {
		m.cold++
		m.init += init
		m.longestInit = max(m.longestInit, init)
	}
	if failed {
		m.failedInvocations++
	}
}

func (y *tally) closed(r *machine.Record, status protocol.ExecutionStatus) {
	m := y.minute(r.Time)
	if m == nil {
		return
	}
	for i, s := range closedStatuses {
		if s == status {
			m.closed[i]++
		}
	}
	m.executions.add(r.Took)
}

// ended counts the end of an operation, or of a step's attempt.
func (y *tally) ended(r *machine.Record, m *protocol.Meaning, o *operationTally) {
	o.took.add(r.Took)
	if at := y.minute(r.Time); at != nil && m.Operation == protocol.TypeStep {
		at.ops.add(r.Took)
	}
	switch {
	case r.NextAttemptDelay > 0 && m.Status == protocol.StatusFailed:
		o.retries++
	case r.NextAttemptDelay > 0: // a condition is asked for again
	default:
		o.ended++
		if m.Status != protocol.StatusSucceeded && m.Status != protocol.StatusCancelled {
			o.failed++
		}
	}
}

// nameBudget bounds the names in all tallies.
type nameBudget struct {
	mu   sync.Mutex
	used int
}

func (b *nameBudget) take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used == maxNamesOfAll {
		return false
	}
	b.used++
	return true
}

func (b *nameBudget) give(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
}

// heard is told of each change of an execution.
func (s *Figures) heard(of change) {
	if of.x == nil {
		return
	}
	for i := range of.writes {
		if w := &of.writes[i]; w.Entry.Seq == 1 && w.Row != nil {
			s.tally(w.Row.Function, w.Row.Version).started(w.Row.Started)
		}
	}
	if isCopy(of) {
		return
	}
	arn := &of.x.Identity().ARN
	s.tally(arn.Function, arn.Version).note(of.records, of.x, &s.names)
}

// isCopy reports whether a change began a fork: its records are copies of what another execution did.
func isCopy(of change) bool {
	return len(of.records) > 0 && of.records[0].Identity != nil && of.records[0].Identity.OriginARN != ""
}

// called counts a call of a plain function.
func (s *Figures) called(f *function, took, init time.Duration, failed bool) {
	y := s.tally(f.Name, f.Version)
	y.mu.Lock()
	defer y.mu.Unlock()
	y.invoked(s.life.now(), took, init, failed)
}

// tally returns the tally of a function version, and begins it if there is none.
func (s *Figures) tally(function, version string) *tally {
	of := qualified{function, version}
	s.mu.RLock()
	y := s.tallies[of]
	s.mu.RUnlock()
	if y != nil {
		return y
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if y := s.tallies[of]; y != nil {
		return y
	}
	if len(s.tallies) == maxTallies {
		s.forget()
	}
	now := s.life.now()
	y = &tally{since: now, last: now, operations: map[operationName]*operationTally{},
		alike: map[operationName]int{}}
	s.tallies[qualified{strings.Clone(function), strings.Clone(version)}] = y
	return y
}

// forget ends the tally of the version that did nothing for longest. The caller holds s.mu.
func (s *Figures) forget() {
	var oldest qualified
	var last protocol.Timestamp
	for of, y := range s.tallies {
		y.mu.Lock()
		if oldest.function == "" || y.last < last {
			oldest, last = of, y.last
		}
		y.mu.Unlock()
	}
	y := s.tallies[oldest]
	y.mu.Lock()
	defer y.mu.Unlock()
	y.gone = true
	s.names.give(len(y.operations))
	delete(s.tallies, oldest)
}
