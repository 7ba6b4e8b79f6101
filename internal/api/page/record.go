package page

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/perdure/perdure/internal/core/history"
	"github.com/perdure/perdure/internal/text"
	"github.com/perdure/perdure/protocol"
)

// Bounds of what is kept of a history. Payloads are not: they are read when they are shown.
const (
	maxEnded       = 20_000 // operations that failed, and as many that ended well: the last of each
	maxInvocations = 1000   // the last ones
	maxTries       = 50     // of one step, the last ones
	maxLine        = 200    // bytes of an error
)

// record is an execution's history for the page: read event by event, in memory that does not grow with payloads.
type record struct {
	fold        history.Fold
	byID        map[string]*operation
	invocations []invocation       // the last ones
	invoked     int                // how many invocations there were
	cold        int                // of these: those that waited for a process to start
	starting    time.Duration      // for how long they did
	pauses      []pause            // the last ones
	closed      protocol.Timestamp // when the execution ended; zero while it is open
	event       int64              // the number of the last event
	failed      []*operation       // the longest ended first
	well        []*operation       // likewise, those that ended otherwise
}

// operation is one operation, without its payloads.
type operation struct {
	*history.Operation
	tries []try // of a step, the last ones; the present one is not among them
	began protocol.Timestamp
	last  int64 // the number of its last event
	bytes int64 // of its payloads
	// left is when it was left behind: when what it is in ended without it. Zero if it has ended, or may end.
	left protocol.Timestamp
}

// pause is a stretch in which the execution was kept from being invoked. Its end is zero while it lasts.
type pause struct {
	span
	Why string // who asked for it, and the reason
}

// try is an attempt of a step that ended.
type try struct {
	Number   int
	From, To protocol.Timestamp
	Next     protocol.Timestamp // when the next one is due; zero if there is none
	Failure  string             // empty if it ended well, or looks again
}

// invocation is one call of the function.
type invocation struct {
	Number int
	span
	RequestID string
	Failure   string
	Init      time.Duration // of its span: it waited for a process to start
}

// coldStart words for how long an invocation waited for a process to start; empty if it did not.
func coldStart(init time.Duration) string {
	if init == 0 {
		return ""
	}
	return "cold start, " + text.Spaced(init)
}

// read adds the events of a history that are not in the record yet.
func (r *record) read(events iter.Seq2[*protocol.Event, error]) error {
	for ev, err := range events {
		if err != nil {
			return err
		}
		if ev.ID > r.event {
			r.add(ev)
		}
	}
	return nil
}

func (r *record) add(ev *protocol.Event) {
	r.event = ev.ID
	short := *ev
	short.Payload, short.Error = nil, clipError(ev.Error)
	if ev.Type == protocol.EventInvocationCompleted {
		r.invoked++
		if ev.Init > 0 {
			r.cold++
			r.starting += ev.Init
		}
		r.invocations = keepLast(append(r.invocations, invocation{Number: r.invoked, span: span{ev.Start, ev.End},
			RequestID: ev.RequestID, Failure: short.Error.Line(), Init: ev.Init}), maxInvocations)
	}
	r.steer(ev)
	folded := r.fold.Add(&short)
	if folded == nil {
		return
	}
	o := r.byID[folded.ID]
	if o == nil {
		if r.byID == nil {
			r.byID = map[string]*operation{}
		}
		o = &operation{Operation: folded}
		r.byID[folded.ID] = o
	}
	o.last = ev.ID
	if ev.Payload != nil {
		o.bytes += int64(len(*ev.Payload))
	}
	o.attempt(&short)
	if !o.Open() {
		r.file(o)
	}
}

// steer notes what an event says of pauses and of the end.
func (r *record) steer(ev *protocol.Event) {
	status := ev.Type.Meaning().Execution
	if n := len(r.pauses); n > 0 && r.pauses[n-1].To == 0 && status != "" {
		r.pauses[n-1].To = ev.Time
	}
	switch {
	case ev.Type == protocol.EventExecutionPaused:
		why := ""
		if ev.By != "" {
			why = " by " + ev.By
		}
		if ev.Payload != nil {
			why += ": " + *ev.Payload
		}
		r.pauses = keepLast(append(r.pauses, pause{span{From: ev.Time}, strings.Clone(protocol.Clip(why, maxLine))}),
			maxInvocations)
	case status.Closed():
		r.closed = ev.Time
	}
}

// leftAt is when what an operation is in ended without it: a context, or the execution. Zero is never.
func (r *record) leftAt(o *operation) protocol.Timestamp {
	if !o.Open() {
		return 0
	}
	for parent := r.byID[o.ParentID]; parent != nil; parent = r.byID[parent.ParentID] {
		if !parent.Open() {
			return parent.End
		}
	}
	return r.closed
}

// copy is the operation as it is now.
func (o *operation) copy() *operation {
	c, folded := *o, *o.Operation
	c.Operation, c.tries = &folded, slices.Clone(o.tries)
	return &c
}

// attempt notes what an event says of a step's attempts.
func (o *operation) attempt(ev *protocol.Event) {
	if o.Type != protocol.TypeStep {
		return
	}
	if ev.Status() == protocol.StatusStarted {
		o.began = ev.Time
		return
	}
	t := try{Number: ev.CurrentAttempt, From: o.began, To: ev.Time, Failure: o.Error.Line(), Next: o.NextAttempt}
	if t.From == 0 { // an attempt whose start was not recorded
		t.From = ev.Time
		if n := len(o.tries); n > 0 {
			t.From = min(ev.Time, o.tries[n-1].Next)
		}
	}
	o.began = 0
	o.tries = keepLast(append(o.tries, t), maxTries)
}

// keepLast drops the beginning of a list that has become twice too long.
func keepLast[T any](s []T, most int) []T {
	if len(s) < 2*most {
		return s
	}
	return append(make([]T, 0, 2*most), s[len(s)-most:]...)
}

// file puts an ended operation among its like, and drops the one that ended first when there are too many.
func (r *record) file(o *operation) {
	ended := &r.well
	if class(o.Status) == "bad" {
		ended = &r.failed
	}
	*ended = append(*ended, o)
	if len(*ended) > maxEnded {
		first := (*ended)[0]
		r.fold.Forget(first.Operation)
		delete(r.byID, first.ID)
		*ended = (*ended)[1:]
	}
}

// operations are those that are kept, in the order in which they started.
func (r *record) operations() []*operation {
	all := make([]*operation, 0, len(r.byID))
	for _, o := range r.byID {
		o.left = r.leftAt(o)
		all = append(all, o)
	}
	slices.SortFunc(all, func(a, b *operation) int { return a.Number - b.Number })
	return all
}

// size is about what the record takes of memory, in operations.
func (r *record) size() int { return 1 + len(r.byID) + (len(r.invocations)+len(r.pauses))/4 }

// clipError keeps the beginning of an error, apart from the memory of the whole.
func clipError(e *protocol.ErrorObject) *protocol.ErrorObject {
	if e == nil {
		return nil
	}
	return &protocol.ErrorObject{ErrorType: strings.Clone(protocol.Clip(e.ErrorType, maxLine)),
		ErrorMessage: strings.Clone(protocol.Clip(e.ErrorMessage, maxLine))}
}

func nameOf(o *history.Operation) string { return cmp.Or(o.Name, o.Kind()) }

// class is what a status looks like: its shape, pattern and colour.
func class(s protocol.OperationStatus) string {
	switch s {
	case protocol.StatusSucceeded:
		return "good"
	case protocol.StatusFailed, protocol.StatusTimedOut:
		return "bad"
	case protocol.StatusCancelled, protocol.StatusStopped:
		return "gone"
	case protocol.StatusPending:
		return "retry"
	}
	return "open"
}
