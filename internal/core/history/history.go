// Package history folds the events of an execution into its operations, for views of it. [protocol.Meanings]
// decides what events mean. The machine has a fold of its own, which knows more than events say; a test there holds
// the two to the same operations.
package history

import (
	"cmp"
	"iter"
	"maps"
	"slices"

	"github.com/perdure/perdure/protocol"
)

// Operation is an operation after the events so far. No event says that a step is READY for its next attempt: it
// stays PENDING until the attempt starts.
type Operation struct {
	protocol.Operation
	Number int // in the order in which operations started, from 1
	Depth  int // how many contexts are around it

	// Since is when its present attempt, or the delay before the next one, began.
	Since protocol.Timestamp

	TimesOut protocol.Timestamp // CALLBACK: zero if never
	Input    *string            // CHAINED_INVOKE, and the two below
	Function string
	Child    string // ARN of the execution that it started
}

// Kind is the SDK's word for the operation or, without one, the protocol's.
func (o *Operation) Kind() string { return cmp.Or(o.SubType, o.Plain()) }

// Plain is the protocol's word: the one that its events begin with.
func (o *Operation) Plain() string { return kinds[o.Type] }

var kinds = map[protocol.OperationType]string{
	protocol.TypeContext: "Context", protocol.TypeStep: protocol.SubTypeStep, protocol.TypeWait: protocol.SubTypeWait,
	protocol.TypeCallback: protocol.SubTypeCallback, protocol.TypeChainedInvoke: protocol.SubTypeChainedInvoke,
}

// Open reports whether the operation goes on.
func (o *Operation) Open() bool { return !o.Status.Closed() }

// Until is when an open operation goes on by itself: a wait ends, or the next attempt of a step is due. Zero is
// never.
func (o *Operation) Until() protocol.Timestamp {
	switch {
	case !o.Open():
		return 0
	case o.Status == protocol.StatusPending:
		return o.NextAttempt
	}
	return o.ScheduledEnd
}

// Fold is an execution after the events so far. The zero value has seen none.
type Fold struct {
	Status protocol.ExecutionStatus // RUNNING, PAUSED, or how it ended
	First  protocol.Timestamp       // time of the first event
	Last   protocol.Timestamp       // latest time of all
	Begun  int                      // operations that have started

	operations map[string]*Operation
}

// Add takes the next event and returns the operation that it changed. That is nil if the event is about the
// execution or an invocation, or of a type that only newer services know. Add keeps the event's payload and error;
// callers may shorten them before.
func (f *Fold) Add(ev *protocol.Event) *Operation {
	if f.First == 0 {
		f.First = ev.Time
	}
	f.Last = max(f.Last, ev.Time)
	m := ev.Type.Meaning()
	if m.Execution != "" {
		f.Status = m.Execution
	}
	if m.Operation == "" || ev.OpID == "" {
		return nil
	}
	o := f.operations[ev.OpID]
	if o == nil {
		o = f.begin(ev, m.Operation)
	}
	o.apply(ev)
	return o
}

func (f *Fold) begin(ev *protocol.Event, typ protocol.OperationType) *Operation {
	f.Begun++
	o := &Operation{
		Operation: protocol.Operation{
			ID: ev.OpID, Type: typ, ParentID: ev.ParentID, Name: ev.Name, SubType: ev.SubType, Start: ev.Time,
		},
		Number: f.Begun, Since: ev.Time,
	}
	if parent := f.operations[ev.ParentID]; parent != nil {
		o.Depth = parent.Depth + 1
	}
	if f.operations == nil {
		f.operations = map[string]*Operation{}
	}
	f.operations[o.ID] = o
	return o
}

func (o *Operation) apply(ev *protocol.Event) {
	o.Status, o.NextAttempt = ev.Status(), 0
	if o.Status == protocol.StatusStarted {
		o.start(ev)
		return
	}
	o.Payload, o.Error, o.Attempt = ev.Payload, ev.OperationError(), ev.CurrentAttempt
	if o.Status == protocol.StatusPending {
		o.Since, o.NextAttempt = ev.Time, ev.Time.AddSeconds(ev.NextAttemptDelay)
		return
	}
	o.End = ev.Time
}

func (o *Operation) start(ev *protocol.Event) {
	o.Since, o.ScheduledEnd, o.CallbackID = ev.Time, ev.ScheduledEnd, ev.CallbackID
	o.Input, o.Function, o.Child = ev.Payload, ev.FunctionName, ev.DurableExecutionARN
	if ev.Timeout > 0 {
		o.TimesOut = ev.Time.AddSeconds(ev.Timeout)
	}
}

// Operation returns the operation with an id, or nil.
func (f *Fold) Operation(id string) *Operation { return f.operations[id] }

// Operations returns all operations, in the order in which they started.
func (f *Fold) Operations() []*Operation {
	return slices.SortedFunc(maps.Values(f.operations), func(a, b *Operation) int { return a.Number - b.Number })
}

// Forget drops an operation that has ended, for callers who cannot keep all.
func (f *Fold) Forget(o *Operation) { delete(f.operations, o.ID) }

// Tree yields each operation, followed by those in it, with its depth. It takes operations in the order in which
// they started. One whose context is missing stands at the top.
func Tree(operations []*Operation) iter.Seq2[int, *Operation] {
	among := make(map[string]bool, len(operations))
	for _, o := range operations {
		among[o.ID] = true
	}
	below := map[string][]*Operation{}
	for _, o := range operations {
		parent := o.ParentID
		if !among[parent] {
			parent = ""
		}
		below[parent] = append(below[parent], o)
	}
	var walk func(parent string, depth int, yield func(int, *Operation) bool) bool
	walk = func(parent string, depth int, yield func(int, *Operation) bool) bool {
		for _, o := range below[parent] {
			if !yield(depth, o) || !walk(o.ID, depth+1, yield) {
				return false
			}
		}
		return true
	}
	return func(yield func(int, *Operation) bool) { walk("", 0, yield) }
}
