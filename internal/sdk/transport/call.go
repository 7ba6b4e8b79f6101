package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/perdure/perdure/internal/sdk/loopback"
	"github.com/perdure/perdure/internal/sdk/sign"
	"github.com/perdure/perdure/protocol"
)

// Limits of one call of the Lambda API. After a temporary refusal, or a lost connection, it is tried again, as by
// the AWS SDK.
const (
	callAttempts  = 3
	callTimeout   = 55 * time.Second // of one attempt
	callBackoff   = 2 * time.Second
	maxRetryAfter = time.Minute // longer ones are ignored
	maxReplySize  = loopback.MaxBody
	maxErrorSize  = 64 << 10
)

type apiCall struct {
	name   string // of the API's operation
	method string
	arn    string
	path   string // below the execution
	query  string // canonical: names in order, values escaped
	body   []byte

	minimal bool // see [protocol.CheckpointRequest]; a door knows it
}

// call makes a call, and has read look at the body of the service's reply, which is valid until read returns. The
// error is an [*apiError] if the service, or something on the way, refused.
func (c *lambdaClient) call(ctx context.Context, call *apiCall, read func(body []byte) error) error {
	for attempt := 1; ; attempt++ {
		err := c.attempt(ctx, call, read)
		if err == nil {
			return nil
		}
		delay, again := another(err)
		if !again || attempt == callAttempts || !pause(ctx, max(delay, rand.N(c.backoff<<(attempt-1)))) {
			return err
		}
	}
}

// another reports whether the call may soon succeed after err, and the delay that the service asks for.
func another(err error) (after time.Duration, again bool) {
	var refused *apiError
	if errors.As(err, &refused) {
		return refused.retryAfter, refused.temporary()
	}
	var lost *lostError
	var dns *net.DNSError
	return 0, errors.As(err, &lost) && !(errors.As(err, &dns) && dns.IsNotFound)
}

// pause waits. If the invocation would be over by then it returns false at once.
func pause(ctx context.Context, d time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= d {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// lostError says that a connection broke or timed out; the service may have got the request.
type lostError struct {
	call string
	err  error
}

func (e *lostError) Error() string { return e.call + ": " + e.err.Error() }

func (e *lostError) Unwrap() error { return e.err }

// attempt makes a call once, and has read look at the body of the reply, which is valid until read returns.
func (c *lambdaClient) attempt(ctx context.Context, call *apiCall, read func(body []byte) error) error {
	if c.door != nil {
		return c.throughDoor(ctx, call, read)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	req, err := c.request(ctx, call)
	if err != nil {
		return err
	}
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return &lostError{call.name, err}
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorSize))
		return newAPIError(call.name, resp.StatusCode, resp.Header.Get, body)
	}
	body, err := readBody(call.name, resp, maxReplySize)
	if err != nil {
		return err
	}
	return read(body)
}

// throughDoor is attempt on the engine that started this process. The path of its door is unguessable, so calls need
// no signature.
func (c *lambdaClient) throughDoor(ctx context.Context, call *apiCall, read func(body []byte) error) error {
	req := &loopback.Request{Method: call.method, Path: c.doorPath(call), Body: call.body, Trace: traceOf(ctx),
		Minimal: call.minimal}
	if call.body != nil {
		req.Type = "application/json"
	}
	var judged error
	err := c.door.Do(ctx, callTimeout, req, func(r *loopback.Reply) {
		if r.Status/100 != 2 {
			judged = newAPIError(call.name, r.Status, r.Header, r.Body[:min(len(r.Body), maxErrorSize)])
		} else {
			judged = read(r.Body)
		}
	})
	if err != nil {
		return &lostError{call.name, err}
	}
	return judged
}

// doorPath is the path and query of a call.
func (c *lambdaClient) doorPath(call *apiCall) string {
	path := make([]byte, 0, 512)
	path = protocol.AppendTexts(path, c.endpoint.EscapedPath(), executionsPath)
	path = protocol.AppendTexts(protocol.AppendEscaped(path, call.arn, 0), call.path)
	if call.query != "" {
		path = protocol.AppendTexts(path, "?", call.query)
	}
	return string(path)
}

const executionsPath = "/2025-12-01/durable-executions/"

// traceOf is the place of an invocation in a trace, as AWS's runtime client gives it to handlers.
func traceOf(ctx context.Context) string {
	if trace, ok := ctx.Value("x-amzn-trace-id").(string); ok && printable(trace) {
		return trace
	}
	return ""
}

// request builds the request: the execution's ARN is one segment of the path.
func (c *lambdaClient) request(ctx context.Context, call *apiCall) (*http.Request, error) {
	u := c.endpoint
	u.Path += executionsPath + call.arn + call.path
	u.RawPath += executionsPath + string(protocol.AppendEscaped(nil, call.arn, 0)) + call.path
	u.RawQuery = call.query
	req := (&http.Request{Method: call.method, URL: &u, Host: u.Host,
		Header: http.Header{"User-Agent": c.userAgent}}).WithContext(ctx)
	if call.body != nil {
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(call.body)), nil }
		req.Body, _ = req.GetBody()
		req.ContentLength = int64(len(call.body))
		req.Header["Content-Type"] = []string{"application/json"}
		// A nil value is not sent. It lets net/http send the request again, at once, if the kept connection is
		// dead, as after a freeze of the function.
		req.Header["X-Idempotency-Key"] = nil
	}
	if trace := traceOf(ctx); trace != "" {
		req.Header["X-Amzn-Trace-Id"] = []string{trace}
	}
	if c.signer == nil {
		return req, nil
	}
	creds, err := environmentCredentials()
	if err != nil {
		return nil, err
	}
	c.signer.Sign(req, call.body, creds, time.Now())
	return req, nil
}

// environmentCredentials are what Lambda gives to a function.
func environmentCredentials() (sign.Credentials, error) {
	c := sign.Credentials{
		KeyID: os.Getenv("AWS_ACCESS_KEY_ID"), Secret: os.Getenv("AWS_SECRET_ACCESS_KEY"),
		Session: os.Getenv("AWS_SESSION_TOKEN"),
	}
	if c.KeyID == "" || c.Secret == "" {
		return c, errors.New("perdure: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set; on Lambda and under " +
			"perdure they always are")
	}
	return c, nil
}

// printable reports whether s can be the value of a header.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}

// readBody reads the body of a reply, if it is not larger than limit.
func readBody(call string, resp *http.Response, limit int64) ([]byte, error) {
	buf := bytes.NewBuffer(make([]byte, 0, min(max(resp.ContentLength, 0), 1<<20)+bytes.MinRead))
	switch n, err := buf.ReadFrom(io.LimitReader(resp.Body, limit+1)); {
	case err != nil:
		return nil, &lostError{call, fmt.Errorf("the reply broke off: %w", err)}
	case n > limit:
		return nil, fmt.Errorf("%s: the service's reply is larger than %d bytes", call, limit)
	}
	return buf.Bytes(), nil
}

// UpdateSize is about the length of an update as JSON. Escapes in its texts are not counted, which would take as long
// as writing them.
func UpdateSize(u *protocol.Update) int {
	n := 100 + len(u.Name)
	if u.Payload != nil {
		n += len(*u.Payload)
	}
	if u.Error != nil {
		n += u.Error.Size()
	}
	return n
}
