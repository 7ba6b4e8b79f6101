package main

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/cli/progress"
	"github.com/perdure/perdure/protocol"
)

// isPlain reports whether a function is known not to be durable: it is called,
// and has no executions.
func (r *remote) isPlain(ctx context.Context, function string) bool {
	out, err := r.api.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: aws.String(qualified(function))})
	return err == nil && out.DurableConfig == nil // any error shows again when it is invoked
}

// callPlain calls a plain function and prints its answer; or does not wait for it.
func (v *invokeVerb) callPlain(ctx context.Context, std *stdio, r *remote, function string, event []byte) error {
	if v.name != "" {
		return cli.Usagef("function %s is not durable, so there is no execution to name", function)
	}
	in := &lambda.InvokeInput{FunctionName: aws.String(qualified(function)), InvocationType: types.InvocationTypeRequestResponse, Payload: event}
	if v.noWait || !v.wait {
		in.InvocationType = types.InvocationTypeEvent
	}
	out, err := r.api.Invoke(ctx, in)
	switch {
	case err != nil:
		return r.fault(ctx, err)
	case in.InvocationType == types.InvocationTypeEvent:
		return nil
	case out.FunctionError != nil:
		return failedCall(std, function, out.Payload)
	}
	if _, err := std.out.Write(append(out.Payload, '\n')); err != nil {
		return cli.Faultf("cannot write the result: %v", err)
	}
	return nil
}

// failedCall is the problem of a plain function that failed.
func failedCall(std *stdio, function string, document []byte) error {
	var d struct {
		Type    string          `json:"errorType"`
		Message string          `json:"errorMessage"`
		Trace   json.RawMessage `json:"stackTrace"`
	}
	if json.Unmarshal(document, &d) != nil {
		d.Message = string(document)
	}
	e := &protocol.ErrorObject{ErrorType: d.Type, ErrorMessage: d.Message, StackTrace: protocol.DecodeTrace(d.Trace)}
	writeStack(std.err, e)
	return &cli.Problem{Status: cli.StatusFailed, Message: "function " + function + " failed: " + progress.ErrorLine(e)}
}
