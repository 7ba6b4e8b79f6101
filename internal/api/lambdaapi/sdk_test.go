package lambdaapi

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// The tests in this file use AWS's own client: what it sends must reach the
// engine, and what the engine answers must reach its caller.

var ignoreSDK = cmp.Options{
	cmpopts.IgnoreUnexported(
		lambda.CheckpointDurableExecutionOutput{}, lambda.GetDurableExecutionStateOutput{},
		lambda.GetDurableExecutionOutput{}, lambda.GetDurableExecutionHistoryOutput{},
		lambda.ListDurableExecutionsByFunctionOutput{}, lambda.StopDurableExecutionOutput{}, lambda.InvokeOutput{},
		types.Operation{}, types.StepDetails{}, types.ErrorObject{}, types.CheckpointUpdatedExecutionState{},
		types.ExecutionDetails{}, types.TraceHeader{}, types.DurableConfig{}, types.Event{}, types.EventInput{},
		types.ExecutionStartedDetails{}, types.EventResult{}, types.StepSucceededDetails{}, types.RetryDetails{},
		types.Execution{}, types.ContextDetails{}, types.CallbackDetails{}, types.WaitDetails{},
	),
	cmpopts.IgnoreFields(lambda.CheckpointDurableExecutionOutput{}, "ResultMetadata"),
	cmpopts.IgnoreFields(lambda.GetDurableExecutionStateOutput{}, "ResultMetadata"),
	cmpopts.IgnoreFields(lambda.GetDurableExecutionOutput{}, "ResultMetadata"),
	cmpopts.IgnoreFields(lambda.GetDurableExecutionHistoryOutput{}, "ResultMetadata"),
	cmpopts.IgnoreFields(lambda.ListDurableExecutionsByFunctionOutput{}, "ResultMetadata"),
	cmpopts.IgnoreFields(lambda.StopDurableExecutionOutput{}, "ResultMetadata"),
	cmpopts.IgnoreFields(lambda.InvokeOutput{}, "ResultMetadata"),
}

const testMillis = protocol.Timestamp(1_760_000_000_123)

func moment() *time.Time { return aws.Time(testMillis.Time()) }

func TestSDKCheckpoint(t *testing.T) {
	var got *engine.CheckpointRequest
	e := &fakeEngine{checkpoint: func(req *engine.CheckpointRequest) (*engine.CheckpointReply, error) {
		got = req
		return &engine.CheckpointReply{Token: "bmV4dA==", Operations: []*protocol.Operation{
			{ID: "1", Type: protocol.TypeStep, Status: protocol.StatusPending, Name: "charge", SubType: "Step", Start: testMillis,
				Attempt: 1, NextAttempt: testMillis, Payload: new("state"),
				Error: &protocol.ErrorObject{ErrorType: "Declined", StackTrace: []string{"at pay"}}},
			{ID: "2", Type: protocol.TypeCallback, Status: protocol.StatusStarted, Start: testMillis, CallbackID: testID},
		}}, nil
	}}
	url, _ := serve(t, e, nil)
	out, err := sdkClient(url).CheckpointDurableExecution(t.Context(), &lambda.CheckpointDurableExecutionInput{
		DurableExecutionArn: aws.String(testARN),
		CheckpointToken:     aws.String(testToken),
		ClientToken:         aws.String("once"),
		Updates: []types.OperationUpdate{
			{Id: aws.String("1"), Type: types.OperationTypeStep, Action: types.OperationActionRetry, ParentId: aws.String("0"),
				Name: aws.String("charge"), SubType: aws.String("Step"), Payload: aws.String("\u2028 \"quoted\" <b> 𝄞"),
				Error: &types.ErrorObject{ErrorMessage: aws.String("no"), ErrorType: aws.String("Declined"),
					ErrorData: aws.String("{}"), StackTrace: []string{"a", "b"}},
				StepOptions: &types.StepOptions{NextAttemptDelaySeconds: aws.Int32(5)}},
			{Id: aws.String("2"), Type: types.OperationTypeCallback, Action: types.OperationActionStart,
				CallbackOptions: &types.CallbackOptions{TimeoutSeconds: 60, HeartbeatTimeoutSeconds: 10}},
			{Id: aws.String("3"), Type: types.OperationTypeChainedInvoke, Action: types.OperationActionStart, Payload: aws.String(""),
				ChainedInvokeOptions: &types.ChainedInvokeOptions{FunctionName: aws.String("bill:7"), TenantId: aws.String("t"),
					XAmznTraceId: aws.String("Root=1")}},
			{Id: aws.String("4"), Type: types.OperationTypeWait, Action: types.OperationActionStart,
				WaitOptions: &types.WaitOptions{WaitSeconds: aws.Int32(9)}},
			{Id: aws.String("5"), Type: types.OperationTypeContext, Action: types.OperationActionSucceed,
				ContextOptions: &types.ContextOptions{ReplayChildren: aws.Bool(true)}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	wantRequest := &engine.CheckpointRequest{ARN: testARN, Token: testToken, ClientToken: "once", Updates: []protocol.Update{
		{ID: "1", Type: protocol.TypeStep, Action: protocol.ActionRetry, ParentID: "0", Name: "charge", SubType: "Step",
			Payload:     new("\u2028 \"quoted\" <b> 𝄞"),
			Error:       &protocol.ErrorObject{ErrorMessage: "no", ErrorType: "Declined", ErrorData: "{}", StackTrace: []string{"a", "b"}},
			StepOptions: &protocol.StepOptions{NextAttemptDelaySeconds: 5}},
		{ID: "2", Type: protocol.TypeCallback, Action: protocol.ActionStart,
			CallbackOptions: &protocol.CallbackOptions{TimeoutSeconds: 60, HeartbeatTimeoutSeconds: 10}},
		{ID: "3", Type: protocol.TypeChainedInvoke, Action: protocol.ActionStart, Payload: new(""),
			ChainedInvokeOptions: &protocol.ChainedInvokeOptions{FunctionName: "bill:7", TenantID: "t", XAmznTraceID: "Root=1"}},
		{ID: "4", Type: protocol.TypeWait, Action: protocol.ActionStart, WaitOptions: &protocol.WaitOptions{WaitSeconds: 9}},
		{ID: "5", Type: protocol.TypeContext, Action: protocol.ActionSucceed,
			ContextOptions: &protocol.ContextOptions{ReplayChildren: true}},
	}}
	if diff := cmp.Diff(wantRequest, got); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	want := &lambda.CheckpointDurableExecutionOutput{
		CheckpointToken: aws.String("bmV4dA=="),
		NewExecutionState: &types.CheckpointUpdatedExecutionState{NextMarker: aws.String(""), Operations: []types.Operation{
			{Id: aws.String("1"), Type: types.OperationTypeStep, Status: types.OperationStatusPending, Name: aws.String("charge"),
				SubType: aws.String("Step"), StartTimestamp: moment(),
				StepDetails: &types.StepDetails{Attempt: 1, NextAttemptTimestamp: moment(), Result: aws.String("state"),
					Error: &types.ErrorObject{ErrorType: aws.String("Declined"), StackTrace: []string{"at pay"}}}},
			{Id: aws.String("2"), Type: types.OperationTypeCallback, Status: types.OperationStatusStarted, StartTimestamp: moment(),
				CallbackDetails: &types.CallbackDetails{CallbackId: aws.String(testID)}},
		}},
	}
	if diff := cmp.Diff(want, out, ignoreSDK); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

// TestSDKCheckpointWithoutToken is the answer to a batch that closed the
// execution, or that came too late.
func TestSDKCheckpointWithoutToken(t *testing.T) {
	e := &fakeEngine{checkpoint: func(*engine.CheckpointRequest) (*engine.CheckpointReply, error) {
		return &engine.CheckpointReply{}, nil
	}}
	url, _ := serve(t, e, nil)
	out, err := sdkClient(url).CheckpointDurableExecution(t.Context(), &lambda.CheckpointDurableExecutionInput{
		DurableExecutionArn: aws.String(testARN), CheckpointToken: aws.String(testToken),
	})
	if err != nil {
		t.Fatal(err)
	}
	if out.CheckpointToken != nil || out.NewExecutionState == nil || len(out.NewExecutionState.Operations) != 0 {
		t.Errorf("got %+v, want no token and an empty state", out)
	}
}

func TestSDKState(t *testing.T) {
	e := &fakeEngine{state: func(arn, token, marker string, maxItems int) ([]*protocol.Operation, string, error) {
		if arn != testARN || token != testToken || marker != "m 1" || maxItems != 1000 {
			t.Errorf("got state of %q, %q, %q, %d", arn, token, marker, maxItems)
		}
		return []*protocol.Operation{{ID: "e", Type: protocol.TypeExecution, Status: protocol.StatusStarted, Start: testMillis,
			Payload: new("{}")}}, "m 2", nil
	}}
	url, _ := serve(t, e, nil)
	out, err := sdkClient(url).GetDurableExecutionState(t.Context(), &lambda.GetDurableExecutionStateInput{
		DurableExecutionArn: aws.String(testARN), CheckpointToken: aws.String(testToken), Marker: aws.String("m 1"), MaxItems: 1000,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := &lambda.GetDurableExecutionStateOutput{NextMarker: aws.String("m 2"), Operations: []types.Operation{
		{Id: aws.String("e"), Type: types.OperationTypeExecution, Status: types.OperationStatusStarted, StartTimestamp: moment(),
			ExecutionDetails: &types.ExecutionDetails{InputPayload: aws.String("{}")}},
	}}
	if diff := cmp.Diff(want, out, ignoreSDK); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

func TestSDKDescribe(t *testing.T) {
	e := &fakeEngine{describe: func(arn string) (*engine.Description, error) {
		return &engine.Description{ARN: arn, Name: "first", FunctionARN: "arn:f:7", Version: "7", Status: protocol.ExecutionFailed,
			Started: testMillis, Closed: testMillis, Input: new("<in>"), Error: &protocol.ErrorObject{ErrorMessage: "no"},
			TraceHeader: "Root=1", ExecutionTimeout: 60, RetentionDays: 14}, nil
	}}
	url, _ := serve(t, e, nil)
	input := &lambda.GetDurableExecutionInput{DurableExecutionArn: aws.String(testARN)}
	got, err := sdkClient(url).GetDurableExecution(t.Context(), input)
	if err != nil {
		t.Fatal(err)
	}
	want := &lambda.GetDurableExecutionOutput{
		DurableExecutionArn: aws.String(testARN), DurableExecutionName: aws.String("first"), FunctionArn: aws.String("arn:f:7"),
		Version: aws.String("7"), Status: types.ExecutionStatusFailed, StartTimestamp: moment(), EndTimestamp: moment(),
		InputPayload: aws.String("<in>"), Error: &types.ErrorObject{ErrorMessage: aws.String("no")},
		TraceHeader:           &types.TraceHeader{XAmznTraceId: aws.String("Root=1")},
		DurableConfig:         &types.DurableConfig{ExecutionTimeout: aws.Int32(60), RetentionPeriodInDays: aws.Int32(14)},
		ExecutionDataIncluded: aws.Bool(true),
	}
	if diff := cmp.Diff(want, got, ignoreSDK); diff != "" {
		t.Errorf("with data (-want +got):\n%s", diff)
	}
	input.IncludeExecutionData = aws.Bool(false)
	if got, err = sdkClient(url).GetDurableExecution(t.Context(), input); err != nil {
		t.Fatal(err)
	}
	want.InputPayload, want.Error, want.ExecutionDataIncluded = nil, nil, aws.Bool(false)
	if diff := cmp.Diff(want, got, ignoreSDK); diff != "" {
		t.Errorf("without data (-want +got):\n%s", diff)
	}
}

func TestSDKHistory(t *testing.T) {
	e := &fakeEngine{history: func(req *engine.HistoryRequest) ([]*protocol.Event, string, error) {
		want := &engine.HistoryRequest{ARN: testARN, Marker: "m", MaxItems: 2, NewestFirst: true}
		if diff := cmp.Diff(want, req); diff != "" {
			t.Errorf("request (-want +got):\n%s", diff)
		}
		return []*protocol.Event{
			{Type: protocol.EventExecutionStarted, ID: 1, Time: testMillis, OpID: "0b1c", Payload: new("{}"), ExecutionTimeout: 60},
			{Type: protocol.EventStepSucceeded, ID: 3, Time: testMillis, OpID: "1", Payload: new("5"), CurrentAttempt: 1},
		}, "n", nil
	}}
	url, _ := serve(t, e, nil)
	out, err := sdkClient(url).GetDurableExecutionHistory(t.Context(), &lambda.GetDurableExecutionHistoryInput{
		DurableExecutionArn: aws.String(testARN), Marker: aws.String("m"), MaxItems: 2, ReverseOrder: aws.Bool(true),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := &lambda.GetDurableExecutionHistoryOutput{NextMarker: aws.String("n"), Events: []types.Event{
		{EventType: types.EventTypeExecutionStarted, EventId: aws.Int32(1), EventTimestamp: moment(), Id: aws.String("0b1c"),
			ExecutionStartedDetails: &types.ExecutionStartedDetails{ExecutionTimeout: aws.Int32(60),
				Input: &types.EventInput{Payload: aws.String("{}"), Truncated: aws.Bool(false)}}},
		{EventType: types.EventTypeStepSucceeded, EventId: aws.Int32(3), EventTimestamp: moment(), Id: aws.String("1"),
			StepSucceededDetails: &types.StepSucceededDetails{Result: &types.EventResult{Payload: aws.String("5"),
				Truncated: aws.Bool(false)}, RetryDetails: &types.RetryDetails{CurrentAttempt: 1}}},
	}}
	if diff := cmp.Diff(want, out, ignoreSDK); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

func TestSDKList(t *testing.T) {
	e := &fakeEngine{list: func(req *engine.ListRequest) ([]engine.Summary, string, error) {
		want := &engine.ListRequest{Filter: engine.Filter{
			Function: "arn:aws:lambda:us-east-1:000000000000:function:order", Qualifier: "7", Name: "first",
			Statuses:     []protocol.ExecutionStatus{protocol.ExecutionPaused, protocol.ExecutionRunning},
			StartedAfter: testMillis, StartedBefore: 1_760_000_001_000}, OldestFirst: true, Marker: "m", MaxItems: 3}
		if diff := cmp.Diff(want, req); diff != "" {
			t.Errorf("request (-want +got):\n%s", diff)
		}
		return []engine.Summary{{ARN: testARN, Name: "first", FunctionARN: "arn:f", Status: protocol.ExecutionRunning,
			Started: testMillis}}, "", nil
	}}
	url, _ := serve(t, e, nil)
	out, err := sdkClient(url).ListDurableExecutionsByFunction(t.Context(), &lambda.ListDurableExecutionsByFunctionInput{
		FunctionName: aws.String("arn:aws:lambda:us-east-1:000000000000:function:order"), Qualifier: aws.String("7"),
		DurableExecutionName: aws.String("first"),
		Statuses:             []types.ExecutionStatus{"PAUSED", types.ExecutionStatusRunning},
		StartedAfter:         moment(), StartedBefore: aws.Time(time.Unix(1_760_000_001, 0)), ReverseOrder: aws.Bool(true),
		Marker:   aws.String("m"),
		MaxItems: 3,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := &lambda.ListDurableExecutionsByFunctionOutput{DurableExecutions: []types.Execution{
		{DurableExecutionArn: aws.String(testARN), DurableExecutionName: aws.String("first"), FunctionArn: aws.String("arn:f"),
			Status: types.ExecutionStatusRunning, StartTimestamp: moment()},
	}}
	if diff := cmp.Diff(want, out, ignoreSDK); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

func TestSDKStop(t *testing.T) {
	var got *protocol.ErrorObject
	e := &fakeEngine{stop: func(arn string, reason *protocol.ErrorObject) (protocol.Timestamp, error) {
		got = reason
		return testMillis, nil
	}}
	url, _ := serve(t, e, nil)
	for _, test := range []struct {
		reason *types.ErrorObject
		want   *protocol.ErrorObject
	}{
		{nil, &protocol.ErrorObject{}},
		{&types.ErrorObject{ErrorMessage: aws.String("enough")}, &protocol.ErrorObject{ErrorMessage: "enough"}},
	} {
		out, err := sdkClient(url).StopDurableExecution(t.Context(), &lambda.StopDurableExecutionInput{
			DurableExecutionArn: aws.String(testARN), Error: test.reason,
		})
		if err != nil {
			t.Fatal(err)
		}
		if !out.StopTimestamp.Equal(*moment()) {
			t.Errorf("got stopped at %v, want %v", out.StopTimestamp, moment())
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("reason (-want +got):\n%s", diff)
		}
	}
}

func TestSDKCallbacks(t *testing.T) {
	var calls []string
	e := &fakeEngine{
		succeed: func(id string, result []byte) error {
			calls = append(calls, "succeed "+id+" "+string(result))
			return nil
		},
		fail: func(id string, e *protocol.ErrorObject) error {
			calls = append(calls, "fail "+id+" "+e.ErrorType)
			return nil
		},
		heartbeat: func(id string) error { calls = append(calls, "heartbeat "+id); return nil },
	}
	url, _ := serve(t, e, nil)
	c, id := sdkClient(url), aws.String(testID)
	if _, err := c.SendDurableExecutionCallbackHeartbeat(t.Context(),
		&lambda.SendDurableExecutionCallbackHeartbeatInput{CallbackId: id}); err != nil {
		t.Error(err)
	}
	if _, err := c.SendDurableExecutionCallbackSuccess(t.Context(),
		&lambda.SendDurableExecutionCallbackSuccessInput{CallbackId: id, Result: []byte("raw")}); err != nil {
		t.Error(err)
	}
	if _, err := c.SendDurableExecutionCallbackFailure(t.Context(),
		&lambda.SendDurableExecutionCallbackFailureInput{CallbackId: id,
			Error: &types.ErrorObject{ErrorType: aws.String("No")}}); err != nil {
		t.Error(err)
	}
	want := []string{"heartbeat " + testID, "succeed " + testID + " raw", "fail " + testID + " No"}
	if diff := cmp.Diff(want, calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// TestSDKErrors returns every error from the engine and expects the type, the
// message and the status that AWS's client makes of it.
func TestSDKErrors(t *testing.T) {
	is := func(target any) func(error) bool { return func(err error) bool { return errors.As(err, target) } }
	anyError := func(error) bool { return true }
	for _, test := range []struct {
		code   protocol.Code
		status int
		typed  func(error) bool
	}{
		{protocol.CodeInvalidParameter, 400, is(new(*types.InvalidParameterValueException))},
		{protocol.CodeValidation, 400, anyError},
		{protocol.CodeSerialization, 400, anyError},
		{protocol.CodeInvalidContent, 400, is(new(*types.InvalidRequestContentException))},
		{protocol.CodeNotFound, 404, is(new(*types.ResourceNotFoundException))},
		{protocol.CodeConflict, 409, is(new(*types.ResourceConflictException))},
		{protocol.CodeNotReady, 502, is(new(*types.ResourceNotReadyException))},
		{protocol.CodeAlreadyStarted, 409, is(new(*types.DurableExecutionAlreadyStartedException))},
		{protocol.CodeCallbackTimeout, 400, is(new(*types.CallbackTimeoutException))},
		{protocol.CodeTooManyRequests, 429, is(new(*types.TooManyRequestsException))},
		{protocol.CodeRequestTooLarge, 413, is(new(*types.RequestTooLargeException))},
		{protocol.CodeUnsupportedMedia, 415, is(new(*types.UnsupportedMediaTypeException))},
		{protocol.CodeUnrecognizedClient, 403, anyError},
		{protocol.CodeService, 500, is(new(*types.ServiceException))},
	} {
		t.Run(string(test.code), func(t *testing.T) {
			e := &fakeEngine{
				heartbeat: func(string) error { return protocol.Errorf(test.code, "why not") },
				lookup: func(string, string) (engine.Function, error) {
					return engine.Function{}, protocol.Errorf(test.code, "why not")
				},
				describe: func(string) (*engine.Description, error) { return nil, protocol.Errorf(test.code, "why not") },
			}
			url, _ := serve(t, e, nil)
			c := sdkClient(url)
			_, heartbeat := c.SendDurableExecutionCallbackHeartbeat(t.Context(),
				&lambda.SendDurableExecutionCallbackHeartbeatInput{CallbackId: aws.String(testID)})
			_, describe := c.GetDurableExecution(t.Context(), &lambda.GetDurableExecutionInput{DurableExecutionArn: aws.String(testARN)})
			_, invoke := c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("order")})
			for _, err := range []error{heartbeat, describe, invoke} {
				var api smithy.APIError
				if !errors.As(err, &api) || api.ErrorCode() != string(test.code) || api.ErrorMessage() != "why not" {
					t.Errorf("got %v, want code %s, message %q", err, test.code, "why not")
				}
			}
			if !test.typed(invoke) {
				t.Errorf("Invoke: got %T, want the exception's own type", errors.Unwrap(invoke))
			}
			var status interface{ HTTPStatusCode() int }
			if !errors.As(invoke, &status) || status.HTTPStatusCode() != test.status {
				t.Errorf("got status of %v, want %d", invoke, test.status)
			}
		})
	}
}

// TestSDKStaleToken: a function tells a stale token by this text.
func TestSDKStaleToken(t *testing.T) {
	e := &fakeEngine{checkpoint: func(*engine.CheckpointRequest) (*engine.CheckpointReply, error) {
		return nil, protocol.Errorf(protocol.CodeInvalidParameter, "%s", protocol.StaleTokenMessage)
	}}
	url, _ := serve(t, e, nil)
	_, err := sdkClient(url).CheckpointDurableExecution(context.Background(), &lambda.CheckpointDurableExecutionInput{
		DurableExecutionArn: aws.String(testARN), CheckpointToken: aws.String(testToken),
	})
	var invalid *types.InvalidParameterValueException
	if !errors.As(err, &invalid) || aws.ToString(invalid.Message) != "Invalid checkpoint token" || aws.ToString(invalid.Type) != "User" {
		t.Errorf("got %v, want InvalidParameterValueException: Invalid checkpoint token", err)
	}
}
