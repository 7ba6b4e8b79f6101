package durabletest

import (
	"hash/maphash"
	"time"

	"github.com/perdure/perdure/protocol"
)

var seed = maphash.MakeSeed()

// fingerprint tells states apart from which the run could go on differently, or be judged differently: what is
// recorded, how long timers and all that was put off have to go, and what the function and those around it have done.
// Times are relative to now, so that of the execution's start tells when now is.
func (x *Execution) fingerprint(in *protocol.InvocationInput) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	now := time.Now()
	for _, op := range in.InitialExecutionState.Operations {
		maphash.WriteComparable(&h, recordOf(op, protocol.TimestampOf(now)))
	}
	var all sum
	for _, id := range in.UpdatedOperationIds {
		all.add(id)
	}
	x.stubs.addTo(&all)
	x.stage.addTo(&all, now)
	maphash.WriteComparable(&h, all)
	return h.Sum64()
}

// record is an operation in a form that can be hashed.
type record struct {
	protocol.Operation
	payload string
	err     [3]string
}

// recordOf leaves out when a closed operation began and ended: nobody goes by that.
func recordOf(op *protocol.Operation, now protocol.Timestamp) (r record) {
	r.Operation = *op
	r.Payload, r.Error, r.End = nil, nil, 0
	if op.Payload != nil {
		r.payload = "=" + *op.Payload
	}
	if e := op.Error; e != nil {
		r.err = [3]string{e.ErrorType, e.ErrorMessage, e.ErrorData}
	}
	if op.Status.Closed() {
		r.Start = 0
	}
	for _, t := range []*protocol.Timestamp{&r.Start, &r.NextAttempt, &r.ScheduledEnd} {
		if *t != 0 {
			*t -= now
		}
	}
	return r
}

// sum is a fingerprint of things in no order.
type sum uint64

func (s *sum) add(thing any) { *s += sum(maphash.Comparable(seed, thing)) }

// addTo adds which answers the stubs have given.
func (s *stubs) addTo(all *sum) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, stub := range s.all {
		all.add(tally{stub.what, stub.Called()})
	}
}

// tally is how often something was done.
type tally struct {
	what any
	n    int
}

// addTo adds what was done.
func (s *stage) addTo(all *sum, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all.add(tally{"acted", s.acted})
	all.add(s.newer)
	for a, n := range s.bodies {
		all.add(tally{a, n<<32 + s.ran[a]})
	}
	for e, n := range s.effects {
		all.add(tally{e, n})
	}
	for e := range s.asked {
		all.add(e)
	}
	for event, at := range s.outside {
		all.add(tally{event, int(at.Sub(now))})
	}
	for line, n := range keptLines(s.written, s.cut) {
		all.add(tally{line, n})
	}
}
