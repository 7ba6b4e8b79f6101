// Package httpfunction invokes functions behind an HTTP endpoint with Lambda's Invoke route, such as a container
// that has AWS's runtime interface emulator in it, or any other engine.
//
// # What an answer means
//
//	200                                       the function's payload
//	200 with X-Amz-Function-Error             the function's error document
//	200, an error document without the header the same: the emulator leaves the header out
//	200, "Task timed out after 3.00 seconds"  Sandbox.Timedout: so the emulator says it
//	502 with an error document                the function failed to initialise
//	any other status                          the function was not reached; Unstarted
//	no connection                             the same
//	the connection breaks                     Sandbox.Failure: what the function did is not known
//
// The emulator runs one invocation at a time and refuses more, so the default is one at a time here, too. It knows
// nothing of durable functions; they get their executions from the payload, and the endpoint of the Lambda API from
// their own environment, which must name this engine (AWS_ENDPOINT_URL_LAMBDA).
package httpfunction

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// maxAnswer bounds an answer, as on Lambda.
const maxAnswer = 6<<20 + 100

// placeTime bounds how long an invocation waits for a free place.
const placeTime = 10 * time.Second

// Config says where a function is. URL is required.
type Config struct {
	// URL is the whole Invoke route, such as http://127.0.0.1:9000/2015-03-31/functions/function/invocations.
	URL string
	// Timeout bounds invocations that have no timeout; the default is 3 s.
	Timeout time.Duration
	// Concurrency bounds invocations at one time; the default is 1.
	Concurrency int
	// Transport carries the requests; nil is a copy of http.DefaultTransport.
	Transport http.RoundTripper
}

// Function is a function behind an endpoint. Its methods may be called concurrently.
type Function struct {
	cfg    Config
	client http.Client
	places chan struct{}
}

var _ engine.Invoker = (*Function)(nil)

// New makes a function of an endpoint, which may not exist yet.
func New(cfg Config) (*Function, error) {
	if err := CheckURL(cfg.URL); err != nil {
		return nil, err
	}
	cfg.Timeout = cmp.Or(cfg.Timeout, 3*time.Second)
	cfg.Concurrency = cmp.Or(cfg.Concurrency, 1)
	if cfg.Transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = cfg.Concurrency
		cfg.Transport = t
	}
	f := &Function{cfg: cfg, places: make(chan struct{}, cfg.Concurrency)}
	f.client = http.Client{
		Transport:     cfg.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return f, nil
}

// CheckURL refuses what cannot be an endpoint.
func CheckURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return fmt.Errorf("%q is not a URL of a function: it looks like http://127.0.0.1:9000/2015-03-31/functions/function/invocations", s)
	}
	return nil
}

// Invoke implements [engine.Invoker].
func (f *Function) Invoke(ctx context.Context, inv *engine.Invocation) engine.Outcome {
	wait, stop := context.WithTimeout(ctx, placeTime)
	defer stop()
	select {
	case f.places <- struct{}{}:
		defer func() { <-f.places }()
	case <-wait.Done():
		return unreached(inv, "the endpoint is busy with other invocations")
	}
	timeout := cmp.Or(inv.Timeout, f.cfg.Timeout)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	out := f.post(ctx, inv)
	switch {
	case out.Error == nil, !errors.Is(ctx.Err(), context.DeadlineExceeded):
		return out
	}
	return failure(inv, protocol.ErrorTypeTimedOut, fmt.Sprintf("Task timed out after %.2f seconds", timeout.Seconds()))
}

// post sends the invocation and reads the answer.
func (f *Function) post(ctx context.Context, inv *engine.Invocation) engine.Outcome {
	req, err := f.request(ctx, inv)
	if err != nil {
		return unreached(inv, err.Error())
	}
	resp, err := f.client.Do(req)
	if err != nil {
		return broken(inv, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return broken(inv, err)
	}
	if len(body) > maxAnswer {
		return engine.Outcome{Error: &protocol.ErrorObject{
			ErrorType:    "Function.ResponseSizeTooLarge",
			ErrorMessage: fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", maxAnswer),
		}}
	}
	return read(inv, resp, body)
}

func (f *Function) request(ctx context.Context, inv *engine.Invocation) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.cfg.URL, bytes.NewReader(inv.Payload))
	if err != nil {
		return nil, err
	}
	h := req.Header
	h.Set("Content-Type", "application/json")
	h.Set("X-Amz-Invocation-Type", "RequestResponse")
	h.Set("X-Amzn-Requestid", inv.RequestID)
	for name, value := range map[string]string{"X-Amzn-Trace-Id": inv.TraceID, "X-Amz-Tenant-Id": inv.TenantID} {
		if value != "" {
			h.Set(name, value)
		}
	}
	if inv.ClientContext != "" {
		h.Set("X-Amz-Client-Context", base64.StdEncoding.EncodeToString([]byte(inv.ClientContext)))
	}
	return req, nil
}

// broken is the outcome of a request without an answer.
func broken(inv *engine.Invocation, err error) engine.Outcome {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return unreached(inv, "the function's endpoint is not there: "+err.Error())
	}
	return failure(inv, protocol.ErrorTypeSandboxFailure, "the function's endpoint did not answer: "+err.Error())
}

func failure(inv *engine.Invocation, errorType, text string) engine.Outcome {
	return engine.Outcome{Error: protocol.InvocationError(inv.RequestID, errorType, "%s", text)}
}

func unreached(inv *engine.Invocation, text string) engine.Outcome {
	out := failure(inv, protocol.ErrorTypeSandboxFailure, text)
	out.Unstarted = true
	return out
}
