package page

import (
	"cmp"
	"container/list"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/perdure/perdure/protocol"
)

// operation is one row of an execution's timeline.
type operation struct {
	ID       string
	Name     string // never empty: the kind of an operation without a name
	Kind     string
	Depth    int
	Status   protocol.OperationStatus
	Start    protocol.Timestamp
	End      protocol.Timestamp // zero while open
	Attempts int                // of a step
	Until    protocol.Timestamp // when a wait ends, or the next attempt of a step begins
	Input    *string            // of a chained invoke
	Result   *string
	Error    *protocol.ErrorObject

	Callback string // the id with which somebody completes it
	Function string // that a chained invoke calls
	Child    string // ARN of the execution that it started

	Bar bar

	parent   string
	children []*operation
	number   int           // in the order of starts
	filed    *list.Element // its place among those that have ended
}

// Open reports whether the operation goes on.
func (o *operation) Open() bool { return !o.Status.Closed() }

// Waits reports whether a callback waits for somebody to complete it.
func (o *operation) Waits() bool { return o.Callback != "" && o.Open() }

// bar is where an operation lies in the timeline, in hundredths of percents,
// as SVG wants it.
type bar struct{ Left, Width int64 }

// invocation is one call of the function.
type invocation struct {
	Number     int
	RequestID  string
	Start, End protocol.Timestamp
	Error      *protocol.ErrorObject
}

// What a page shows of a history. Whatever is open is shown, up to maxRows of it,
// and of the rest what comes last.
const (
	maxRows        = 1000    // open operations, and as many that failed, and as many that ended well
	maxInvocations = 200     // the last ones
	maxEvents      = 1000    // the last ones
	maxHeld        = 2 << 10 // bytes of one payload, or of one error's text
	maxTrace       = 20      // lines of one stack trace
	maxPayloads    = 4 << 20 // bytes of all payloads together
)

// record is what an execution's history says, for the page: read event by event,
// in memory that does not grow with payloads, nor with what has ended.
type record struct {
	Operations  []*operation // depth first, in the order in which they started
	Invocations []invocation // the last ones
	Invoked     int          // how many invocations there were
	Events      []event      // the last ones, newest first
	LeftOut     int          // operations that are not shown

	all    map[string]*operation
	failed list.List // of *operation, the longest ended first
	well   list.List // likewise, those that ended otherwise
	begun  int
	last   protocol.Timestamp
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
	r := &record{all: map[string]*operation{}}
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
	r.last = max(r.last, ev.Time)
	r.Events = keepLast(append(r.Events, event{ID: ev.ID, Time: ev.Time, Type: ev.Type, Name: ev.Name}), maxEvents)
	switch {
	case ev.Type == protocol.EventInvocationCompleted:
		r.Invoked++
		r.Invocations = keepLast(append(r.Invocations, invocation{
			Number: r.Invoked, RequestID: ev.RequestID, Start: ev.Start, End: ev.End, Error: clipError(ev.Error),
		}), maxInvocations)
	case ev.OpID != "" && !strings.HasPrefix(string(ev.Type), "Execution"):
		o := r.operation(ev)
		o.apply(ev)
		r.file(o)
	}
}

// keepLast drops what is first of a list that has become twice too long.
func keepLast[T any](s []T, most int) []T {
	if len(s) < 2*most {
		return s
	}
	return append(make([]T, 0, 2*most), s[len(s)-most:]...)
}

// operation finds the operation of an event, or begins it.
func (r *record) operation(ev *protocol.Event) *operation {
	if o := r.all[ev.OpID]; o != nil {
		return o
	}
	r.begun++
	o := &operation{ID: ev.OpID, parent: ev.ParentID, Start: ev.Time, Kind: kind(ev), number: r.begun}
	o.Name = cmp.Or(ev.Name, o.Kind)
	r.all[o.ID] = o
	return o
}

// file puts an operation that has ended among its like, of which it drops the
// one that ended first when they have become too many.
func (r *record) file(o *operation) {
	if o.filed != nil {
		r.failed.Remove(o.filed) // each list leaves alone what is in the other
		r.well.Remove(o.filed)
		o.filed = nil
	}
	if o.Open() {
		return
	}
	ended := &r.well
	if o.Class() == "bad" {
		ended = &r.failed
	}
	o.filed = ended.PushBack(o)
	if ended.Len() > maxRows {
		first := ended.Remove(ended.Front()).(*operation)
		delete(r.all, first.ID)
	}
}

// lay orders the operations for the page. One whose context was dropped stands
// as if it had none.
func (r *record) lay() {
	r.Invocations = r.Invocations[max(0, len(r.Invocations)-maxInvocations):]
	r.Events = r.Events[:min(len(r.Events), maxEvents)]
	ops := slices.SortedFunc(maps.Values(r.all), func(a, b *operation) int { return a.number - b.number })
	var roots []*operation
	open, payloads := 0, maxPayloads
	for _, o := range ops {
		if o.Open() {
			if open++; open > maxRows {
				continue
			}
		}
		for _, p := range []**string{&o.Input, &o.Result} {
			if *p == nil {
				continue
			}
			if payloads -= len(**p); payloads < 0 {
				*p = new("…")
			}
		}
		if p := r.all[o.parent]; p != nil {
			p.children = append(p.children, o)
		} else {
			roots = append(roots, o)
		}
	}
	r.flatten(roots, 0)
	r.LeftOut = r.begun - len(r.Operations)
}

// kind is what the SDK calls the operation, or else the protocol.
func kind(ev *protocol.Event) string {
	if ev.SubType != "" {
		return ev.SubType
	}
	name := string(ev.Type)
	for _, suffix := range []string{"Started", "Succeeded", "Failed", "Cancelled", "TimedOut", "Stopped"} {
		name = strings.TrimSuffix(name, suffix)
	}
	return name
}

// endings are the events that end an operation, by what their names end in.
var endings = []struct {
	suffix string
	status protocol.OperationStatus
}{
	{"Succeeded", protocol.StatusSucceeded}, {"Failed", protocol.StatusFailed}, {"Cancelled", protocol.StatusCancelled},
	{"TimedOut", protocol.StatusTimedOut}, {"Stopped", protocol.StatusStopped},
}

func (o *operation) apply(ev *protocol.Event) {
	o.Attempts = max(o.Attempts, ev.CurrentAttempt)
	if strings.HasSuffix(string(ev.Type), "Started") {
		o.Status, o.Until = protocol.StatusStarted, ev.ScheduledEnd
		o.Input = cmp.Or(hold(ev.Payload), o.Input)
		o.Callback, o.Function, o.Child = ev.CallbackID, ev.FunctionName, ev.DurableExecutionARN
		return
	}
	o.Result, o.Error = hold(ev.Payload), clipError(ev.Error)
	if ev.NextAttemptDelay > 0 {
		o.Status, o.Until = protocol.StatusPending, ev.Time.AddSeconds(ev.NextAttemptDelay)
		return
	}
	o.End, o.Until = ev.Time, 0
	for _, e := range endings {
		if strings.HasSuffix(string(ev.Type), e.suffix) {
			o.Status = e.status
		}
	}
}

func (r *record) flatten(ops []*operation, depth int) {
	for _, o := range ops {
		o.Depth = depth
		r.Operations = append(r.Operations, o)
		r.flatten(o.children, depth+1)
	}
}

// hold is what is kept of a payload: of a long one its beginning, apart from the
// memory of the whole.
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

// scale lays the bars between the start of the execution and its last event:
// not the present, so that a page at which nothing happens stays as it is. What
// is open reaches beyond it, to the right edge.
func (r *record) scale(start protocol.Timestamp, open bool) {
	const whole, least = 10_000, 40
	past := int64(whole)
	if open {
		past = whole * 17 / 20
	}
	span := max(1, int64(r.last-start))
	for _, o := range r.Operations {
		left, right := int64(o.Start-start)*past/span, int64(whole)
		if o.End != 0 {
			right = int64(o.End-start) * past / span
		}
		left = min(left, whole-least)
		o.Bar = bar{Left: left, Width: max(least, right-left)}
	}
}

// Class is how the page paints the operation.
func (o *operation) Class() string {
	switch o.Status {
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
	case o.Open() && o.Until != 0:
		return "waits"
	case o.Open():
		return "runs"
	}
	return strings.ToLower(strings.ReplaceAll(string(o.Status), "_", " "))
}

// Indent is what stands before the name of an operation inside of others.
func (o *operation) Indent() string { return strings.Repeat("   ", o.Depth) }
