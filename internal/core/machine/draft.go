package machine

import (
	"sync"

	"github.com/perdure/perdure/protocol"
)

// Draft is one input being applied to an execution: a copy-on-write view with the records made so far. It is for
// one goroutine and one use. An execution has one draft at a time: beginning the next one ends the use of the one
// before.
type Draft struct {
	state
	x       *Execution
	now     protocol.Timestamp
	records []Record

	touched map[int]*operation // changed or new operations by position
	added   []string           // ids of new operations, in order
	newIDs  map[string]int     // the same, by id
	timers  []timer            // deadlines set by this draft
	fork    *Draft             // of an execution that begins with it
}

// drafts are used again: one is a sixth of what a checkpoint allocates, and its lists and maps are another third.
var drafts = sync.Pool{New: func() any { return &Draft{touched: map[int]*operation{}, newIDs: map[string]int{}} }}

// Draft starts an input at the moment now.
func (x *Execution) Draft(now protocol.Timestamp) *Draft {
	d := drafts.Get().(*Draft)
	d.state, d.x, d.now = x.state, x, now
	return d
}

// keptRecords is how many records a draft that is used again may have room for; it bounds the memory of idle ones.
const keptRecords = 16

// Done gives the draft back, with its records. It need not be called.
func (d *Draft) Done() {
	if cap(d.records) > keptRecords || cap(d.added) > keptRecords || len(d.touched) > keptRecords {
		return
	}
	d.reset()
	drafts.Put(d)
}

// reset makes the draft one of no execution. Its lists and maps are empty, and keep their room.
func (d *Draft) reset() {
	clear(d.records)
	clear(d.added)
	clear(d.touched)
	clear(d.newIDs)
	*d = Draft{
		records: d.records[:0], added: d.added[:0], timers: d.timers[:0], touched: d.touched, newIDs: d.newIDs,
	}
}

// Records returns the draft's records, in order. Without records the input changed nothing, and there is nothing to
// commit.
func (d *Draft) Records() []Record { return d.records }

// Publish makes the draft the execution's state and returns the execution. A driver publishes after the records are
// durable.
func (d *Draft) Publish() *Execution {
	x := d.x
	if len(d.records) == 0 {
		return x
	}
	d.entries++
	x.state = d.state
	first := len(x.ops)
	x.ops = append(x.ops, make([]*operation, len(d.added))...)
	for i, id := range d.added {
		x.index[id] = first + i
	}
	for i, o := range d.touched {
		if old := x.ops[i]; old != nil {
			x.opsSize -= old.memory()
		}
		x.opsSize += o.memory()
		x.ops[i] = o
	}
	x.addTimers(d.timers)
	return x
}

// emit completes a record, keeps it and folds it into the draft.
func (d *Draft) emit(r Record) {
	r.Time = d.now
	if c := r.Type[0]; c >= 'A' && c <= 'Z' { // a history event, not an internal record
		r.Event.ID = d.events + 1
	}
	d.records = append(d.records, r)
	d.apply(&d.records[len(d.records)-1])
}

func (d *Draft) emitFor(o *operation, r Record) {
	r.OpID, r.Name, r.ParentID, r.SubType = o.ID, o.Name, o.ParentID, o.SubType
	d.emit(r)
}

// op returns operation i as the draft sees it, to read only.
func (d *Draft) op(i int) *operation {
	if o, ok := d.touched[i]; ok {
		return o
	}
	return d.x.ops[i]
}

// Open reports whether there is an operation with this id that has not ended.
func (d *Draft) Open(opID string) bool {
	i := d.find(opID)
	return i >= 0 && !d.op(i).Status.Closed()
}

// find returns the position of the operation with this id, or -1.
func (d *Draft) find(id string) int {
	if i, ok := d.x.index[id]; ok {
		return i
	}
	if i, ok := d.newIDs[id]; ok {
		return i
	}
	return -1
}

// edit returns a copy of operation i that belongs to the draft, and lists the operation as changed.
func (d *Draft) edit(i int) *operation {
	o, ok := d.touched[i]
	if !ok {
		// A copy made earlier in this draft is edited in place: only the draft's last record hands out snapshots.
		c := *d.x.ops[i]
		o = &c
		d.touch(i, o)
	}
	d.list(i, o)
	return o
}

// add appends a new operation and lists it as changed.
func (d *Draft) add(o *operation) int {
	i := len(d.x.ops) + len(d.added)
	d.newIDs[o.ID] = i
	d.added = append(d.added, o.ID)
	d.used.Operations++
	d.touch(i, o)
	d.list(i, o)
	return i
}

func (d *Draft) touch(i int, o *operation) {
	d.touched[i] = o
}

// list puts operation i among the news, unless it is there already.
func (d *Draft) list(i int, o *operation) {
	if o.listed == d.telling {
		return
	}
	o.listed = d.telling
	d.news = append(d.news, i)
}

// arm sets the timer of operation i to its current deadline.
func (d *Draft) arm(i int) {
	if due := d.op(i).deadline(); due != 0 {
		d.timers = append(d.timers, timer{due, i})
	}
}

// Due returns when the execution next goes on by itself: a timer fires, its parent is to be told, or its
// children are to be stopped. Zero is never.
func (d *Draft) Due() protocol.Timestamp { return d.due(d.nextTimer()) }

// Due is [Draft.Due] of the published state.
func (x *Execution) Due() protocol.Timestamp { return x.due(x.timers.next()) }

// due is Due, given the earliest timer of an operation.
func (s *state) due(timer protocol.Timestamp) protocol.Timestamp {
	switch {
	case s.OwesParent(), s.OwesChildren():
		return s.closed
	case s.ended():
		return 0 // or the end of the invocation decides
	}
	due := s.TimesOut()
	if timer != 0 && timer < due {
		due = timer
	}
	return due
}

// Wanted returns from when on an invocation is wanted and may begin; zero if none is.
func (s *state) Wanted() protocol.Timestamp {
	if s.status != protocol.ExecutionRunning || s.Invoking() {
		return 0
	}
	return s.invokeAt
}
