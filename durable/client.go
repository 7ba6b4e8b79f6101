package durable

import (
	"context"

	"github.com/perdure/perdure/protocol"
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
	Checkpoint(ctx context.Context, req *protocol.CheckpointRequest) (*protocol.CheckpointReply, error)
	// State reads one page of the execution's operations.
	State(ctx context.Context, req *protocol.StateRequest) (*protocol.StateReply, error)
}
