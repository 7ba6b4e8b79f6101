package durabletest

import (
	"fmt"
	"strings"

	"github.com/perdure/perdure/protocol"
)

// Event is one event of a history.
type Event = protocol.Event

// History is what the service recorded of an execution, in order. Event n has
// the id n.
type History []*Event

// String is a line for each event: its id, its type, the operation's id and
// name, and what else is the same on every run, such as attempts and types of
// errors. It leaves out times, delays of retries, and results.
func (h History) String() string {
	var b strings.Builder
	for _, ev := range h {
		b.WriteString(line(ev, constants(ev)) + "\n")
	}
	return b.String()
}

// Details is String with the time since the start, results, and messages of
// errors.
func (h History) Details() string {
	var b strings.Builder
	for _, ev := range h {
		since := fmt.Sprintf("+%v", ev.Time.Sub(h[0].Time))
		fmt.Fprintf(&b, "%-10s %s\n", since, line(ev, append(constants(ev), variables(ev)...)))
	}
	return b.String()
}

func line(ev *Event, rest []string) string {
	s := fmt.Sprintf("%3d %-20s", ev.ID, ev.Type)
	if ev.OpID != "" && !strings.HasPrefix(string(ev.Type), "Execution") {
		s += " " + strings.TrimSpace(ev.OpID+" "+ev.Name)
	}
	if len(rest) > 0 {
		s += " (" + strings.Join(rest, ", ") + ")"
	}
	return strings.TrimRight(s, " ")
}

// constants are the details of an event that are the same on every run.
func constants(ev *Event) (list []string) {
	if ev.Duration > 0 && ev.Type == protocol.EventWaitStarted {
		list = append(list, fmt.Sprintf("%ds", ev.Duration))
	}
	if ev.CurrentAttempt > 0 {
		list = append(list, fmt.Sprintf("attempt %d", ev.CurrentAttempt))
	}
	if ev.Error != nil {
		list = append(list, ev.Error.ErrorType)
	}
	if ev.NextAttemptDelay > 0 {
		list = append(list, "to be repeated")
	}
	return list
}

// variables are the others, as far as they tell a person something.
func variables(ev *Event) (list []string) {
	if ev.NextAttemptDelay > 0 {
		list = append(list, fmt.Sprintf("in %ds", ev.NextAttemptDelay))
	}
	if ev.Payload != nil {
		list = append(list, shorten(*ev.Payload))
	}
	if ev.Error != nil && ev.Error.ErrorMessage != "" {
		list = append(list, shorten(ev.Error.ErrorMessage))
	}
	return list
}

// shorten keeps a line readable.
func shorten(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// Operations are all operations, as their last event left them, in the order
// in which they started. That a step is READY for its next attempt is no
// event: it stays PENDING here until the attempt starts.
func (h History) Operations() []*protocol.Operation {
	var ops []*protocol.Operation
	byID := map[string]*protocol.Operation{}
	for _, ev := range h {
		typ, status := kind(ev)
		if typ == "" {
			continue
		}
		op := byID[ev.OpID]
		if op == nil {
			op = &protocol.Operation{ID: ev.OpID, Type: typ, Name: ev.Name, ParentID: ev.ParentID, SubType: ev.SubType, Start: ev.Time}
			byID[ev.OpID] = op
			ops = append(ops, op)
		}
		apply(op, ev, status)
	}
	return ops
}

// operationTypes are the types of operations by the first word of their events.
var operationTypes = map[string]protocol.OperationType{
	"Step": protocol.TypeStep, "Wait": protocol.TypeWait, "Context": protocol.TypeContext,
	"Callback": protocol.TypeCallback, "ChainedInvoke": protocol.TypeChainedInvoke,
}

// statuses are the statuses of operations by the last word of their events.
var statuses = map[string]protocol.OperationStatus{
	"Started": protocol.StatusStarted, "Succeeded": protocol.StatusSucceeded, "Failed": protocol.StatusFailed,
	"TimedOut": protocol.StatusTimedOut, "Stopped": protocol.StatusStopped, "Cancelled": protocol.StatusCancelled,
}

// kind is the type of the operation that an event is about, empty for an event
// of the execution, and the status that it has now.
func kind(ev *Event) (protocol.OperationType, protocol.OperationStatus) {
	for last, status := range statuses {
		if first, ok := strings.CutSuffix(string(ev.Type), last); ok {
			if ev.NextAttemptDelay > 0 {
				status = protocol.StatusPending
			}
			return operationTypes[first], status
		}
	}
	return "", ""
}

// apply takes an event into the record of its operation.
func apply(op *protocol.Operation, ev *Event, status protocol.OperationStatus) {
	op.Status = status
	if status.Closed() {
		op.End = ev.Time
	}
	if status == protocol.StatusStarted {
		op.CallbackID, op.ScheduledEnd = ev.CallbackID, ev.ScheduledEnd
		return
	}
	op.Payload, op.Error = ev.Payload, ev.Error
	op.Attempt = ev.CurrentAttempt
	if ev.NextAttemptDelay > 0 {
		op.NextAttempt = ev.Time.AddSeconds(ev.NextAttemptDelay)
	}
}
