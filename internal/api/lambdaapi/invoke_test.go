package lambdaapi

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

const invokePath = "/2015-03-31/functions/order/invocations"

// closedWith is an engine whose executions have all ended with result.
func closedWith(result *engine.Result) *fakeEngine {
	return &fakeEngine{
		lookup: durableFunction(engine.DurableConfig{ExecutionTimeout: time.Hour}),
		start: func(*engine.InvokeRequest) (*engine.Started, error) {
			return &engine.Started{ARN: testARN, Version: "7", Durable: true}, nil
		},
		wait: func(_ context.Context, arn string) (*engine.Result, error) { return result, nil },
	}
}

func TestInvokeDurable(t *testing.T) {
	e := closedWith(&engine.Result{Status: protocol.ExecutionSucceeded, Payload: new(` {"total": 3}`)})
	e.logTail = "one\ntwo\n"
	var got *engine.InvokeRequest
	start := e.start
	e.start = func(req *engine.InvokeRequest) (*engine.Started, error) { got = req; return start(req) }
	url, _ := serve(t, e, nil)
	out, err := sdkClient(url).Invoke(t.Context(), &lambda.InvokeInput{
		FunctionName: aws.String("order"), Qualifier: aws.String("7"), DurableExecutionName: aws.String("first"),
		TenantId: aws.String("blue"),
		Payload:  []byte(`{"id": 1}`), ClientContext: aws.String(base64.StdEncoding.EncodeToString([]byte(`{"a":1}`))),
		LogType: types.LogTypeTail,
	})
	if err != nil {
		t.Fatal(err)
	}
	wantRequest := &engine.InvokeRequest{Function: "order", Qualifier: "7", Name: "first", TenantID: "blue", Payload: []byte(`{"id": 1}`),
		ClientContext: `{"a":1}`, LogTail: true}
	got.TraceHeader, got.RequestID = "", "" // the client sends its own trace, if any; ids are random
	if diff := cmp.Diff(wantRequest, got); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	want := &lambda.InvokeOutput{StatusCode: 200, Payload: []byte(` {"total": 3}`), ExecutedVersion: aws.String("7"),
		DurableExecutionArn: aws.String(testARN), LogResult: aws.String("b25lCnR3bwo=")}
	if diff := cmp.Diff(want, out, ignoreSDK); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

// Tags travel in a header of ours, which may be there several times.
func TestInvokeWithTags(t *testing.T) {
	for _, test := range []struct {
		headers []string
		want    map[string]string
		code    int
	}{
		{[]string{"team=red&t%C3%BCr%20zu=a%3Db%20%2B+c"}, map[string]string{"team": "red", "tür zu": "a=b + c"}, 202},
		{[]string{"a=1", "b=2"}, map[string]string{"a": "1", "b": "2"}, 202}, {[]string{""}, nil, 202}, {nil, nil, 202},
		{[]string{"a=1&a=2"}, nil, 400}, {[]string{"aws:a=1"}, nil, 400}, {[]string{"=1"}, nil, 400}, {[]string{"a=%zz"}, nil, 400},
		{[]string{"a=%FF"}, nil, 400}, {[]string{"a=" + strings.Repeat("x", 257)}, nil, 400},
	} {
		var got *engine.InvokeRequest
		e := closedWith(&engine.Result{Status: protocol.ExecutionSucceeded})
		start := e.start
		e.start = func(req *engine.InvokeRequest) (*engine.Started, error) {
			got = req
			if err := engine.CheckTags(req.Tags); err != nil {
				return nil, err
			}
			return start(req)
		}
		url, _ := serve(t, e, nil)
		req, err := http.NewRequest("POST", url+"/2015-03-31/functions/order/invocations", strings.NewReader("1"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header["X-Perdure-Tags"] = test.headers
		req.Header.Set("X-Amz-Invocation-Type", "Event")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != test.code {
			t.Errorf("%q: got %d, want %d", test.headers, resp.StatusCode, test.code)
		}
		if test.code == 202 && (got == nil || !maps.Equal(got.Tags, test.want)) {
			t.Errorf("%q: got %+v, want %q", test.headers, got, test.want)
		}
	}
}

func TestInvokeDurableThatEndedBadly(t *testing.T) {
	for _, test := range []struct {
		name   string
		result engine.Result
		want   string
	}{
		{"failed", engine.Result{Status: protocol.ExecutionFailed,
			Error: &protocol.ErrorObject{ErrorType: "Declined", ErrorMessage: "<no>", ErrorData: "d", StackTrace: []string{"at pay"}}},
			`{"errorType":"Declined","errorMessage":"<no>","errorData":"d","stackTrace":["at pay"]}`},
		{"stopped", engine.Result{Status: protocol.ExecutionStopped},
			`{"errorType":"Execution.Stopped","errorMessage":"The execution was stopped."}`},
		{"stopped with a reason", engine.Result{Status: protocol.ExecutionStopped, Error: &protocol.ErrorObject{ErrorMessage: "enough"}},
			`{"errorType":"Execution.Stopped","errorMessage":"enough"}`},
		{"timed out", engine.Result{Status: protocol.ExecutionTimedOut,
			Error: &protocol.ErrorObject{ErrorMessage: "Execution timed out after 60 seconds."}},
			`{"errorType":"Execution.TimedOut","errorMessage":"Execution timed out after 60 seconds."}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			url, _ := serve(t, closedWith(&test.result), nil)
			out, err := sdkClient(url).Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("order")})
			if err != nil {
				t.Fatal(err)
			}
			if out.StatusCode != 200 || aws.ToString(out.FunctionError) != "Unhandled" || string(out.Payload) != test.want {
				t.Errorf("got %d, %q, %s, want 200, Unhandled, %s", out.StatusCode, aws.ToString(out.FunctionError), out.Payload, test.want)
			}
		})
	}
}

func TestInvokeWithoutResult(t *testing.T) {
	url, _ := serve(t, closedWith(&engine.Result{Status: protocol.ExecutionSucceeded}), nil)
	if got := request(t, url, "POST", invokePath, ""); got.body != "null" {
		t.Errorf("got %q, want null", got.body)
	}
}

func TestInvokeEventAndDryRun(t *testing.T) {
	e := closedWith(nil)
	e.wait = nil // nobody waits
	starts := 0
	start := e.start
	e.start = func(req *engine.InvokeRequest) (*engine.Started, error) { starts++; return start(req) }
	url, _ := serve(t, e, nil)
	for _, test := range []struct {
		kind   types.InvocationType
		status int32
		arn    string
	}{{types.InvocationTypeDryRun, 204, ""}, {types.InvocationTypeEvent, 202, testARN}} {
		out, err := sdkClient(url).Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("order"), InvocationType: test.kind})
		if err != nil {
			t.Fatal(err)
		}
		if out.StatusCode != test.status || aws.ToString(out.DurableExecutionArn) != test.arn || len(out.Payload) != 0 {
			t.Errorf("%s: got %d, %q, %q", test.kind, out.StatusCode, aws.ToString(out.DurableExecutionArn), out.Payload)
		}
	}
	if starts != 1 {
		t.Errorf("got %d executions, want 1", starts)
	}
}

func TestInvokePlain(t *testing.T) {
	for _, test := range []struct {
		name    string
		result  engine.Result
		payload string
		failed  bool
	}{
		{"answer", engine.Result{Status: protocol.ExecutionSucceeded, Payload: new("5")}, "5", false},
		{"error as reported", engine.Result{Status: protocol.ExecutionFailed, Error: &protocol.ErrorObject{},
			ErrorPayload: []byte(`{"errorMessage":"x","trace":[]}`)}, `{"errorMessage":"x","trace":[]}`, true},
		{"crash", engine.Result{Status: protocol.ExecutionFailed, Error: &protocol.ErrorObject{ErrorType: "Runtime.ExitError"}},
			`{"errorType":"Runtime.ExitError","errorMessage":""}`, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := &fakeEngine{lookup: plainFunction, call: func(*engine.InvokeRequest) (*engine.Result, error) { return &test.result, nil }}
			url, _ := serve(t, e, &Options{Strict: true})
			out, err := sdkClient(url).Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("plain")})
			if err != nil {
				t.Fatal(err)
			}
			if string(out.Payload) != test.payload || (out.FunctionError != nil) != test.failed ||
				aws.ToString(out.ExecutedVersion) != "$LATEST" || out.DurableExecutionArn != nil {
				t.Errorf("got %s, failed %v, version %q", out.Payload, out.FunctionError != nil, aws.ToString(out.ExecutedVersion))
			}
		})
	}
}

// TestInvokePlainTellsTheRequestID: a plain function and its client know the
// call by the same id, so that a log line can be found from an answer.
func TestInvokePlainTellsTheRequestID(t *testing.T) {
	var told string
	e := &fakeEngine{lookup: plainFunction, call: func(req *engine.InvokeRequest) (*engine.Result, error) {
		told = req.RequestID
		return &engine.Result{Status: protocol.ExecutionSucceeded}, nil
	}}
	url, _ := serve(t, e, nil)
	got := request(t, url, "POST", invokePath, "5")
	if want := got.header.Get("x-amzn-RequestId"); told != want || want == "" {
		t.Errorf("the function was told %q, the client %q", told, want)
	}
}

// TestInvokePlainEvent: the call goes on after the answer.
func TestInvokePlainEvent(t *testing.T) {
	release, called := make(chan struct{}), make(chan string)
	e := &fakeEngine{lookup: plainFunction, call: func(req *engine.InvokeRequest) (*engine.Result, error) {
		<-release
		called <- string(req.Payload)
		return &engine.Result{Status: protocol.ExecutionSucceeded}, nil
	}}
	url, _ := serve(t, e, nil)
	if got := request(t, url, "POST", invokePath, "5", "X-Amz-Invocation-Type", "Event"); got.status != 202 {
		t.Fatalf("got %d, want 202", got.status)
	}
	close(release)
	if got := <-called; got != "5" {
		t.Errorf("got event %q, want 5", got)
	}
}

func TestInvokeTooManyEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		e := &fakeEngine{lookup: plainFunction, call: func(*engine.InvokeRequest) (*engine.Result, error) {
			<-release
			return nil, errors.New("closed")
		}}
		a := newAPI(e, e, &Options{Logger: quiet})
		for range maxAsyncCalls {
			if err := a.callLater(t.Context(), &engine.InvokeRequest{}); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.callLater(t.Context(), &engine.InvokeRequest{}); err != errManyAsyncCalls {
			t.Errorf("got %v, want %v", err, errManyAsyncCalls)
		}
		close(release)
		synctest.Wait()
		if err := a.callLater(t.Context(), &engine.InvokeRequest{}); err != nil {
			t.Errorf("after the others ended: %v", err)
		}
	})
}

func TestInvokeRefusals(t *testing.T) {
	const unqualified = "You cannot invoke a durable function using an unqualified ARN."
	event := []string{"X-Amz-Invocation-Type", "Event"}
	big := `"` + strings.Repeat("x", protocol.MaxPayload) + `"`
	for _, test := range []struct {
		name    string
		strict  bool
		path    string
		body    string
		header  []string
		status  int
		code    string
		message string
	}{
		{name: "unqualified, relaxed", path: invokePath, header: event, status: 202},
		{name: "unqualified, strict", strict: true, path: invokePath, header: event, status: 400, code: "InvalidParameterValueException",
			message: unqualified},
		{name: "unqualified dry run, strict", strict: true, path: invokePath, header: []string{"X-Amz-Invocation-Type", "DryRun"},
			status: 400, code: "InvalidParameterValueException", message: unqualified},
		{name: "qualified by query", strict: true, path: invokePath + "?Qualifier=$LATEST", header: event, status: 202},
		{name: "qualified by name", strict: true, path: "/2015-03-31/functions/order:7/invocations", header: event, status: 202},
		{name: "qualified by ARN", strict: true,
			path: "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Aorder%3A7/invocations", header: event,
			status: 202},
		{name: "unqualified ARN", strict: true,
			path: "/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:order/invocations", header: event, status: 400,
			code: "InvalidParameterValueException", message: unqualified},
		{name: "unqualified partial ARN", strict: true, path: "/2015-03-31/functions/000000000000:order/invocations", header: event,
			status: 400, code: "InvalidParameterValueException", message: unqualified},
		{name: "long and synchronous", strict: true, path: invokePath + "?Qualifier=7", status: 400, code: "InvalidParameterValueException",
			message: "You cannot synchronously invoke a durable function with an executionTimeout greater than 15 minutes."},
		{name: "large event, relaxed", path: invokePath, body: big, header: event, status: 202},
		{name: "large event, strict", strict: true, path: invokePath + "?Qualifier=7", body: big, header: event, status: 413,
			code:    "RequestTooLargeException",
			message: "Request must be smaller than 1048576 bytes for the InvokeFunction operation"},
		{name: "too large", path: invokePath, body: strings.Repeat("1", protocol.MaxSyncPayload+1), status: 413,
			code:    "RequestTooLargeException",
			message: "Request must be smaller than 6291456 bytes for the InvokeFunction operation"},
		{name: "largest", path: invokePath, body: strings.Repeat("1", protocol.MaxSyncPayload), status: 200},
		{name: "not JSON", path: invokePath, body: "{x}", status: 400, code: "InvalidRequestContentException",
			message: "Could not parse request body into json: invalid character 'x' looking for beginning of object key string"},
		{name: "not UTF-8", path: invokePath, body: "\"\xff\"", status: 400, code: "InvalidRequestContentException",
			message: "Could not parse request body into json: Invalid UTF-8"},
		{name: "bad name", path: invokePath, header: []string{"X-Amz-Durable-Execution-Name", "a b"}, status: 400,
			code: "ValidationException",
			message: "1 validation error detected: Value 'a b' at 'durableExecutionName' failed to satisfy constraint: Member must " +
				"satisfy regular expression pattern: [a-zA-Z0-9-_]+"},
		{name: "bad type and tenant", path: invokePath, header: []string{"X-Amz-Invocation-Type", "event", "X-Amz-Tenant-Id", "!"},
			status: 400, code: "ValidationException",
			message: `2 validation errors detected: Value 'event' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]; ` +
				`Value '!' at 'tenantId' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9\._:\/=+\-@ ]+`},
		{name: "bad function", path: "/2015-03-31/functions/a%2Fb/invocations", status: 400, code: "ValidationException",
			message: "1 validation error detected: Value 'a/b' at 'functionName' failed to satisfy constraint: Member must satisfy " +
				"regular expression pattern: " + functionNamePattern},
		{name: "bad client context", path: invokePath, header: []string{"X-Amz-Client-Context", "e30"}, status: 400,
			code:    "InvalidRequestContentException",
			message: "Client context must be a valid Base64-encoded JSON object."},
	} {
		t.Run(test.name, func(t *testing.T) {
			url, _ := serve(t, closedWith(&engine.Result{Status: protocol.ExecutionSucceeded}), &Options{Strict: test.strict})
			checkAnswer(t, request(t, url, "POST", test.path, test.body, test.header...), test.status, test.code, test.message)
		})
	}
}

// TestInvokeHangUp: a client that goes away ends the waiting and nothing else,
// and is not logged as a fault.
func TestInvokeHangUp(t *testing.T) {
	ctx, hangUp := context.WithCancel(t.Context())
	e := closedWith(nil)
	e.wait = func(ctx context.Context, _ string) (*engine.Result, error) {
		hangUp()
		<-ctx.Done()
		return nil, fmt.Errorf("waiting: %w", ctx.Err())
	}
	var logged bytes.Buffer
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(ctx, "POST", "http://localhost"+invokePath, nil)
	New(e, e, &Options{Logger: slog.New(slog.NewTextHandler(&logged, nil))}).ServeHTTP(w, r)
	if logged.Len() > 0 || w.Body.Len() > 0 {
		t.Errorf("got log %q and body %q, want neither", &logged, w.Body)
	}
}
