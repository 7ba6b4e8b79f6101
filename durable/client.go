package durable

import (
	"context"

	"github.com/perdure/perdure/protocol"
)

// The protocol's records, as a [Client] sees them. Code that only writes
// durable functions never needs them.
type (
	// Operation is the recorded state of one operation.
	Operation = protocol.Operation
	// Update is one change of an operation that a function asks for.
	Update = protocol.Update
	// ErrorObject is an error as the protocol records it.
	ErrorObject = protocol.ErrorObject
)

// Client is what a durable function needs of the service that records its
// execution. Functions on Lambda use the Lambda API, which [Start] arranges;
// tests and embedded engines give their own with [WithClient].
//
// The methods are called from one invocation's goroutines, Checkpoint by one
// at a time; several invocations may share a Client. An error that has the
// methods ErrorCode() string and ErrorMessage() string, as every error of the
// AWS SDK has, is a refusal by the service and is judged by its code; any
// other error counts as a lost connection, which ends the invocation so that
// the service starts another.
type Client interface {
	// Checkpoint records updates, all or none. No updates is a poll.
	Checkpoint(ctx context.Context, req *CheckpointRequest) (*CheckpointReply, error)
	// State reads one page of the execution's operations.
	State(ctx context.Context, req *StateRequest) (*StateReply, error)
}

// CheckpointRequest is one call of [Client.Checkpoint].
type CheckpointRequest struct {
	ExecutionARN string
	Token        string // consumed by this call
	Updates      []Update
}

// CheckpointReply answers a checkpoint.
type CheckpointReply struct {
	// Token is for the next call. Without one this invocation may not
	// checkpoint again: the execution closed, or is being paused.
	Token string
	// Operations holds those that changed since the function was last told.
	Operations []*Operation
}

// StateRequest is one call of [Client.State].
type StateRequest struct {
	ExecutionARN string
	Token        string // not consumed
	Marker       string // from the page before
	MaxItems     int
}

// StateReply is one page of operations.
type StateReply struct {
	Operations []*Operation
	NextMarker string // empty on the last page
}
