package machine

import (
	"unsafe"

	"github.com/perdure/perdure/protocol"
)

// A stop closes an execution; what runs for it goes on, and so do its children, unless the stop says otherwise.
//
// A kill ends what runs: the invocation in flight, and calls of plain functions. That is the driver's to do, wherever
// they run; the record is how another process learns of it.
//
// A cascade stops the children for which the execution waits, and their children in turn. It is owed: an execution with
// a cascade is due until the driver has recorded that it ended. An execution that is over begins no more children, so
// none escapes.

// StopRequest asks for a stop.
type StopRequest struct {
	Reason *protocol.ErrorObject // nil is an empty one
	By     string                // who asks, for people; empty is not known
	// Kill ends what runs for the execution, and Cascade stops its children. Both count for one that is over, too.
	Kill, Cascade bool
}

// Cascade is a stop that goes on to the children.
type Cascade struct {
	By     string
	Reason *protocol.ErrorObject
	Kill   bool
}

func (c *Cascade) memory() int {
	if c == nil {
		return 0
	}
	return int(unsafe.Sizeof(*c)) + errorSize(c.Reason)
}

// Stop closes the execution at somebody's request; nil is the zero request. One that is closed, or has checkpointed its
// result, keeps its outcome. A reason that is too large is refused.
func (d *Draft) Stop(req *StopRequest) error {
	if req == nil {
		req = &StopRequest{}
	}
	if err := d.checkError(req.Reason); err != nil {
		return err
	}
	d.FireTimers()
	reason := req.Reason
	if reason == nil {
		reason = &protocol.ErrorObject{}
	}
	if !d.ended() {
		d.emitExecution(Record{Event: protocol.Event{
			Type: protocol.EventExecutionStopped, Error: reason, By: req.By,
		}})
	}
	if req.Kill && !d.killed && (d.Invoking() || d.open[callingAt] > 0) {
		d.emit(Record{Event: protocol.Event{Type: killRequested, By: req.By}})
	}
	if req.Cascade && d.cascade == nil && d.hasChildren() {
		d.emit(Record{Event: protocol.Event{Type: cascadeRequested, By: req.By, Error: reason}, Kill: req.Kill})
	}
	return nil
}

// hasChildren reports whether a chained invoke of the draft waits for an execution.
func (d *Draft) hasChildren() bool {
	for i := range len(d.x.ops) + len(d.added) {
		if d.op(i).child() != "" {
			return true
		}
	}
	return false
}

// child is the ARN of the execution that o waits for; empty if there is none.
func (o *operation) child() string {
	if o.invoke == nil {
		return ""
	}
	return o.invoke.ARN
}

// Kills reports whether the record says that what runs for the execution is to end.
func (r *Record) Kills() bool { return r.Type == killRequested }

// Killed reports whether what runs for the execution is to end.
func (s *state) Killed() bool { return s.killed }

// StoppedBy is who asked for the stop of the execution; empty if nobody did, or if it is not known.
func (s *state) StoppedBy() string { return s.stoppedBy }

// OwesChildren reports whether the execution is over, and its children are to be stopped.
func (s *state) OwesChildren() bool { return s.status.Closed() && s.cascade != nil }

// Cascade returns how the children are to be stopped, and which: the ARNs of those that the execution waited for when
// it ended. There are none unless it owes that.
func (x *Execution) Cascade() (how Cascade, children []string) {
	if !x.OwesChildren() {
		return how, nil
	}
	for _, o := range x.ops {
		if child := o.child(); child != "" {
			children = append(children, child)
		}
	}
	return *x.cascade, children
}

// EndCascade records that the children are stopped.
func (d *Draft) EndCascade() {
	if d.OwesChildren() {
		d.emit(Record{Event: protocol.Event{Type: cascadeEnded}})
	}
}
