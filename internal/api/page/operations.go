package page

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/perdure/perdure/internal/core/history"
	"github.com/perdure/perdure/protocol"
)

// operation is one row of an execution's timeline.
type operation struct {
	*history.Operation
	Name  string // never empty: the kind of an operation without a name
	Depth int    // among the rows
	Bar   bar
}

// Waits reports whether a callback waits for somebody to complete it.
func (o *operation) Waits() bool { return o.CallbackID != "" && o.Open() }

// bar is the place of an operation in the timeline, in hundredths of percents, for SVG.
type bar struct{ Left, Width int64 }

// invocation is one call of the function.
type invocation struct {
	Number     int
	RequestID  string
	Start, End protocol.Timestamp
	Error      *protocol.ErrorObject
}

// Bounds of what a page shows of a history: all open operations, up to maxRows, and of the rest the last.
const (
	maxRows        = 1000    // open operations, and as many that failed, and as many that ended well
	maxInvocations = 200     // the last ones
	maxEvents      = 1000    // the last ones
	maxHeld        = 2 << 10 // bytes of one payload, or of one error's text
	maxTrace       = 20      // lines of one stack trace
	maxPayloads    = 4 << 20 // bytes of all payloads together
)

// record is an execution's history for the page: read event by event, in memory that grows neither with payloads
// nor with ended operations.
type record struct {
	Operations  []*operation // depth first, in the order in which they started
	Invocations []invocation // the last ones
	Invoked     int          // how many invocations there were
	Events      []event      // the last ones, newest first
	LeftOut     int          // operations that are not shown

	fold   history.Fold
	failed []*history.Operation // the longest ended first
	well   []*history.Operation // likewise, those that ended otherwise
}

// event is a line of the history.
type event struct {
	ID   int64
	Time protocol.Timestamp
	Type protocol.EventType
	Name string
}

// read folds a history.
func read(events iter.Seq2[*protocol.Event, error]) (*record, error) {
	r := &record{}
	for ev, err := range events {
		if err != nil {
			return nil, err
		}
		r.add(ev)
	}
	slices.Reverse(r.Events)
	r.lay()
	return r, nil
}

func (r *record) add(ev *protocol.Event) {
	short := *ev
	short.Payload, short.Error = hold(ev.Payload), clipError(ev.Error)
	r.Events = keepLast(append(r.Events, event{ID: ev.ID, Time: ev.Time, Type: ev.Type, Name: ev.Name}), maxEvents)
	if ev.Type == protocol.EventInvocationCompleted {
		r.Invoked++
		r.Invocations = keepLast(append(r.Invocations, invocation{
			Number: r.Invoked, RequestID: ev.RequestID, Start: ev.Start, End: ev.End, Error: short.Error,
		}), maxInvocations)
	}
	if o := r.fold.Add(&short); o != nil && !o.Open() {
		r.file(o)
	}
}

// keepLast drops the beginning of a list that has become twice too long.
func keepLast[T any](s []T, most int) []T {
	if len(s) < 2*most {
		return s
	}
	return append(make([]T, 0, 2*most), s[len(s)-most:]...)
}

// file puts an ended operation among its like, and drops the one that ended first when there are too many.
func (r *record) file(o *history.Operation) {
	ended := &r.well
	if class(o.Status) == "bad" {
		ended = &r.failed
	}
	*ended = append(*ended, o)
	if len(*ended) > maxRows {
		r.fold.Forget((*ended)[0])
		*ended = (*ended)[1:]
	}
}

// lay orders the operations for the page. One whose context is not shown stands at the top.
func (r *record) lay() {
	r.Invocations = r.Invocations[max(0, len(r.Invocations)-maxInvocations):]
	r.Events = r.Events[:min(len(r.Events), maxEvents)]
	var shown []*history.Operation
	open, payloads := 0, maxPayloads
	for _, o := range r.fold.Operations() {
		if o.Open() {
			if open++; open > maxRows {
				continue
			}
		}
		for _, p := range []**string{&o.Input, &o.Payload} {
			if *p == nil {
				continue
			}
			if payloads -= len(**p); payloads < 0 {
				*p = new("…")
			}
		}
		shown = append(shown, o)
	}
	for depth, o := range history.Tree(shown) {
		r.Operations = append(r.Operations, &operation{Operation: o, Name: nameOf(o), Depth: depth})
	}
	r.LeftOut = r.fold.Begun - len(r.Operations)
}

func nameOf(o *history.Operation) string { return cmp.Or(o.Name, o.Kind()) }

// hold keeps the beginning of a payload, apart from the memory of the whole.
func hold(payload *string) *string {
	if payload == nil {
		return nil
	}
	text := *payload
	if len(text) <= maxHeld {
		return new(strings.Clone(text))
	}
	begin := strings.Clone(protocol.Clip(text, maxHeld))
	return new(fmt.Sprintf("%s\n%d bytes in all; perdure history --json shows them", begin, len(text)))
}

func clipError(e *protocol.ErrorObject) *protocol.ErrorObject {
	if e == nil {
		return nil
	}
	c := &protocol.ErrorObject{ErrorType: strings.Clone(protocol.Clip(e.ErrorType, maxHeld)), ErrorMessage: strings.Clone(protocol.Clip(e.ErrorMessage, maxHeld))}
	for _, line := range e.StackTrace[:min(len(e.StackTrace), maxTrace)] {
		c.StackTrace = append(c.StackTrace, strings.Clone(protocol.Clip(line, maxHeld)))
	}
	return c
}

// scale lays the bars between the start of the execution and its last event, not the present, so that a page
// without news stays as it is. Open operations reach beyond it, to the right edge.
func (r *record) scale(start protocol.Timestamp, open bool) {
	const whole, least = 10_000, 40
	past := int64(whole)
	if open {
		past = whole * 17 / 20
	}
	length := max(1, int64(r.fold.Last-start))
	for _, o := range r.Operations {
		left, right := int64(o.Start-start)*past/length, int64(whole)
		if o.End != 0 {
			right = int64(o.End-start) * past / length
		}
		left = min(left, whole-least)
		o.Bar = bar{Left: left, Width: max(least, right-left)}
	}
}

// Class is the operation's CSS class.
func (o *operation) Class() string { return class(o.Status) }

func class(s protocol.OperationStatus) string {
	switch s {
	case protocol.StatusSucceeded:
		return "good"
	case protocol.StatusFailed, protocol.StatusTimedOut:
		return "bad"
	case protocol.StatusCancelled, protocol.StatusStopped:
		return "gone"
	case protocol.StatusPending:
		return "retrying"
	}
	return "open"
}

// State is the operation's status for people.
func (o *operation) State() string {
	switch {
	case o.Status == protocol.StatusPending && o.Error != nil:
		return "failed, tries again"
	case o.Status == protocol.StatusPending:
		return "asks again"
	case o.Waits():
		return "waits for an answer"
	case o.Open() && o.Until() != 0:
		return "waits"
	case o.Open():
		return "runs"
	}
	return strings.ToLower(strings.ReplaceAll(string(o.Status), "_", " "))
}

// Indent stands before the name of an operation inside of others.
func (o *operation) Indent() string { return strings.Repeat("   ", o.Depth) }
