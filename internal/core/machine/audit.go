package machine

import (
	"fmt"

	"github.com/perdure/perdure/protocol"
)

// Auditor looks in the records of one execution for faults that folding does not notice. The zero value is ready to
// use.
type Auditor struct {
	problems []string
	inFlight string // request id of the invocation in flight
	invoked  bool
	terminal protocol.EventType
	events   int64
}

// maxProblems bounds the problems told of one execution.
const maxProblems = 100

// Add takes the next record.
func (a *Auditor) Add(r *Record) {
	if r.IsHistory() {
		a.events++
		if r.Event.ID != a.events {
			a.problem("event %d is in the place of event %d", r.Event.ID, a.events)
			a.events = r.Event.ID
		}
	}
	m := meaning(r.Type)
	if a.terminal != "" && (m.Operation != "" || m.Execution.Closed() || r.Type == invocationStarted) {
		a.problem("event %d, %s, comes after %s", r.Event.ID, r.Type, a.terminal)
	}
	switch r.Type {
	case invocationStarted:
		if a.inFlight != "" {
			a.problem("invocation %s began while %s was in flight", r.RequestID, a.inFlight)
		}
		a.inFlight, a.invoked = r.RequestID, true
	case protocol.EventInvocationCompleted:
		if r.RequestID != a.inFlight {
			a.problem("event %d completes invocation %s, which is not in flight", r.Event.ID, r.RequestID)
		}
		a.inFlight = ""
	case executionForked:
		if a.invoked {
			a.problem("it became a fork after it was invoked")
		}
	}
	if m.Execution.Closed() {
		a.terminal = r.Type
	}
}

func (a *Auditor) problem(format string, args ...any) {
	if len(a.problems) < maxProblems {
		a.problems = append(a.problems, fmt.Sprintf(format, args...))
	}
}

// Problems returns the faults found in the records, and in x, the execution folded from them.
func (a *Auditor) Problems(x *Execution) []string {
	if x.Invoking() != (a.inFlight != "") {
		a.problem("an invocation is in flight: %t by the records, %t by the state", a.inFlight != "", x.Invoking())
	}
	if x.status.Closed() != (a.terminal != "") {
		a.problem("it has the status %s and the last event %q", x.status, a.terminal)
	}
	switch {
	case x.status.Closed():
	case x.Doing() == 0:
		a.problem("it is open and waits for nothing")
	case x.Due() == 0 && x.closing == "":
		a.problem("it is open and will never be looked at")
	}
	return a.problems
}

// Children returns the ARNs of executions that open chained invokes wait for, by operation id.
func (x *Execution) Children() map[string]string {
	children := map[string]string{}
	if x.status.Closed() {
		return children
	}
	for _, o := range x.ops {
		if child := o.child(); child != "" {
			children[o.ID] = child
		}
	}
	return children
}
