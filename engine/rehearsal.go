package engine

import (
	"context"
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/perdure/perdure/protocol"
)

// rehearsalToken is in the place of a checkpoint token. It is nobody's.
const rehearsalToken = "rehearsal"

// Rehearsal returns an invocation as the next one of an open execution would
// be, to find out whether code that has changed can take it on. It has all
// operations at once, and a token with which nothing can be checkpointed or
// read. The engine does not count it as an invocation, and wants no outcome. It
// is nil if the execution has closed.
//
// The invoker must know that it is a rehearsal: code that does not would run
// the bodies of its steps. Processes with package durable know it from
// [protocol.RehearsalVariable].
func (e *Engine) Rehearsal(ctx context.Context, arn string, timeout time.Duration) (inv *Invocation, err error) {
	err = e.view(ctx, arn, func(l *live) {
		if l.x.Status().Closed() {
			return
		}
		id := l.x.Identity()
		ops, _ := l.x.Page(0, math.MaxInt, math.MaxInt)
		inv = &Invocation{
			RequestID: uuid.NewString(), FunctionARN: id.ARN.FunctionARN(), ExecutionARN: arn,
			Timeout: timeout, TraceID: id.TraceHeader, TenantID: id.TenantID,
			Payload: protocol.AppendInput(nil, &protocol.InvocationInput{
				DurableExecutionArn:   arn,
				CheckpointToken:       rehearsalToken,
				InitialExecutionState: protocol.InitialState{Operations: ops},
				UpdatedOperationIds:   l.x.Updated(),
			}),
		}
	})
	return inv, err
}
