package engine

import (
	"github.com/perdure/perdure/protocol"
)

// InvokeRequest starts an execution of a durable function, or calls a plain one.
type InvokeRequest struct {
	Function  string // a name, or a partial or full ARN, each with or without a version or an alias behind a colon
	Qualifier string // the version or alias; it must agree with one in Function
	// Name makes the start idempotent: the same name and payload find the execution that exists. Empty is a new UUID.
	Name    string
	Payload []byte // the event; empty is none. An execution keeps it, so nobody may change it after the call
	// RequestID is the request id of a plain function's call; empty is a new UUID. Executions do not use it.
	RequestID string

	// Tags are kept with the execution, for searching: see [CheckTags]. A name finds an execution with other tags, too.
	Tags map[string]string

	TenantID      string // for functions that keep their tenants apart
	TraceHeader   string // X-Ray's; empty begins a trace
	ClientContext string
	Async         bool // nobody waits for the outcome; a strict engine bounds it then
	LogTail       bool // the result is to have the end of a plain function's log
}

// Started is the answer to a start.
type Started struct {
	ARN      string // empty for a plain function
	Version  string // the version that runs
	Durable  bool
	Existing bool // the name was known: nothing was started
}

// Result is how an execution, or the call of a plain function, ended.
type Result struct {
	Status       protocol.ExecutionStatus
	Payload      *string               // the result; nil is none
	Error        *protocol.ErrorObject // set for every status but SUCCEEDED; a stop may leave it empty
	ErrorPayload []byte                // a plain function's error document, as it sent it
	Unstarted    bool                  // the plain function was never reached
	LogTail      string                // the end of a plain function's log, if that was asked for
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
	TimesOut         protocol.Timestamp // pauses put it off; zero once closed
	Tags             map[string]string  // nobody changes the map
	Operations       int64              // as AWS counts: each attempt, and each failed invocation, is one
	Bytes            int64              // of inputs, results and errors, as AWS counts them
	Pause            *Pause             // of an execution that is PAUSING or PAUSED, else nil
	StoppedBy        string             // who asked for the stop of a STOPPED one; empty if that is not known
}

// Pause is why an execution is PAUSING or PAUSED.
type Pause struct {
	Requested     protocol.Timestamp
	Since         protocol.Timestamp // zero until the invocation under way checkpoints or ends
	Reason        *string            // nil for none
	TimeoutPaused bool               // it puts off the execution's timeout
	By            string             // who asked for it; empty if that is not known
}

// Summary is one row of a list of executions. The page shows it as it is; the Lambda API and our own have shapes of it.
type Summary struct {
	ARN         string
	Name        string
	FunctionARN string
	Status      protocol.ExecutionStatus
	Started     protocol.Timestamp
	Closed      protocol.Timestamp
	Doing       []Activity         // empty if it does nothing
	Since       protocol.Timestamp // since when it does that
	Error       string             // the type of the error with which it ended, at most 200 bytes
	Message     string             // the first line of the error's text, at most 200 bytes
	Tags        map[string]string  // nobody changes the map
	Redriven    bool               // a fork tries again what failed
	Stage       Stage              // in a list with what needs attention first
}

// Stage is a part of a list with what needs attention first.
type Stage string

// The stages, in their order.
const (
	StageStuck    Stage = "stuck"    // it is not getting on, or waits for somebody
	StageFailures Stage = "failures" // failed within a day
	StageRest     Stage = "rest"
)

// ListRequest asks for a page of the executions that pass a filter.
type ListRequest struct {
	Filter
	OldestFirst bool
	// AttentionFirst begins with what is stuck, longest first: retrying, queued or running for a minute, then paused,
	// waiting for a callback, or retrying for less. Failures of the last day follow, then the rest, newest first.
	AttentionFirst bool
	Marker         string // the next of the page before
	MaxItems       int    // 0 is 100; at most 1000
}

// CheckpointRequest is one checkpoint of a running invocation.
type CheckpointRequest struct {
	ARN         string
	Token       string
	ClientToken string
	Updates     []protocol.Update
}

// CheckpointReply answers a checkpoint. Without a Token the invocation must not checkpoint again: the execution closed,
// or pauses.
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
