package lambdaapi

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store/memstore"
	"github.com/perdure/perdure/protocol"
)

// orderFunction is a durable function without an SDK. It charges in a step,
// then waits for a callback, whose result is the result of the execution. All
// it knows comes from the envelope, and it checkpoints over HTTP.
type orderFunction struct {
	t         *testing.T
	client    *lambda.Client
	callbacks chan string // ids of the callbacks that it waits for
	tokens    chan string // tokens that it has used up
}

func (f *orderFunction) Invoke(ctx context.Context, inv *engine.Invocation) engine.Outcome {
	var in protocol.InvocationInput
	if err := json.Unmarshal(inv.Payload, &in); err != nil {
		f.t.Error(err)
	}
	for _, op := range in.InitialExecutionState.Operations {
		if op.Type == protocol.TypeCallback {
			return answerWith(protocol.InvocationOutput{Status: protocol.InvocationSucceeded, Result: op.Payload})
		}
	}
	out, err := f.client.CheckpointDurableExecution(ctx, &lambda.CheckpointDurableExecutionInput{
		DurableExecutionArn: aws.String(in.DurableExecutionArn),
		CheckpointToken:     aws.String(in.CheckpointToken),
		Updates: []types.OperationUpdate{
			{Id: aws.String("1"), Type: types.OperationTypeStep, Action: types.OperationActionStart, Name: aws.String("charge")},
			{Id: aws.String("1"), Type: types.OperationTypeStep, Action: types.OperationActionSucceed, Name: aws.String("charge"),
				Payload: aws.String(`"paid"`)},
			{Id: aws.String("2"), Type: types.OperationTypeCallback, Action: types.OperationActionStart, Name: aws.String("confirm")},
		},
	})
	if err != nil {
		return engine.Outcome{Error: &protocol.ErrorObject{ErrorMessage: err.Error()}}
	}
	f.tokens <- in.CheckpointToken
	state, err := f.client.GetDurableExecutionState(ctx, &lambda.GetDurableExecutionStateInput{
		DurableExecutionArn: aws.String(in.DurableExecutionArn), CheckpointToken: out.CheckpointToken,
	})
	if err != nil || len(state.Operations) != 3 { // the execution, the step and the callback
		f.t.Errorf("got state %+v, %v, want 3 operations", state, err)
	}
	for _, op := range out.NewExecutionState.Operations {
		if op.CallbackDetails != nil {
			f.callbacks <- *op.CallbackDetails.CallbackId
		}
	}
	return answerWith(protocol.InvocationOutput{Status: protocol.InvocationPending})
}

func answerWith(out protocol.InvocationOutput) engine.Outcome {
	payload, err := json.Marshal(out)
	if err != nil {
		return engine.Outcome{Error: &protocol.ErrorObject{ErrorMessage: err.Error()}}
	}
	return engine.Outcome{Payload: payload}
}

func realEngine(t *testing.T) *engine.Engine {
	t.Helper()
	e, err := engine.Open(t.Context(), memstore.New(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return e
}

// TestWithEngine takes one execution from its start to its end, with every
// operation of the API, and nothing but AWS's client on both sides.
func TestWithEngine(t *testing.T) {
	e := realEngine(t)
	url, logged := serve(t, e, nil)
	c := sdkClient(url)
	f := &orderFunction{t: t, client: c, callbacks: make(chan string, 1), tokens: make(chan string, 1)}
	err := e.Functions().Register(engine.Function{Name: "order", Version: "7", Invoker: f,
		Durable: &engine.DurableConfig{ExecutionTimeout: time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	start := &lambda.InvokeInput{FunctionName: aws.String("order:7"), DurableExecutionName: aws.String("first"),
		Payload: []byte(`{"id":1}`), InvocationType: types.InvocationTypeEvent}
	started, err := c.Invoke(t.Context(), start)
	if err != nil {
		t.Fatal(err)
	}
	arn := started.DurableExecutionArn

	id := aws.String(<-f.callbacks)
	if _, err := c.SendDurableExecutionCallbackHeartbeat(t.Context(),
		&lambda.SendDurableExecutionCallbackHeartbeatInput{CallbackId: id}); err != nil {
		t.Error(err)
	}
	succeed := &lambda.SendDurableExecutionCallbackSuccessInput{CallbackId: id, Result: []byte(`{"shipped":true}`)}
	if _, err := c.SendDurableExecutionCallbackSuccess(t.Context(), succeed); err != nil {
		t.Fatal(err)
	}
	start.InvocationType = types.InvocationTypeRequestResponse // the same name and event: it joins
	joined, err := c.Invoke(t.Context(), start)
	if err != nil {
		t.Fatal(err)
	}
	if string(joined.Payload) != `{"shipped":true}` || joined.FunctionError != nil || *joined.DurableExecutionArn != *arn ||
		*joined.ExecutedVersion != "7" {
		t.Errorf("got %s, %v, %s, %s", joined.Payload, joined.FunctionError, *joined.DurableExecutionArn, *joined.ExecutedVersion)
	}

	t.Run("describe", func(t *testing.T) {
		got, err := c.GetDurableExecution(t.Context(), &lambda.GetDurableExecutionInput{DurableExecutionArn: arn})
		if err != nil {
			t.Fatal(err)
		}
		if got.Status != types.ExecutionStatusSucceeded || aws.ToString(got.Result) != `{"shipped":true}` ||
			aws.ToString(got.InputPayload) != `{"id":1}` || got.EndTimestamp == nil {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("history", func(t *testing.T) {
		var got []string
		in := &lambda.GetDurableExecutionHistoryInput{DurableExecutionArn: arn, MaxItems: 3}
		for pages := lambda.NewGetDurableExecutionHistoryPaginator(c, in); pages.HasMorePages(); {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, ev := range page.Events {
				got = append(got, string(ev.EventType))
			}
		}
		want := []string{"ExecutionStarted", "StepStarted", "StepSucceeded", "CallbackStarted", "InvocationCompleted",
			"CallbackSucceeded", "InvocationCompleted", "ExecutionSucceeded"}
		if len(got) > 5 && got[4] == "CallbackSucceeded" { // the callback may beat the end of the invocation
			got[4], got[5] = got[5], got[4]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
	t.Run("list", func(t *testing.T) {
		got, err := c.ListDurableExecutionsByFunction(t.Context(), &lambda.ListDurableExecutionsByFunctionInput{
			FunctionName: aws.String("order"), Statuses: []types.ExecutionStatus{types.ExecutionStatusSucceeded}})
		if err != nil {
			t.Fatal(err)
		}
		if len(got.DurableExecutions) != 1 || *got.DurableExecutions[0].DurableExecutionArn != *arn {
			t.Errorf("got %+v", got.DurableExecutions)
		}
	})
	t.Run("stop of a closed execution", func(t *testing.T) {
		if _, err := c.StopDurableExecution(t.Context(), &lambda.StopDurableExecutionInput{DurableExecutionArn: arn}); err != nil {
			t.Error(err)
		}
	})
	t.Run("refusals", func(t *testing.T) {
		_, err := c.SendDurableExecutionCallbackSuccess(t.Context(), succeed)
		wantException[*types.CallbackTimeoutException](t, err)
		token := aws.String(<-f.tokens)
		_, err = c.CheckpointDurableExecution(t.Context(),
			&lambda.CheckpointDurableExecutionInput{DurableExecutionArn: arn, CheckpointToken: token})
		wantException[*types.InvalidParameterValueException](t, err)
		_, err = c.GetDurableExecutionState(t.Context(),
			&lambda.GetDurableExecutionStateInput{DurableExecutionArn: arn, CheckpointToken: token})
		wantException[*types.InvalidParameterValueException](t, err)
		start.Payload = []byte(`{"id":2}`)
		_, err = c.Invoke(t.Context(), start)
		wantException[*types.DurableExecutionAlreadyStartedException](t, err)
		_, err = c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("nobody")})
		wantException[*types.ResourceNotFoundException](t, err)
	})
	if logged.Len() > 0 {
		t.Errorf("got log %s, want none", logged)
	}
}

func wantException[T error](t *testing.T, err error) {
	t.Helper()
	var want T
	if !errors.As(err, &want) {
		t.Errorf("got %v, want a %T", err, want)
	}
}

// TestWithEngineStopped: whoever waits for an execution learns that it was
// stopped.
func TestWithEngineStopped(t *testing.T) {
	e := realEngine(t)
	url, _ := serve(t, e, nil)
	c := sdkClient(url)
	f := &orderFunction{t: t, client: c, callbacks: make(chan string, 1), tokens: make(chan string, 1)}
	if err := e.Functions().Register(engine.Function{Name: "order", Invoker: f,
		Durable: &engine.DurableConfig{ExecutionTimeout: time.Minute}}); err != nil {
		t.Fatal(err)
	}
	answer := make(chan *lambda.InvokeOutput)
	go func() {
		out, err := c.Invoke(context.Background(), &lambda.InvokeInput{FunctionName: aws.String("order")})
		if err != nil {
			t.Error(err)
		}
		answer <- out
	}()
	<-f.callbacks
	list, err := c.ListDurableExecutionsByFunction(t.Context(),
		&lambda.ListDurableExecutionsByFunctionInput{FunctionName: aws.String("order")})
	if err != nil || len(list.DurableExecutions) != 1 {
		t.Fatal(list, err)
	}
	_, err = c.StopDurableExecution(t.Context(), &lambda.StopDurableExecutionInput{
		DurableExecutionArn: list.DurableExecutions[0].DurableExecutionArn, Error: &types.ErrorObject{ErrorMessage: aws.String("enough")},
	})
	if err != nil {
		t.Fatal(err)
	}
	out := <-answer
	if want := `{"errorType":"Execution.Stopped","errorMessage":"enough"}`; string(out.Payload) != want ||
		aws.ToString(out.FunctionError) != "Unhandled" {
		t.Errorf("got %s, %s, want %s", out.Payload, aws.ToString(out.FunctionError), want)
	}
}
