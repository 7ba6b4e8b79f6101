package lambdaapi

import (
	"context"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// maxAsyncCalls bounds the asynchronous calls of plain functions that wait or
// run. Each may hold an event of some megabytes.
const maxAsyncCalls = 1000

var errManyAsyncCalls = refusal(protocol.CodeTooManyRequests, "Rate Exceeded.")

// callLater calls a plain function for a caller that does not wait. Unlike a durable execution, such a call is lost
// when the process ends, and it is not repeated when the function fails.
func (a *api) callLater(ctx context.Context, req *engine.InvokeRequest) error {
	select {
	case a.asyncCalls <- struct{}{}:
	default:
		return errManyAsyncCalls
	}
	ctx = context.WithoutCancel(ctx)
	go func() {
		defer func() { <-a.asyncCalls }()
		result, err := a.engine.Call(ctx, req)
		switch {
		case err != nil:
			a.log.Warn("lambdaapi: an asynchronous call failed", "function", req.Function, "error", err)
		case result.Status != protocol.ExecutionSucceeded:
			a.log.Warn("lambdaapi: a function failed that was called asynchronously",
				"function", req.Function, "error", result.Error.ErrorMessage)
		}
	}()
	return nil
}
