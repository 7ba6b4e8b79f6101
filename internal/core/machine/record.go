package machine

import "github.com/perdure/perdure/protocol"

// Record is one fact about an execution, the unit that is journalled. Most
// records are history events; those of an internal type carry no EventId and
// appear in no history.
type Record struct {
	protocol.Event

	// Identity is set on ExecutionStarted only.
	Identity *Identity
	// ReplayChildren goes with ContextSucceeded.
	ReplayChildren bool
	// ClientToken goes with checkpointAccepted and with the requests for a
	// pause and for its end.
	ClientToken string
	// TraceHeader goes with ChainedInvokeStarted.
	TraceHeader string
	// Interrupted goes with checkpointAccepted: a pause ends the invocation,
	// and the reply tells nothing.
	Interrupted bool
	// Failed goes with InvocationCompleted: the invocation gave no valid
	// answer, so what it was told must be told again.
	Failed bool
	// BadOutput goes with a failed InvocationCompleted: the function did
	// answer, but not by the rules.
	BadOutput bool
	// Lost goes with a failed InvocationCompleted: the function is not to
	// blame, and the failure does not count as one.
	Lost bool
	// RetryAt goes with InvocationCompleted: when to invoke again although
	// nothing happens meanwhile.
	RetryAt protocol.Timestamp
	// Status goes with executionClosing: what the execution will end as.
	Status protocol.ExecutionStatus
}

// The internal record types. They share the namespace of history events, so
// they start with a lower-case letter, which no history event does.
const (
	// invocationStarted: an invocation with RequestID is under way.
	invocationStarted protocol.EventType = "invocationStarted"
	// checkpointAccepted ends the records of a checkpoint: the function has
	// been told of every change so far, and the token moves on.
	checkpointAccepted protocol.EventType = "checkpointAccepted"
	// stepReady: the delay before a step's next attempt is over.
	stepReady protocol.EventType = "stepReady"
	// callbackHeartbeat moves a callback's heartbeat deadline.
	callbackHeartbeat protocol.EventType = "callbackHeartbeat"
	// executionClosing: the function checkpointed its final result. The
	// terminal event follows when the invocation ends.
	executionClosing protocol.EventType = "executionClosing"
	// pauseRequested: the execution is to pause as soon as no invocation can
	// checkpoint. ExecutionPaused follows when it does.
	pauseRequested protocol.EventType = "pauseRequested"
	// pauseCancelled: the pause that was requested is not to begin.
	pauseCancelled protocol.EventType = "pauseCancelled"
	// deletionRequested: the execution, which is closed, is to be removed.
	deletionRequested protocol.EventType = "deletionRequested"
	// retrySkipped: the next invocation is not put off any longer.
	retrySkipped protocol.EventType = "retrySkipped"
	// executionForked ends the records that were copied from another
	// execution: they are the function's past, not news.
	executionForked protocol.EventType = "executionForked"
	// parentNotified: the outcome has reached the execution that invoked this one.
	parentNotified protocol.EventType = "parentNotified"
)

// internal says what internal records mean, as [protocol.Meanings] does of events.
var internal = map[protocol.EventType]*protocol.Meaning{
	stepReady:         {Operation: protocol.TypeStep, Status: protocol.StatusReady},
	callbackHeartbeat: {Operation: protocol.TypeCallback},
	pauseRequested:    {Execution: protocol.ExecutionPausing},
	pauseCancelled:    {Execution: protocol.ExecutionRunning},
	invocationStarted: {}, checkpointAccepted: {}, executionClosing: {}, deletionRequested: {},
	retrySkipped: {}, executionForked: {}, parentNotified: {},
}

// meaning is what a record of type t says; empty for a type that there is not.
func meaning(t protocol.EventType) *protocol.Meaning {
	if m := protocol.Meanings[t]; m != nil {
		return m
	}
	if m := internal[t]; m != nil {
		return m
	}
	return t.Meaning()
}

// known reports whether there are records of a type.
func known(t protocol.EventType) bool { return internal[t] != nil || isEventType(t) }

// isEventType tells the types of history events from internal ones.
func isEventType(t protocol.EventType) bool { return protocol.Meanings[t] != nil }

// endsAttempt reports whether a record with this meaning ends an attempt of a step.
func endsAttempt(m *protocol.Meaning) bool {
	return m.Operation == protocol.TypeStep && m.Status.Closed()
}

// IsHistory reports whether the record is an event of the history.
func (r *Record) IsHistory() bool { return r.Event.ID > 0 }

// Identity is what is fixed when an execution starts.
type Identity struct {
	ARN              protocol.ARN
	ExecutionTimeout int64 // seconds
	RetentionDays    int64
	Async            bool // nobody waited for the outcome when it started
	TenantID         string
	TraceHeader      string
	// ParentARN and ParentOperation name the chained invoke that started
	// this execution; empty if a client did.
	ParentARN       string
	ParentOperation string
	// OriginARN names the execution that this one was forked from, and
	// OriginOperation the first operation at which it was cut; empty if it
	// is no fork, or everything was copied.
	OriginARN       string
	OriginOperation string
}
