package transport_test

import (
	"context"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/protocol"
)

// awsClient is the Lambda API through the AWS SDK's client: what ours must be
// like, for the service.
type awsClient struct{ api *lambda.Client }

// newAWSClient reads the same environment as ours.
func newAWSClient() durable.Client {
	return &awsClient{lambda.New(lambda.Options{
		Region:       os.Getenv("AWS_REGION"),
		BaseEndpoint: aws.String(os.Getenv("AWS_ENDPOINT_URL_LAMBDA")),
		HTTPClient:   &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{
				AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"),
				SessionToken: os.Getenv("AWS_SESSION_TOKEN"),
			}, nil
		}),
	})}
}

func (c *awsClient) Checkpoint(ctx context.Context, req *protocol.CheckpointRequest) (*protocol.CheckpointReply, error) {
	out, err := c.api.CheckpointDurableExecution(ctx, &lambda.CheckpointDurableExecutionInput{
		DurableExecutionArn: &req.ExecutionARN,
		CheckpointToken:     &req.Token,
		Updates:             toUpdates(req.Updates),
	})
	if err != nil {
		return nil, err
	}
	reply := &protocol.CheckpointReply{Token: aws.ToString(out.CheckpointToken)}
	if state := out.NewExecutionState; state != nil {
		reply.Operations = fromOperations(state.Operations)
	}
	return reply, nil
}

func (c *awsClient) State(ctx context.Context, req *protocol.StateRequest) (*protocol.StateReply, error) {
	out, err := c.api.GetDurableExecutionState(ctx, &lambda.GetDurableExecutionStateInput{
		DurableExecutionArn: &req.ExecutionARN,
		CheckpointToken:     &req.Token,
		Marker:              &req.Marker,
		MaxItems:            int32(req.MaxItems),
	})
	if err != nil {
		return nil, err
	}
	return &protocol.StateReply{Operations: fromOperations(out.Operations), NextMarker: aws.ToString(out.NextMarker)}, nil
}

func toUpdates(updates []protocol.Update) []types.OperationUpdate {
	out := make([]types.OperationUpdate, len(updates))
	for i := range updates {
		out[i] = toUpdate(&updates[i])
	}
	return out
}

func toUpdate(u *protocol.Update) types.OperationUpdate {
	out := types.OperationUpdate{
		Id:       &u.ID,
		Type:     types.OperationType(u.Type),
		Action:   types.OperationAction(u.Action),
		ParentId: optional(u.ParentID),
		Name:     optional(u.Name),
		SubType:  optional(u.SubType),
		Payload:  u.Payload,
		Error:    toError(u.Error),
	}
	if o := u.ContextOptions; o != nil {
		out.ContextOptions = &types.ContextOptions{ReplayChildren: &o.ReplayChildren}
	}
	if o := u.StepOptions; o != nil {
		out.StepOptions = &types.StepOptions{NextAttemptDelaySeconds: aws.Int32(int32(o.NextAttemptDelaySeconds))}
	}
	if o := u.WaitOptions; o != nil {
		out.WaitOptions = &types.WaitOptions{WaitSeconds: aws.Int32(int32(o.WaitSeconds))}
	}
	if o := u.CallbackOptions; o != nil {
		out.CallbackOptions = &types.CallbackOptions{
			TimeoutSeconds:          int32(o.TimeoutSeconds),
			HeartbeatTimeoutSeconds: int32(o.HeartbeatTimeoutSeconds),
		}
	}
	if o := u.ChainedInvokeOptions; o != nil {
		out.ChainedInvokeOptions = &types.ChainedInvokeOptions{
			FunctionName: &o.FunctionName,
			TenantId:     optional(o.TenantID),
			XAmznTraceId: optional(o.XAmznTraceID),
		}
	}
	return out
}

func toError(e *protocol.ErrorObject) *types.ErrorObject {
	if e == nil {
		return nil
	}
	return &types.ErrorObject{
		ErrorMessage: optional(e.ErrorMessage),
		ErrorType:    optional(e.ErrorType),
		ErrorData:    optional(e.ErrorData),
		StackTrace:   e.StackTrace,
	}
}

func fromOperations(ops []types.Operation) []*protocol.Operation {
	out := make([]*protocol.Operation, len(ops))
	for i := range ops {
		out[i] = fromOperation(&ops[i])
	}
	return out
}

func fromOperation(o *types.Operation) *protocol.Operation {
	out := &protocol.Operation{
		ID:       aws.ToString(o.Id),
		Type:     protocol.OperationType(o.Type),
		Status:   protocol.OperationStatus(o.Status),
		ParentID: aws.ToString(o.ParentId),
		Name:     aws.ToString(o.Name),
		SubType:  aws.ToString(o.SubType),
		Start:    timestamp(o.StartTimestamp),
		End:      timestamp(o.EndTimestamp),
	}
	if d := o.ExecutionDetails; d != nil {
		out.Payload = d.InputPayload
	}
	if d := o.ContextDetails; d != nil {
		out.ReplayChildren, out.Payload, out.Error = aws.ToBool(d.ReplayChildren), d.Result, fromError(d.Error)
	}
	if d := o.StepDetails; d != nil {
		out.Attempt, out.NextAttempt = int(d.Attempt), timestamp(d.NextAttemptTimestamp)
		out.Payload, out.Error = d.Result, fromError(d.Error)
	}
	if d := o.WaitDetails; d != nil {
		out.ScheduledEnd = timestamp(d.ScheduledEndTimestamp)
	}
	if d := o.CallbackDetails; d != nil {
		out.CallbackID, out.Payload, out.Error = aws.ToString(d.CallbackId), d.Result, fromError(d.Error)
	}
	if d := o.ChainedInvokeDetails; d != nil {
		out.Payload, out.Error = d.Result, fromError(d.Error)
	}
	return out
}

func fromError(e *types.ErrorObject) *protocol.ErrorObject {
	if e == nil {
		return nil
	}
	return &protocol.ErrorObject{
		ErrorMessage: aws.ToString(e.ErrorMessage),
		ErrorType:    aws.ToString(e.ErrorType),
		ErrorData:    aws.ToString(e.ErrorData),
		StackTrace:   e.StackTrace,
	}
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func timestamp(t *time.Time) protocol.Timestamp {
	if t == nil {
		return 0
	}
	return protocol.TimestampOf(*t)
}
