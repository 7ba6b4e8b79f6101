package durable

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// lazyClient connects when it is first used, so that a function starts before
// the AWS client is set up.
type lazyClient struct {
	connect func() (Client, error)
	once    sync.Once
	client  Client
	err     error
}

func (c *lazyClient) get() (Client, error) {
	c.once.Do(func() { c.client, c.err = c.connect() })
	return c.client, c.err
}

func (c *lazyClient) Checkpoint(ctx context.Context, req *CheckpointRequest) (*CheckpointReply, error) {
	client, err := c.get()
	if err != nil {
		return nil, err
	}
	return client.Checkpoint(ctx, req)
}

func (c *lazyClient) State(ctx context.Context, req *StateRequest) (*StateReply, error) {
	client, err := c.get()
	if err != nil {
		return nil, err
	}
	return client.State(ctx, req)
}

// lambdaClient is the Lambda API. Its own client tries three times, each time
// with the same ClientToken, so a lost reply is not a lost checkpoint.
type lambdaClient struct {
	api *lambda.Client
}

// newLambdaClient reads what Lambda puts into the environment, and nothing
// else: the AWS SDK's config package looks in many more places, and starts up
// a hundred times slower.
func newLambdaClient() (Client, error) {
	opts := lambda.Options{
		Region:      firstEnv("AWS_REGION", "AWS_DEFAULT_REGION"),
		Credentials: aws.CredentialsProviderFunc(environmentCredentials),
		HTTPClient:  newHTTPClient(),
	}
	if endpoint := firstEnv("AWS_ENDPOINT_URL_LAMBDA", "AWS_ENDPOINT_URL"); endpoint != "" {
		opts.BaseEndpoint = &endpoint
		if os.Getenv("AWS_ACCESS_KEY_ID") == "" {
			opts.Credentials = aws.AnonymousCredentials{}
		}
	}
	if opts.Region == "" {
		return nil, errors.New("perdure: AWS_REGION is not set; on Lambda and under perdure it always is")
	}
	return &lambdaClient{api: lambda.New(opts)}, nil
}

func firstEnv(names ...string) string {
	for _, name := range names {
		if v := os.Getenv(name); v != "" {
			return v
		}
	}
	return ""
}

func environmentCredentials(context.Context) (aws.Credentials, error) {
	c := aws.Credentials{
		AccessKeyID:     os.Getenv("AWS_ACCESS_KEY_ID"),
		SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"),
		SessionToken:    os.Getenv("AWS_SESSION_TOKEN"),
		Source:          "environment",
	}
	if c.AccessKeyID == "" || c.SecretAccessKey == "" {
		return c, errors.New("perdure: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set; on Lambda and under perdure they always are")
	}
	return c, nil
}

// newHTTPClient has the time limits that the service's other SDKs have.
func newHTTPClient() *http.Client {
	return &http.Client{
		Timeout: 55 * time.Second,
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			TLSHandshakeTimeout:   5 * time.Second,
			ResponseHeaderTimeout: 50 * time.Second,
			ForceAttemptHTTP2:     true,
			MaxIdleConnsPerHost:   16,
			IdleConnTimeout:       90 * time.Second,
		},
	}
}

func (c *lambdaClient) Checkpoint(ctx context.Context, req *CheckpointRequest) (*CheckpointReply, error) {
	out, err := c.api.CheckpointDurableExecution(ctx, &lambda.CheckpointDurableExecutionInput{
		DurableExecutionArn: &req.ExecutionARN,
		CheckpointToken:     &req.Token,
		Updates:             toUpdates(req.Updates),
	})
	if err != nil {
		return nil, err
	}
	reply := &CheckpointReply{Token: aws.ToString(out.CheckpointToken)}
	if state := out.NewExecutionState; state != nil {
		reply.Operations = fromOperations(state.Operations)
		return reply, c.rest(ctx, req.ExecutionARN, aws.ToString(state.NextMarker), reply)
	}
	return reply, nil
}

// rest adds the further pages of a checkpoint's reply.
func (c *lambdaClient) rest(ctx context.Context, arn, marker string, reply *CheckpointReply) error {
	for marker != "" && reply.Token != "" {
		page, err := c.State(ctx, &StateRequest{ExecutionARN: arn, Token: reply.Token, Marker: marker})
		if err != nil {
			return err
		}
		reply.Operations, marker = append(reply.Operations, page.Operations...), page.NextMarker
	}
	return nil
}

func (c *lambdaClient) State(ctx context.Context, req *StateRequest) (*StateReply, error) {
	out, err := c.api.GetDurableExecutionState(ctx, &lambda.GetDurableExecutionStateInput{
		DurableExecutionArn: &req.ExecutionARN,
		CheckpointToken:     &req.Token,
		Marker:              &req.Marker,
		MaxItems:            int32(req.MaxItems),
	})
	if err != nil {
		return nil, err
	}
	return &StateReply{Operations: fromOperations(out.Operations), NextMarker: aws.ToString(out.NextMarker)}, nil
}
