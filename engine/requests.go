package engine

import (
	"github.com/perdure/perdure/protocol"
)

// InvokeRequest starts an execution of a durable function, or calls a plain one.
type InvokeRequest struct {
	// Function is a name, a partial or full ARN, each with or without a
	// version behind a colon.
	Function string
	// Qualifier is the version; it must agree with one in Function.
	Qualifier string
	// Name makes the start idempotent: the same name with the same payload
	// returns the execution that exists. Empty names it by a new UUID.
	Name string
	// Payload is the event. Empty is no event.
	Payload []byte
	// RequestID is what a plain function sees as its request id, as the client
	// that called it does; a new UUID if empty. Executions have one for each
	// invocation, which no client chooses.
	RequestID string

	// TenantID is for functions that keep their tenants apart.
	TenantID string
	// TraceHeader is X-Ray's; empty begins a trace.
	TraceHeader   string
	ClientContext string
	// Async says that nobody waits for the outcome, which a strict engine
	// bounds then.
	Async bool
	// LogTail asks for the end of what a plain function writes.
	LogTail bool
}

// Started is the answer to a start.
type Started struct {
	ARN     string // empty for a plain function
	Version string // the version that runs
	Durable bool
	// Existing says that the name was known: nothing was started.
	Existing bool
}

// Result is how an execution, or the call of a plain function, ended.
type Result struct {
	Status protocol.ExecutionStatus
	// Payload is the result, nil if there is none.
	Payload *string
	// Error is set for every status but SUCCEEDED; a stop may leave it empty.
	Error *protocol.ErrorObject
	// ErrorPayload is the error document of a plain function, as it sent it.
	ErrorPayload []byte
	// Unstarted says that a plain function was never reached.
	Unstarted bool
	// LogTail is the end of what a plain function wrote, if that was asked for.
	LogTail string
}

// Description is what is known of one execution.
type Description struct {
	ARN              string
	Name             string
	FunctionARN      string // qualified
	Version          string
	Status           protocol.ExecutionStatus
	Started          protocol.Timestamp
	Closed           protocol.Timestamp // zero while open
	Input            *string
	Result           *string
	Error            *protocol.ErrorObject
	TraceHeader      string
	ExecutionTimeout int64 // seconds
	RetentionDays    int64
	// TimesOut is when an open execution will time out, with what pauses put
	// it off; zero once closed.
	TimesOut protocol.Timestamp
	// Pause is that of an execution that is PAUSING or PAUSED, else nil.
	Pause *Pause
}

// Pause is why an execution is PAUSING or PAUSED.
type Pause struct {
	Requested     protocol.Timestamp
	Since         protocol.Timestamp // zero until the invocation under way checkpoints or ends
	Reason        *string            // nil for none
	TimeoutPaused bool               // it puts off the execution's timeout
}

// Summary is one row of a list of executions. The page shows it as it is; the Lambda API and our own have shapes of it.
type Summary struct {
	ARN         string
	Name        string
	FunctionARN string
	Status      protocol.ExecutionStatus
	Started     protocol.Timestamp
	Closed      protocol.Timestamp
	// Doing is what the execution is doing, empty if nothing; Since is since when.
	Doing []Activity
	Since protocol.Timestamp
}

// ListRequest selects executions; zero members do not restrict.
type ListRequest struct {
	Function      string // as in InvokeRequest
	Qualifier     string // of Function
	Name          string
	NamePrefix    string
	Statuses      []protocol.ExecutionStatus
	StartedAfter  protocol.Timestamp // exclusive
	StartedBefore protocol.Timestamp // exclusive
	Doing         []Activity         // one of these at least
	Since         protocol.Timestamp // doing something since before this moment
	OldestFirst   bool
	Marker        string
	MaxItems      int // 0 is 100; at most 1000
}

// CheckpointRequest is one checkpoint of a running invocation.
type CheckpointRequest struct {
	ARN         string
	Token       string
	ClientToken string
	Updates     []protocol.Update
}

// CheckpointReply answers a checkpoint. An empty Token says that the invocation
// must not checkpoint again: the execution closed.
type CheckpointReply struct {
	Token      string
	Operations []*protocol.Operation
}

// HistoryRequest reads events of an execution.
type HistoryRequest struct {
	ARN         string
	Marker      string
	MaxItems    int // 0 is 100; at most 1000
	NewestFirst bool
}
