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
