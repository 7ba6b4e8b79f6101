package durabletest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/perdure/perdure/durable"
	remote "github.com/perdure/perdure/internal/client"
)

// The environment of tests that run against a deployed function; see [Cloud].
const (
	endpointVariable = "PERDURE_TEST_ENDPOINT"
	functionVariable = "PERDURE_TEST_FUNCTION"
	timeoutVariable  = "PERDURE_TEST_TIMEOUT"
)

// Cloud is an option of [Run] and [Drive] for a test that can also run against the function that is deployed under a
// name, through the Lambda API. Without more it does nothing, and the test runs in memory. The environment decides:
//
//	PERDURE_TEST_ENDPOINT=http://127.0.0.1:3001 go test   # against an engine
//	PERDURE_TEST_ENDPOINT=aws go test                     # against AWS
//
// The access key is, for an engine, the one of PERDURE_CREDENTIALS and PERDURE_PROFILE, as for the command perdure, and
// for AWS the one that AWS's tools would use, by AWS_PROFILE or AWS_ACCESS_KEY_ID, in the region of AWS_REGION or the
// profile. PERDURE_TEST_FUNCTION is the function to call in place of name; a * in it stands for the name, as in
// *-staging:live. Without an endpoint it means AWS.
//
// There, the handler is the deployed one, and the one that the test gives does not run. Time is real. The test waits as
// long as PERDURE_TEST_TIMEOUT says, such as 90s, by default 10 minutes, but not beyond the deadline of go test; then
// it fails. An execution that is still open when its test ends is stopped.
//
// What can only be done in memory skips the test, and says so: crashes, stubs, virtual time, timeouts of the test's
// own. There are no [Result.Logs]. The functions that the deployed one invokes are the deployed ones.
func Cloud(name string) durable.HandlerOption {
	return cloudOption{durable.WithErrors(), name}
}

// cloudOption is, to a handler, an option that changes nothing.
type cloudOption struct {
	durable.HandlerOption
	name string
}

// cloudOf is the deployed function of a test, or nil if it runs in memory.
func cloudOf(t *testing.T, opts []durable.HandlerOption) *cloud {
	t.Helper()
	for _, o := range opts {
		option, is := o.(cloudOption)
		endpoint, function := os.Getenv(endpointVariable), os.Getenv(functionVariable)
		if !is || endpoint == "" && function == "" {
			continue
		}
		c, err := newCloud(t, endpoint, cmp.Or(strings.ReplaceAll(function, "*", option.name), option.name))
		if err != nil {
			t.Fatalf("durabletest: %v", err)
		}
		return c
	}
	return nil
}

func newCloud(t *testing.T, endpoint, function string) (c *cloud, err error) {
	if function == "" {
		return nil, errors.New("Cloud needs the name of the function")
	}
	patience := 10 * time.Minute
	if text := os.Getenv(timeoutVariable); text != "" {
		if patience, err = time.ParseDuration(text); err != nil || patience <= 0 {
			return nil, fmt.Errorf("%s is %q, which is no time, such as 90s", timeoutVariable, text)
		}
	}
	c = &cloud{function: function, name: executionName(t.Name()), until: time.Now().Add(patience)}
	if deadline, ok := t.Deadline(); ok && deadline.Add(-forCleanup).Before(c.until) {
		c.until = deadline.Add(-forCleanup)
	}
	if endpoint == "" || endpoint == "aws" {
		if c.client, err = remote.AWS(); err != nil {
			return nil, fmt.Errorf("the test is to run on AWS, but %w", err)
		}
		return c, nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%s is %q; it is the URL of an engine, such as http://127.0.0.1:3001, or aws",
			endpointVariable, endpoint)
	}
	who := remote.IdentityFromEnvironment()
	key, err := who.Key()
	if err != nil {
		return nil, err
	}
	transport, err := who.Transport()
	if err != nil {
		return nil, err
	}
	c.client = &remote.Client{Endpoint: strings.TrimRight(endpoint, "/"), Key: key, Transport: transport}
	return c, nil
}

// forCleanup is left of the test's time when it gives up.
const forCleanup = 5 * time.Second

// executionName is a new one, by which a person knows the test.
func executionName(test string) string {
	const most = 24 // so that it fits with the UUID
	name := []byte(test[:min(len(test), most)])
	for i, c := range name {
		if c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			name[i] = '-'
		}
	}
	return string(name) + "-" + uuid.NewString()
}

// driveCloud is drive for a deployed function.
func (x *Execution) driveCloud(t *testing.T, c *cloud, act func(*testing.T, *Execution)) *outcome {
	t.Helper()
	x.t, x.cloud, x.service, x.actor, x.begun = t, c, c, goroutine(), make(chan struct{})
	defer x.leave()
	act(t, x)
	return x.finish()
}

// leave stops an execution that the test leaves open.
func (x *Execution) leave() {
	if x.arn == "" || x.cloud.ended {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), forCleanup)
	defer cancel()
	if err := x.cloud.client.Stop(ctx, x.arn, testEnded); err != nil {
		x.t.Logf("durabletest: the execution %s is left open: %v", x.arn, err)
	}
}

// inMemory skips a test that runs against a deployed function, and does what can only be done in memory.
func (x *Execution) inMemory(what string) {
	x.t.Helper()
	if x.cloud != nil {
		x.t.Skipf("durabletest: %s works only in memory, and this test runs against %s, in real time", what, x.cloud)
	}
}
