package durabletest

import (
	"fmt"
	"strings"

	"github.com/perdure/perdure/internal/core/history"
	"github.com/perdure/perdure/protocol"
)

// Event is one event of a history.
type Event = protocol.Event

// History is what the service recorded of an execution, in order. Event n has the id n.
type History []*Event

// String is a line for each event: its id, its type, the operation's id and name, and the details that are the same
// on every run, such as attempts and types of errors. It leaves out times, delays of retries, and results.
func (h History) String() string {
	var b strings.Builder
	for _, ev := range h {
		b.WriteString(line(ev, constants(ev)) + "\n")
	}
	return b.String()
}

// Details is String with the time since the start, results, and messages of errors.
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
	if ev.Type.Meaning().Operation != "" {
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

// variables are the others, if they tell a person something.
func variables(ev *Event) (list []string) {
	if ev.NextAttemptDelay > 0 {
		list = append(list, fmt.Sprintf("in %ds", ev.NextAttemptDelay))
	}
	if ev.Payload != nil {
		list = append(list, protocol.Clip(*ev.Payload, maxShown))
	}
	if ev.Error != nil && ev.Error.ErrorMessage != "" {
		list = append(list, protocol.Clip(ev.Error.ErrorMessage, maxShown))
	}
	return list
}

// maxShown keeps a line readable, in bytes of a payload or a message.
const maxShown = 200

// invocations is how many have ended.
func (h History) invocations() (n int) {
	for _, ev := range h {
		if ev.Type == protocol.EventInvocationCompleted {
			n++
		}
	}
	return n
}

// Operations are all operations after the last event, in the order in which they started. No event says that a step
// is READY for its next attempt: it stays PENDING here until the attempt starts.
func (h History) Operations() []*protocol.Operation {
	var fold history.Fold
	for _, ev := range h {
		fold.Add(ev)
	}
	var ops []*protocol.Operation
	for _, op := range fold.Operations() {
		ops = append(ops, &op.Operation)
	}
	return ops
}
