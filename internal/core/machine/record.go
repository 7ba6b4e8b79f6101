package machine

import (
	"time"

	"github.com/perdure/perdure/protocol"
)

// Record is one fact about an execution, the unit that is journalled. Most records are history events; those of an
// internal type have no EventId and are in no history.
type Record struct {
	protocol.Event

	// Identity is set on ExecutionStarted only.
	Identity *Identity
	// ReplayChildren goes with ContextSucceeded.
	ReplayChildren bool
	// ClientToken goes with checkpointAccepted, with the requests for a pause and for its end, and with acted.
	ClientToken string
	// TraceHeader goes with ChainedInvokeStarted.
	TraceHeader string
	// Interrupted goes with checkpointAccepted: a pause ends the invocation, and the reply has no news.
	Interrupted bool
	// Empty goes with checkpointAccepted: it had no updates, so it is no progress.
	Empty bool
	// Kill goes with cascadeRequested: what runs for the children ends, too.
	Kill bool
	// Failed goes with InvocationCompleted: the answer was not valid, so the next invocation is told the same news
	// again.
	Failed bool
	// BadOutput goes with a failed InvocationCompleted: the function answered against the rules.
	BadOutput bool
	// Redrive goes with forked: the fork tries again what failed.
	Redrive bool
	// Lost goes with a failed InvocationCompleted: it does not count as the function's failure.
	Lost bool
	// RetryAt goes with InvocationCompleted: when to invoke again even if nothing happens.
	RetryAt protocol.Timestamp
	// Status goes with executionClosing: the status with which the execution will end.
	Status protocol.ExecutionStatus

	// Took is how long that lasted which the record ends: an attempt of a step, or the delay before the next one; any
	// other operation; an invocation, or the wait for one; a pause; the execution. Ended is what the execution, or the
	// operation, did meanwhile, which is nothing for an attempt. Both are set by folding the record, and not stored.
	Took  time.Duration
	Ended Doing
}

// The internal record types begin with a lower-case letter, unlike history events, with which they share a
// namespace.
const (
	// invocationStarted: an invocation with RequestID is in flight.
	invocationStarted protocol.EventType = "invocationStarted"
	// checkpointAccepted ends the records of a checkpoint: the function has all news, and the token moves on.
	checkpointAccepted protocol.EventType = "checkpointAccepted"
	// stepReady: the delay before a step's next attempt is over.
	stepReady protocol.EventType = "stepReady"
	// callbackHeartbeat moves a callback's heartbeat deadline.
	callbackHeartbeat protocol.EventType = "callbackHeartbeat"
	// executionClosing: the function checkpointed its final result. The terminal event follows when the invocation
	// ends.
	executionClosing protocol.EventType = "executionClosing"
	// pauseRequested: the execution pauses as soon as no invocation can checkpoint. ExecutionPaused follows then.
	pauseRequested protocol.EventType = "pauseRequested"
	// pauseCancelled: the requested pause does not begin.
	pauseCancelled protocol.EventType = "pauseCancelled"
	// deletionRequested: the execution, which is closed, is to be removed.
	deletionRequested protocol.EventType = "deletionRequested"
	// retrySkipped: the next invocation is not delayed any longer.
	retrySkipped protocol.EventType = "retrySkipped"
	// executionForked ends the records copied from another execution: the function knows them, so they are not
	// news.
	executionForked protocol.EventType = "executionForked"
	// forked: the execution DurableExecutionARN is a fork of this one; By asked for it.
	forked protocol.EventType = "forked"
	// parentNotified: the outcome has reached the execution that invoked this one.
	parentNotified protocol.EventType = "parentNotified"
	// acted: the entry is that of an act with the token ClientToken, whose repeat does nothing.
	acted protocol.EventType = "acted"
	// killRequested: what runs for the execution, which is over, is to end.
	killRequested protocol.EventType = "killRequested"
	// cascadeRequested: the children of the execution, which is over, are to be stopped: with Error, for By.
	cascadeRequested protocol.EventType = "cascadeRequested"
	// cascadeEnded: they are.
	cascadeEnded protocol.EventType = "cascadeEnded"
)

// internal is for internal records what [protocol.Meanings] is for events.
var internal = map[protocol.EventType]*protocol.Meaning{
	stepReady:         {Operation: protocol.TypeStep, Status: protocol.StatusReady},
	callbackHeartbeat: {Operation: protocol.TypeCallback},
	pauseRequested:    {Execution: protocol.ExecutionPausing},
	pauseCancelled:    {Execution: protocol.ExecutionRunning},
	invocationStarted: {}, checkpointAccepted: {}, executionClosing: {}, deletionRequested: {},
	retrySkipped: {}, executionForked: {}, forked: {}, parentNotified: {}, acted: {},
	killRequested: {}, cascadeRequested: {}, cascadeEnded: {},
}

// meaning returns the meaning of a type; empty for an unknown type.
func meaning(t protocol.EventType) *protocol.Meaning {
	if m := protocol.Meanings[t]; m != nil {
		return m
	}
	if m := internal[t]; m != nil {
		return m
	}
	return t.Meaning()
}

func known(t protocol.EventType) bool { return internal[t] != nil || isEventType(t) }

func isEventType(t protocol.EventType) bool { return protocol.Meanings[t] != nil }

func endsAttempt(m *protocol.Meaning) bool {
	return m.Operation == protocol.TypeStep && m.Status.Closed()
}

// IsHistory reports whether the record is an event of the history.
func (r *Record) IsHistory() bool { return r.Event.ID > 0 }

// Identity holds what is fixed when an execution starts.
type Identity struct {
	ARN              protocol.ARN
	ExecutionTimeout int64 // seconds
	RetentionDays    int64
	Async            bool // nobody waited for the outcome at the start
	TenantID         string
	TraceHeader      string
	Tags             map[string]string // nobody changes the map
	// ParentARN and ParentOperation name the chained invoke that started this execution; empty if a client did.
	ParentARN       string
	ParentOperation string
	// OriginARN names the execution that this is a fork of, and OriginOperation the first operation that was cut;
	// empty for no fork, or no cut.
	OriginARN       string
	OriginOperation string
}
