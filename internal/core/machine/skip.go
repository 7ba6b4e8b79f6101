package machine

import (
	"github.com/perdure/perdure/protocol"
)

// SkipRequest asks that moments come at once for an execution.
type SkipRequest struct {
	// Operation is the id of the operation whose moment comes, or its name, which no other that waits for a moment may
	// have: the end of a wait, a step's next attempt, a callback's timeout. Empty is the earliest moment with which the
	// execution goes on; a timeout is none.
	Operation string
	// All is every moment with which the execution goes on or, with Operation, every one of that name.
	All bool
}

// Skipped is a moment that came early.
type Skipped struct {
	// Operation is nil if it is the next try after a failed invocation.
	Operation *protocol.Operation
	// Due is when it would have come.
	Due protocol.Timestamp
}

// Skip makes moments come at the draft's time, and records them as usual, with that time. An execution that waits
// for no moment is refused.
func (d *Draft) Skip(req *SkipRequest) ([]Skipped, error) {
	d.FireTimers()
	if d.ended() {
		return nil, conflict("Time cannot be skipped in a durable execution with status %s.", d.Status())
	}
	timers, retry, err := d.skippable(req)
	if err != nil {
		return nil, err
	}
	var skipped []Skipped
	for _, t := range timers {
		o := d.op(t.op)
		skipped = append(skipped, Skipped{Operation: &o.Operation, Due: t.due})
		d.fire(t)
	}
	if retry {
		skipped = append(skipped, Skipped{Due: d.invokeAt})
		d.emit(Record{Event: protocol.Event{Type: retrySkipped}})
	}
	if len(skipped) == 0 {
		return nil, conflict("The durable execution waits for no moment.")
	}
	return skipped, nil
}

// skippable returns the timers that req means, and whether it means the retry after a failed invocation.
func (d *Draft) skippable(req *SkipRequest) (timers []timer, retry bool, err error) {
	if req.Operation != "" {
		timers, err = d.timersOf(req.Operation, req.All)
		return timers, false, err
	}
	var first protocol.Timestamp
	for i := range len(d.x.ops) {
		o := d.op(i)
		due := o.deadline()
		if due == 0 || o.Type == protocol.TypeCallback {
			continue
		}
		timers = append(timers, timer{due, i})
		if first == 0 || due < first {
			first = due
		}
	}
	retry = d.invokeAt > d.now
	if req.All {
		return timers, retry, nil
	}
	if retry && (first == 0 || d.invokeAt <= first) {
		return nil, true, nil
	}
	for _, t := range timers {
		if t.due == first {
			return []timer{t}, false, nil
		}
	}
	return nil, false, nil
}

// timersOf returns the timer of the operation with an id or a name. Others of the name that wait for no moment do not
// count, as loops use a name again and again; of several that do, all or none are meant.
func (d *Draft) timersOf(word string, all bool) (timers []timer, err error) {
	var ids []string
	isKnown := false
	for i := 1; i < len(d.x.ops); i++ { // the first is the execution
		o := d.op(i)
		if isID := o.ID == word; !isID && o.Name != word {
			continue
		} else if due := o.deadline(); isID && due != 0 {
			return []timer{{due, i}}, nil
		} else if due != 0 {
			timers, ids = append(timers, timer{due, i}), append(ids, o.ID)
		}
		isKnown = true
	}
	switch {
	case !isKnown:
		return nil, protocol.Errorf(protocol.CodeNotFound, "The execution has no operation %s", word)
	case len(timers) == 0:
		return nil, conflict("Operation %s waits for no moment.", word)
	case len(timers) > 1 && !all:
		return nil, invalid("%d operations called %s wait for a moment, among them %s and %s: one is named by its id",
			len(timers), word, ids[0], ids[1])
	}
	return timers, nil
}
