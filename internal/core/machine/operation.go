package machine

import "github.com/perdure/perdure/protocol"

// operation is an operation's record with members for the service only. A published operation is never modified; a
// change replaces it by a copy. So a pointer to one is a snapshot, and replies may keep it.
type operation struct {
	protocol.Operation

	since  protocol.Timestamp // when its status last changed, so also when an attempt began
	parent int                // position of the parent CONTEXT, or -1
	listed int64              // the value of telling when it was last put among the changed

	waitSeconds      int64              // WAIT
	timeoutAt        protocol.Timestamp // CALLBACK, zero for none
	heartbeatSeconds int64              // CALLBACK, zero for none
	heartbeatAt      protocol.Timestamp // CALLBACK, zero for none
	invoke           *InvokeTarget      // CHAINED_INVOKE, until it has an outcome
}

// deadline is when the operation changes by itself, or zero.
func (o *operation) deadline() protocol.Timestamp {
	switch {
	case o.Type == protocol.TypeWait && o.Status == protocol.StatusStarted:
		return o.ScheduledEnd
	case o.Type == protocol.TypeStep && o.Status == protocol.StatusPending:
		return o.NextAttempt
	case o.Type == protocol.TypeCallback && o.Status == protocol.StatusStarted:
		if o.timeoutAt == 0 || o.heartbeatAt != 0 && o.heartbeatAt < o.timeoutAt {
			return o.heartbeatAt
		}
		return o.timeoutAt
	}
	return 0
}

// pending reports whether a function may answer PENDING because of o.
func (o *operation) pending() bool {
	switch o.Type {
	case protocol.TypeStep, protocol.TypeWait, protocol.TypeCallback, protocol.TypeChainedInvoke:
		return !o.Status.Closed()
	}
	return false
}

// wakes reports whether something other than the function will change o: a moment, or an answer. A step that is
// STARTED, or READY to be, is in the function's hands.
func (o *operation) wakes() bool {
	return o.pending() && (o.Type != protocol.TypeStep || o.Status == protocol.StatusPending)
}

// calling reports whether o waits for the answer of a plain function, which only this process can bring.
func (o *operation) calling() bool { return o.invoke != nil && o.invoke.ARN == "" }

// InvokeTarget is the function that a chained invoke calls.
type InvokeTarget struct {
	Function    string // as the function named it
	Version     string // empty if the target could not be resolved
	ARN         string // the child execution; empty for a plain function
	Input       *string
	TenantID    string
	TraceHeader string
}
