package durable

import (
	"context"
	"fmt"
	"strings"

	"github.com/perdure/perdure/internal/sdk/transport"
	"github.com/perdure/perdure/protocol"
)

// Client is the service that records executions, as a durable function needs it. Functions on Lambda use the Lambda
// API, which [Start] arranges; tests and embedded engines give their own with [WithClient].
//
// The methods are called from one invocation's goroutines, Checkpoint by one at a time; several invocations may
// share a Client. An error with the methods ErrorCode() string and ErrorMessage() string, which every error of the
// AWS SDK has, is a refusal by the service and is judged by its code. Any other error counts as a lost connection,
// which ends the invocation; the service then starts another.
type Client interface {
	// Checkpoint records updates, all or none. No updates is a poll.
	Checkpoint(ctx context.Context, req *protocol.CheckpointRequest) (*protocol.CheckpointReply, error)
	// State reads one page of the execution's operations.
	State(ctx context.Context, req *protocol.StateRequest) (*protocol.StateReply, error)
}

// refusal is an error that gives the service's reason: ours, or the AWS SDK's.
type refusal interface {
	error
	ErrorCode() string
	ErrorMessage() string
}

// refused judges an error of a [Client]. It is a fault if another invocation may succeed; otherwise it fails the
// execution.
//
//	keys of the execution's encryption are gone    fails
//	the token is stale: another invocation owns    fault
//	throttled, server error, connection lost       fault
//	any other refusal                              fails
func (r *run) refused(err error) outcome {
	fault := outcome{fault: fmt.Errorf("perdure: checkpoint: %w", err)}
	code, message := refusalOf(err)
	status := httpStatus(err)
	switch {
	case strings.HasPrefix(code, "KMS"):
	case code == string(protocol.CodeInvalidParameter) && strings.HasPrefix(message, protocol.StaleTokenMessage):
		return fault
	case transport.Temporary(protocol.Code(code)) || status == 429 || status >= 500:
		return fault
	case code == "" && status < 400:
		return fault
	}
	return r.failed(&fatalError{"CheckpointError", fmt.Sprintf("the service refused a checkpoint: %v", err), err})
}

// refusalOf is the service's code and message in err, if it has any.
func refusalOf(err error) (code, message string) {
	if own, ok := inChain[*protocol.Error](err); ok {
		return string(own.Code), own.Message
	}
	if api, ok := findAs[refusal](err); ok {
		safely(func() { code, message = api.ErrorCode(), api.ErrorMessage() })
	}
	return code, message
}

func httpStatus(err error) (status int) {
	chain(err, func(err error) (answered bool) {
		response, ok := err.(interface{ HTTPStatusCode() int })
		if ok {
			safely(func() { status = response.HTTPStatusCode() })
		}
		return ok
	})
	return status
}
