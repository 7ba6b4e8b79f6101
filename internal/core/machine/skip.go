package machine

import (
	"github.com/perdure/perdure/protocol"
)

// SkipRequest asks that moments come at once for an execution.
type SkipRequest struct {
	// Operation is the id of the operation whose moment comes: the end of a wait, a step's next attempt, a
	// callback's timeout. Empty is the earliest moment with which the execution goes on; a timeout is none.
	Operation string
	// All is every moment with which the execution goes on.
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
		i := d.find(req.Operation)
		if i < 0 {
			return nil, false, protocol.Errorf(protocol.CodeNotFound, "The execution has no operation %s", req.Operation)
		}
		due := d.op(i).deadline()
		if due == 0 {
			return nil, false, conflict("Operation %s waits for no moment.", req.Operation)
		}
		return []timer{{due, i}}, false, nil
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
