package survivaltest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// Service is an engine, or a fleet of equal nodes, as a client sees it: each request goes to the next node. Nothing is
// retried but by those methods that say so.
type Service struct {
	*lambda.Client
	*Turns
	http *http.Client
}

// NewService makes a client of the nodes with these addresses, for n callers at one time, which keep their
// connections.
func NewService(n int, addresses ...string) *Service {
	turns := &Turns{addresses: addresses, to: &http.Transport{MaxIdleConnsPerHost: n}}
	s := &Service{Turns: turns, http: &http.Client{Transport: turns}}
	s.Client = lambda.New(lambda.Options{
		BaseEndpoint: aws.String("http://127.0.0.1"), // the transport knows the nodes
		Region:       "us-east-1",
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "any", SecretAccessKey: "any"}, nil
		}),
		RetryMaxAttempts: 1,
		HTTPClient:       s.http,
	})
	return s
}

// Turns is a load balancer that knows nothing of the nodes behind it, and a client that repeats what fails as those of
// AWS do: three times in all, here by way of another node.
type Turns struct {
	to *http.Transport

	mu        sync.Mutex
	addresses []string
	next      int
	failures  []string
}

const tries = 3

// RoundTrip implements [http.RoundTripper].
func (t *Turns) RoundTrip(req *http.Request) (resp *http.Response, err error) {
	var body []byte
	if req.Body != nil {
		defer req.Body.Close()
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
	}
	nodes := t.turn()
	for try := 1; ; try++ {
		to := nodes[try%len(nodes)]
		again := req.Clone(req.Context())
		again.URL.Host, again.Host = to, to
		if req.Body != nil {
			again.Body = io.NopCloser(bytes.NewReader(body))
		}
		resp, err = t.to.RoundTrip(again)
		failed := err != nil || resp.StatusCode >= http.StatusInternalServerError
		switch {
		case !failed || req.Context().Err() != nil:
			return resp, err
		case try == tries:
			t.note(again, resp, err)
			return resp, err
		}
		if err == nil {
			resp.Body.Close()
		}
		_ = pause(req.Context())
	}
}

// turn returns the nodes, beginning with the one whose turn it is.
func (t *Turns) turn() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next++
	n := t.next % len(t.addresses)
	return slices.Concat(t.addresses[n:], t.addresses[:n])
}

// Add adds a node.
func (t *Turns) Add(address string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.addresses = append(t.addresses, address)
}

// Remove takes a node out.
func (t *Turns) Remove(address string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.addresses = slices.DeleteFunc(slices.Clone(t.addresses), func(a string) bool { return a == address })
}

// maxFailures bounds what is kept of failures.
const maxFailures = 100

func (t *Turns) note(req *http.Request, resp *http.Response, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.failures) < maxFailures {
		what := fmt.Sprint(err)
		if err == nil {
			what = resp.Status
		}
		t.failures = append(t.failures, fmt.Sprintf("%s %s %s: %s", time.Now().Format("15:04:05.000"), req.Method, req.URL, what))
	}
}

// Failures are the first requests that failed in the end.
func (t *Turns) Failures() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.failures)
}

// Patience bounds how long an order may take beside its waits: kills in a row make the engine pause up to a minute
// before it tries again.
const Patience = 3 * time.Minute

// Job is the event of an order.
type Job struct {
	WaitSeconds int `json:"wait_seconds"`
	// Approval has the order wait for a callback, whose id the function writes down: see [Service.Approve].
	Approval bool `json:"approval,omitempty"`
	// Child has the order invoke another one.
	Child bool `json:"child,omitempty"`
}

// Start starts an order by name until that is acknowledged.
func (s *Service) Start(ctx context.Context, name string, job Job) (arn string, err error) {
	for {
		out, err := s.invoke(ctx, order(name, job, types.InvocationTypeEvent), tryTime)
		if err == nil {
			return aws.ToString(out.DurableExecutionArn), nil
		}
		if pause(ctx) != nil {
			return "", fmt.Errorf("%s was never started: %w", name, err)
		}
	}
}

// Attend invokes an order by name and waits on the line for its result. When the line breaks it calls again: the name
// brings it back to the same order.
func (s *Service) Attend(ctx context.Context, name string, job Job) (arn string, err error) {
	ctx, cancel := context.WithTimeout(ctx, Patience+time.Duration(job.WaitSeconds)*time.Second)
	defer cancel()
	for {
		out, err := s.invoke(ctx, order(name, job, types.InvocationTypeRequestResponse), Patience)
		if err == nil {
			if arn = aws.ToString(out.DurableExecutionArn); out.FunctionError != nil {
				err = fmt.Errorf("%s failed: %s", arn, out.Payload)
			}
			return arn, err
		}
		if pause(ctx) != nil {
			return "", fmt.Errorf("%s had no result within its time: %w", name, err)
		}
	}
}

// Run starts an order by name until that is acknowledged, does something with it, and waits until it has closed.
func (s *Service) Run(ctx context.Context, name string, job Job,
	do func(ctx context.Context, arn string) error) (arn string, err error) {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	if arn, err = s.Start(ctx, name, job); err != nil {
		return "", err
	}
	time.Sleep(rand.N(200 * time.Millisecond)) // it is anywhere now
	if err := do(ctx, arn); err != nil {
		return arn, err
	}
	for {
		closed, err := s.Closed(ctx, arn)
		if closed {
			return arn, nil
		}
		if pause(ctx) != nil {
			return arn, fmt.Errorf("%s did not close within %v: %w", arn, Patience, err)
		}
	}
}

// tryTime bounds one try of a request that is answered at once: its node may have been stopped in the middle.
const tryTime = 10 * time.Second

func (s *Service) invoke(ctx context.Context, in *lambda.InvokeInput, limit time.Duration) (*lambda.InvokeOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return s.Invoke(ctx, in)
}

// Closed reports whether an order has ended.
func (s *Service) Closed(ctx context.Context, arn string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	out, err := s.GetDurableExecution(ctx, &lambda.GetDurableExecutionInput{DurableExecutionArn: &arn})
	return err == nil && out.EndTimestamp != nil, err
}

// Hold pauses an order for a moment, if it still can be. Both requests are repeated until they are acknowledged.
func (s *Service) Hold(ctx context.Context, arn string) error {
	token := fmt.Sprintf(`{"ClientToken":"%016x"}`, rand.Uint64())
	status, err := s.Insist(ctx, http.MethodPost, arn, "/pause", token)
	if err != nil || status == http.StatusConflict { // it has closed
		return err
	}
	time.Sleep(rand.N(300 * time.Millisecond))
	_, err = s.Insist(ctx, http.MethodPost, arn, "/resume", token)
	return err
}

// Insist makes a request about an execution until it is answered, and returns the status.
func (s *Service) Insist(ctx context.Context, method, arn, suffix, body string) (status int, err error) {
	return s.insist(ctx, method, "durable-executions/"+url.PathEscape(arn)+suffix, body)
}

// Try makes a request about an execution once, and returns the status.
func (s *Service) Try(ctx context.Context, method, arn, suffix string) (status int, err error) {
	return s.try(ctx, method, "durable-executions/"+url.PathEscape(arn)+suffix, "")
}

// Approve completes a callback until that is acknowledged. One that was completed is fine.
func (s *Service) Approve(ctx context.Context, callback, result string) error {
	status, err := s.insist(ctx, http.MethodPost,
		"durable-execution-callbacks/"+url.PathEscape(callback)+"/succeed", result)
	if err == nil && status != http.StatusOK && status != http.StatusBadRequest {
		err = fmt.Errorf("completing a callback: status %d", status)
	}
	return err
}

func (s *Service) insist(ctx context.Context, method, path, body string) (status int, err error) {
	for {
		status, err = s.try(ctx, method, path, body)
		if err == nil && status < http.StatusInternalServerError {
			return status, nil
		}
		if pause(ctx) != nil {
			return 0, fmt.Errorf("%s %s was never answered: status %d, %w", method, path, status, err)
		}
	}
}

func (s *Service) try(ctx context.Context, method, path, body string) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://127.0.0.1/2025-12-01/"+path, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// order is the request for an order.
func order(name string, job Job, how types.InvocationType) *lambda.InvokeInput {
	event, _ := json.Marshal(job)
	return &lambda.InvokeInput{
		FunctionName: aws.String("victim"), Qualifier: aws.String("$LATEST"), InvocationType: how,
		DurableExecutionName: &name, Payload: bytes.Clone(event),
	}
}

func pause(ctx context.Context) error {
	select {
	case <-time.After(50 * time.Millisecond):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
