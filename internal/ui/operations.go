package ui

import (
	"cmp"
	"strings"

	"github.com/perdure/perdure/internal/wire"
)

// operation is one row of an execution's timeline.
type operation struct {
	ID       string
	Name     string // never empty: the kind of an operation without a name
	Kind     string
	Depth    int
	Status   wire.OperationStatus
	Start    wire.Timestamp
	End      wire.Timestamp // zero while open
	Attempts int            // of a step
	Until    wire.Timestamp // when a wait ends, or the next attempt of a step begins
	Input    *string        // of a chained invoke
	Result   *string
	Error    *wire.ErrorObject

	Callback string // the id with which somebody completes it
	Function string // that a chained invoke calls
	Child    string // ARN of the execution that it started

	Bar bar

	parent   string
	children []*operation
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
	Start, End wire.Timestamp
	Error      *wire.ErrorObject
}

// record is what an execution's history says, for the page.
type record struct {
	Operations  []*operation // depth first, in the order in which they started
	Invocations []invocation
	all         map[string]*operation
	roots       []*operation
	last        wire.Timestamp
}

// read folds a history.
func read(events []*wire.Event) *record {
	r := &record{all: map[string]*operation{}}
	for _, ev := range events {
		r.last = max(r.last, ev.Time)
		switch {
		case ev.Type == wire.EventInvocationCompleted:
			r.Invocations = append(r.Invocations, invocation{
				Number: len(r.Invocations) + 1, RequestID: ev.RequestID, Start: ev.Start, End: ev.End, Error: ev.Error,
			})
		case ev.OpID != "" && !strings.HasPrefix(string(ev.Type), "Execution"):
			r.operation(ev).apply(ev)
		}
	}
	r.flatten(r.roots, 0)
	return r
}

// operation finds the operation of an event, or begins it.
func (r *record) operation(ev *wire.Event) *operation {
	if o := r.all[ev.OpID]; o != nil {
		return o
	}
	o := &operation{ID: ev.OpID, parent: ev.ParentID, Start: ev.Time, Kind: kind(ev)}
	o.Name = cmp.Or(ev.Name, o.Kind)
	r.all[o.ID] = o
	if p := r.all[o.parent]; p != nil {
		p.children = append(p.children, o)
	} else {
		r.roots = append(r.roots, o)
	}
	return o
}

// kind is what the SDK calls the operation, or else the protocol.
func kind(ev *wire.Event) string {
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
	status wire.OperationStatus
}{
	{"Succeeded", wire.StatusSucceeded}, {"Failed", wire.StatusFailed}, {"Cancelled", wire.StatusCancelled},
	{"TimedOut", wire.StatusTimedOut}, {"Stopped", wire.StatusStopped},
}

func (o *operation) apply(ev *wire.Event) {
	o.Attempts = max(o.Attempts, ev.CurrentAttempt)
	if strings.HasSuffix(string(ev.Type), "Started") {
		o.Status, o.Until = wire.StatusStarted, ev.ScheduledEnd
		o.Input = cmp.Or(ev.Payload, o.Input)
		o.Callback, o.Function, o.Child = ev.CallbackID, ev.FunctionName, ev.DurableExecutionARN
		return
	}
	o.Result, o.Error = ev.Payload, ev.Error
	if ev.NextAttemptDelay > 0 {
		o.Status, o.Until = wire.StatusPending, ev.Time.AddSeconds(ev.NextAttemptDelay)
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

// scale lays the bars between the start of the execution and its last event:
// not the present, so that a page at which nothing happens stays as it is. What
// is open reaches beyond it, to the right edge.
func (r *record) scale(start wire.Timestamp, open bool) {
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
	case wire.StatusSucceeded:
		return "good"
	case wire.StatusFailed, wire.StatusTimedOut:
		return "bad"
	case wire.StatusCancelled, wire.StatusStopped:
		return "gone"
	case wire.StatusPending:
		return "retrying"
	}
	return "open"
}

// State is the operation's status for people.
func (o *operation) State() string {
	switch {
	case o.Status == wire.StatusPending && o.Error != nil:
		return "failed, tries again"
	case o.Status == wire.StatusPending:
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
