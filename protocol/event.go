package protocol

// Event is one entry of an execution's history. Like [Operation] it is flat;
// the protocol nests everything below SubType in a member named after the
// event type.
type Event struct {
	Type     EventType
	ID       int64 // EventId: 1, 2, 3 … without gaps
	Time     Timestamp
	OpID     string // the operation's id; the execution's id for Execution… events
	Name     string
	ParentID string
	SubType  string

	// Payload is the Input of a …Started event, the Reason of ExecutionPaused
	// and ExecutionResumed, and the Result of others.
	Payload *string
	Error   *ErrorObject

	ExecutionTimeout int64 // ExecutionStarted: seconds

	Requested     Timestamp // ExecutionPaused, ExecutionResumed: when somebody asked for it
	TimeoutPaused bool      // ExecutionPaused: the execution's timeout waits, too

	CurrentAttempt   int   // Step…: 1-based
	NextAttemptDelay int64 // Step…: seconds until the next attempt; zero when there is none

	Duration     int64     // Wait…: seconds
	ScheduledEnd Timestamp // WaitStarted

	CallbackID       string // CallbackStarted
	Timeout          int64  // CallbackStarted: seconds, zero for none
	HeartbeatTimeout int64  // CallbackStarted: seconds, zero for none

	FunctionName        string // ChainedInvokeStarted, and the three below
	TenantID            string
	ExecutedVersion     string
	DurableExecutionARN string

	RequestID string    // InvocationCompleted, and the two below
	Start     Timestamp //
	End       Timestamp //
}

// EventType names one kind of history event.
type EventType string

// The history events of the protocol.
const (
	EventExecutionStarted       EventType = "ExecutionStarted"
	EventExecutionSucceeded     EventType = "ExecutionSucceeded"
	EventExecutionFailed        EventType = "ExecutionFailed"
	EventExecutionTimedOut      EventType = "ExecutionTimedOut"
	EventExecutionStopped       EventType = "ExecutionStopped"
	EventExecutionPaused        EventType = "ExecutionPaused"
	EventExecutionResumed       EventType = "ExecutionResumed"
	EventContextStarted         EventType = "ContextStarted"
	EventContextSucceeded       EventType = "ContextSucceeded"
	EventContextFailed          EventType = "ContextFailed"
	EventWaitStarted            EventType = "WaitStarted"
	EventWaitSucceeded          EventType = "WaitSucceeded"
	EventWaitCancelled          EventType = "WaitCancelled"
	EventStepStarted            EventType = "StepStarted"
	EventStepSucceeded          EventType = "StepSucceeded"
	EventStepFailed             EventType = "StepFailed"
	EventChainedInvokeStarted   EventType = "ChainedInvokeStarted"
	EventChainedInvokeSucceeded EventType = "ChainedInvokeSucceeded"
	EventChainedInvokeFailed    EventType = "ChainedInvokeFailed"
	EventChainedInvokeTimedOut  EventType = "ChainedInvokeTimedOut"
	EventChainedInvokeStopped   EventType = "ChainedInvokeStopped"
	EventCallbackStarted        EventType = "CallbackStarted"
	EventCallbackSucceeded      EventType = "CallbackSucceeded"
	EventCallbackFailed         EventType = "CallbackFailed"
	EventCallbackTimedOut       EventType = "CallbackTimedOut"
	EventInvocationCompleted    EventType = "InvocationCompleted"
)

// Meaning is what the events of one type say. Everybody who reads a history asks
// here; nobody reads the name of a type. At most one of Operation and Execution
// is set: an event of an invocation has neither.
type Meaning struct {
	// Operation is the type of the operation that the event is about.
	Operation OperationType
	// Status is what the operation is from then on. A step whose event has a
	// NextAttemptDelay is PENDING instead; see [Event.Status].
	Status OperationStatus
	// Execution is what the execution is from then on.
	Execution ExecutionStatus
	// Details are the members of the event's details, by name, in the order in
	// which they are written. One that ends in a question mark may be absent.
	Details []string
}

// Meanings has every event type of the protocol. It must not be changed.
var Meanings = map[EventType]*Meaning{
	EventExecutionStarted:   {Execution: ExecutionRunning, Details: []string{"Input", "ExecutionTimeout"}},
	EventExecutionSucceeded: {Execution: ExecutionSucceeded, Details: []string{"Result"}},
	EventExecutionFailed:    {Execution: ExecutionFailed, Details: []string{"Error"}},
	EventExecutionTimedOut:  {Execution: ExecutionTimedOut, Details: []string{"Error?"}},
	EventExecutionStopped:   {Execution: ExecutionStopped, Details: []string{"Error"}},
	EventExecutionPaused: {Execution: ExecutionPaused,
		Details: []string{"PauseRequestTimestamp", "ExecutionTimeoutPaused", "Reason?"}},
	EventExecutionResumed: {Execution: ExecutionRunning, Details: []string{"ResumeRequestTimestamp", "Reason?"}},

	EventContextStarted:   {Operation: TypeContext, Status: StatusStarted},
	EventContextSucceeded: {Operation: TypeContext, Status: StatusSucceeded, Details: []string{"Result"}},
	EventContextFailed:    {Operation: TypeContext, Status: StatusFailed, Details: []string{"Error"}},

	EventWaitStarted: {Operation: TypeWait, Status: StatusStarted,
		Details: []string{"Duration", "ScheduledEndTimestamp"}},
	EventWaitSucceeded: {Operation: TypeWait, Status: StatusSucceeded, Details: []string{"Duration"}},
	EventWaitCancelled: {Operation: TypeWait, Status: StatusCancelled, Details: []string{"Error?"}},

	EventStepStarted:   {Operation: TypeStep, Status: StatusStarted},
	EventStepSucceeded: {Operation: TypeStep, Status: StatusSucceeded, Details: []string{"Result", "RetryDetails"}},
	EventStepFailed:    {Operation: TypeStep, Status: StatusFailed, Details: []string{"Error", "RetryDetails"}},

	EventChainedInvokeStarted: {Operation: TypeChainedInvoke, Status: StatusStarted,
		Details: []string{"FunctionName", "TenantId?", "Input?", "ExecutedVersion?", "DurableExecutionArn?"}},
	EventChainedInvokeSucceeded: {Operation: TypeChainedInvoke, Status: StatusSucceeded, Details: []string{"Result"}},
	EventChainedInvokeFailed:    {Operation: TypeChainedInvoke, Status: StatusFailed, Details: []string{"Error"}},
	EventChainedInvokeTimedOut:  {Operation: TypeChainedInvoke, Status: StatusTimedOut, Details: []string{"Error"}},
	EventChainedInvokeStopped:   {Operation: TypeChainedInvoke, Status: StatusStopped, Details: []string{"Error"}},

	EventCallbackStarted: {Operation: TypeCallback, Status: StatusStarted,
		Details: []string{"CallbackId", "Timeout?", "HeartbeatTimeout?"}},
	EventCallbackSucceeded: {Operation: TypeCallback, Status: StatusSucceeded, Details: []string{"Result"}},
	EventCallbackFailed:    {Operation: TypeCallback, Status: StatusFailed, Details: []string{"Error"}},
	EventCallbackTimedOut:  {Operation: TypeCallback, Status: StatusTimedOut, Details: []string{"Error"}},

	EventInvocationCompleted: {Details: []string{"StartTimestamp", "EndTimestamp", "RequestId", "Error?"}},
}

var unknown Meaning

// Meaning is what the table says of t. A type of a newer service has an empty
// meaning, never nil.
func (t EventType) Meaning() *Meaning {
	if m := Meanings[t]; m != nil {
		return m
	}
	return &unknown
}

// EventOf is the event type that says of an operation of some type that it has a
// status now; empty if there is none.
func EventOf(typ OperationType, status OperationStatus) EventType {
	for t, m := range Meanings {
		if m.Operation == typ && m.Status == status {
			return t
		}
	}
	return ""
}

// EndsExecution reports whether e is the last event of an execution.
func (e *Event) EndsExecution() bool { return e.Type.Meaning().Execution.Closed() }

// Status is what e leaves the operation as that it is about; empty if it is about
// none.
func (e *Event) Status() OperationStatus {
	if e.NextAttemptDelay > 0 {
		return StatusPending
	}
	return e.Type.Meaning().Status
}

// OperationError is the error that e leaves the operation with. A callback's
// timeout event carries only the type; its operation has the message too.
func (e *Event) OperationError() *ErrorObject {
	if e.Type != EventCallbackTimedOut || e.Error == nil {
		return e.Error
	}
	o := *e.Error
	o.ErrorMessage = "Callback timed out"
	if o.ErrorType == ErrorTypeCallbackHeartbeat {
		o.ErrorMessage = "Callback timed out on heartbeat"
	}
	return &o
}
