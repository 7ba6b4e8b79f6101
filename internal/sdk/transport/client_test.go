package transport_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/internal/sdk/transport"
	"github.com/perdure/perdure/protocol"
)

const testARN = "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST/durable-execution/n/exec"

// apiRequest is what the Lambda API saw of one request.
type apiRequest struct {
	Method, Path, Query string
	Signed              bool
	Body                map[string]any
}

// lambdaAPI answers requests one after the other with the given answers, each
// a status and a body.
func lambdaAPI(t *testing.T, answers ...string) (durable.Client, *[]apiRequest) {
	t.Helper()
	var seen []apiRequest
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req := apiRequest{Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, Signed: r.Header.Get("Authorization") != ""}
		body, _ := io.ReadAll(r.Body)
		json.Unmarshal(body, &req.Body)
		answer := answers[min(len(seen), len(answers)-1)]
		seen = append(seen, req)
		status, code, text := 200, "", answer
		if before, after, ok := strings.Cut(answer, "|"); ok {
			status, code, text = 400, before, after
			if strings.HasPrefix(code, "Service") {
				status = 500
			}
			w.Header().Set("x-amzn-ErrorType", code)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		io.WriteString(w, text)
	}))
	t.Cleanup(srv.Close)
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKID")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_ENDPOINT_URL_LAMBDA", srv.URL)
	client, err := transport.Connect()
	if err != nil {
		t.Fatal(err)
	}
	return transport.Hurried(client), &seen
}

func TestLambdaClientCheckpoint(t *testing.T) {
	client, seen := lambdaAPI(t,
		`ServiceException|{"message":"try again"}`,
		`{"CheckpointToken":"dG9rZW4y","NewExecutionState":{"Operations":[
			{"Id":"2","Type":"STEP","SubType":"Step","Name":"s","Status":"PENDING","StartTimestamp":1700000000.5,
			 "StepDetails":{"Attempt":1,"NextAttemptTimestamp":1700000005.25,"Error":{"ErrorType":"T","ErrorMessage":"m","ErrorData":"d","StackTrace":["f"]}}},
			{"Id":"3","Type":"WAIT","Status":"STARTED","StartTimestamp":1700000000,"WaitDetails":{"ScheduledEndTimestamp":1700000007}}]}}`)
	payload := "\"<&>\""
	reply, err := client.Checkpoint(t.Context(), &protocol.CheckpointRequest{
		ExecutionARN: testARN, Token: "dG9rZW4x",
		Updates: []protocol.Update{
			{ID: "1", Type: "CONTEXT", Action: "SUCCEED", Name: "c", SubType: "RunInChildContext", Payload: &payload,
				ContextOptions: &protocol.ContextOptions{ReplayChildren: true}},
			{ID: "2", ParentID: "1", Type: "STEP", Action: "RETRY", Error: &protocol.ErrorObject{ErrorType: "T", ErrorMessage: "m"},
				StepOptions: &protocol.StepOptions{NextAttemptDelaySeconds: 5}},
			{ID: "3", Type: "WAIT", Action: "START", WaitOptions: &protocol.WaitOptions{WaitSeconds: 7}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := &protocol.CheckpointReply{Token: "dG9rZW4y", Operations: []*protocol.Operation{
		{
			ID: "2", Type: "STEP", SubType: "Step", Name: "s", Status: "PENDING", Start: 1700000000500,
			Attempt: 1, NextAttempt: 1700000005250,
			Error: &protocol.ErrorObject{ErrorType: "T", ErrorMessage: "m", ErrorData: "d", StackTrace: []string{"f"}},
		},
		{ID: "3", Type: "WAIT", Status: "STARTED", Start: 1700000000000, ScheduledEnd: 1700000007000},
	}}
	if diff := cmp.Diff(want, reply); diff != "" {
		t.Errorf("reply (-want +got):\n%s", diff)
	}
	if len(*seen) != 2 {
		t.Fatalf("got %d requests, want 2: a server error is tried again", len(*seen))
	}
	first, second := (*seen)[0].Body, (*seen)[1].Body
	if first["ClientToken"] == nil || first["ClientToken"] != second["ClientToken"] {
		t.Errorf("client tokens %v and %v, want the same", first["ClientToken"], second["ClientToken"])
	}
	delete(second, "ClientToken")
	wantRequest := apiRequest{
		Method: "POST", Signed: true,
		Path: "/2025-12-01/durable-executions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af%3A%24LATEST%2Fdurable-execution%2Fn%2Fexec/checkpoint",
		Body: map[string]any{"CheckpointToken": "dG9rZW4x", "Updates": []any{
			map[string]any{"Id": "1", "Type": "CONTEXT", "Action": "SUCCEED", "Name": "c", "SubType": "RunInChildContext",
				"Payload": "\"<&>\"", "ContextOptions": map[string]any{"ReplayChildren": true}},
			map[string]any{"Id": "2", "ParentId": "1", "Type": "STEP", "Action": "RETRY",
				"Error":       map[string]any{"ErrorType": "T", "ErrorMessage": "m"},
				"StepOptions": map[string]any{"NextAttemptDelaySeconds": 5.0}},
			map[string]any{"Id": "3", "Type": "WAIT", "Action": "START", "WaitOptions": map[string]any{"WaitSeconds": 7.0}},
		}},
	}
	if diff := cmp.Diff(wantRequest, (*seen)[1]); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestLambdaClientState(t *testing.T) {
	client, seen := lambdaAPI(t,
		`{"NextMarker":"","Operations":[{"Id":"e","Type":"EXECUTION","Status":"STARTED","StartTimestamp":1,"ExecutionDetails":{"InputPayload":"{}"}}]}`)
	reply, err := client.State(t.Context(), &protocol.StateRequest{ExecutionARN: testARN, Token: "dA==", Marker: "m", MaxItems: 1000})
	if err != nil {
		t.Fatal(err)
	}
	input := "{}"
	want := &protocol.StateReply{Operations: []*protocol.Operation{{ID: "e", Type: "EXECUTION", Status: "STARTED", Start: 1000,
		Payload: &input}}}
	if diff := cmp.Diff(want, reply); diff != "" {
		t.Errorf("reply (-want +got):\n%s", diff)
	}
	if got, want := (*seen)[0].Query, "CheckpointToken=dA%3D%3D&Marker=m&MaxItems=1000"; got != want {
		t.Errorf("got query %s, want %s", got, want)
	}
}

// Refusals keep their meaning on the way through the client.
func TestLambdaClientRefusals(t *testing.T) {
	for answer, fault := range map[string]bool{
		`InvalidParameterValueException|{"message":"Invalid checkpoint token"}`:            true,
		`InvalidParameterValueException|{"message":"Inconsistent operation name."}`:        false,
		`KMSDisabledException|{"message":"the key is disabled"}`:                           false,
		`AccessDeniedException|{"message":"lambda:CheckpointDurableExecution is missing"}`: false,
	} {
		t.Run(answer, func(t *testing.T) {
			client, _ := lambdaAPI(t, answer)
			h := durable.NewHandler(func(ctx durable.Context, _ any) (int, error) {
				return durable.Step(ctx, "s", func(context.Context) (int, error) { return 0, nil })
			}, durable.WithClient(client))
			reply, err := h.Invoke(t.Context(), begun())
			if (err != nil) != fault || !fault && !strings.Contains(string(reply), `"ErrorType":"CheckpointError"`) {
				t.Errorf("got %s %v, want fault %v", reply, err, fault)
			}
		})
	}
}

// begun is the payload of an execution's first invocation.
func begun() []byte {
	in := &protocol.InvocationInput{DurableExecutionArn: testARN, CheckpointToken: "t"}
	in.InitialExecutionState.Operations = []*protocol.Operation{{ID: "exec", Type: protocol.TypeExecution, Status: protocol.StatusStarted}}
	return protocol.AppendInput(nil, in)
}

func TestLambdaClientEnvironment(t *testing.T) {
	t.Run("no region", func(t *testing.T) {
		t.Setenv("AWS_REGION", "")
		t.Setenv("AWS_DEFAULT_REGION", "")
		if _, err := transport.Connect(); err == nil || !strings.Contains(err.Error(), "AWS_REGION") {
			t.Errorf("got %v, want an error that names AWS_REGION", err)
		}
	})
	t.Run("no credentials, on AWS", func(t *testing.T) {
		t.Setenv("AWS_REGION", "eu-west-1")
		t.Setenv("AWS_ACCESS_KEY_ID", "")
		t.Setenv("AWS_ENDPOINT_URL", "")
		t.Setenv("AWS_ENDPOINT_URL_LAMBDA", "")
		client, err := transport.Connect()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err = client.Checkpoint(ctx, &protocol.CheckpointRequest{ExecutionARN: testARN, Token: "dA=="})
		if err == nil || errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "AWS_ACCESS_KEY_ID") {
			t.Errorf("got %v, want an error that names AWS_ACCESS_KEY_ID", err)
		}
	})
	t.Run("not an endpoint", func(t *testing.T) {
		lambdaEnvironment(t, "127.0.0.1:9500")
		if _, err := transport.Connect(); err == nil || !strings.Contains(err.Error(), "AWS_ENDPOINT_URL_LAMBDA") {
			t.Errorf("got %v, want an error that names AWS_ENDPOINT_URL_LAMBDA", err)
		}
	})
	t.Run("no credentials, elsewhere", func(t *testing.T) {
		_, seen := lambdaAPI(t, `{"Operations":[]}`)
		t.Setenv("AWS_ACCESS_KEY_ID", "")
		client, err := transport.Connect()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.State(t.Context(), &protocol.StateRequest{ExecutionARN: testARN, Token: "dA=="}); err != nil ||
			(*seen)[0].Signed {
			t.Errorf("got %v, %+v; want an unsigned request", err, *seen)
		}
	})
}

// The connection that was kept since the last invocation may be dead by now.
// That costs no attempt, and no time.
func TestLambdaClientDeadConnection(t *testing.T) {
	var tokens []any
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		json.NewDecoder(r.Body).Decode(&body)
		if tokens = append(tokens, body["ClientToken"]); len(tokens) == 2 {
			conn, _, _ := w.(http.Hijacker).Hijack()
			conn.Close()
			return
		}
		io.WriteString(w, `{"CheckpointToken":"b","NewExecutionState":{}}`)
	}))
	defer srv.Close()
	lambdaEnvironment(t, srv.URL)
	client := ourClient(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	attempts := transport.CountAttempts(client)
	for range 2 {
		if _, err := client.Checkpoint(ctx, &protocol.CheckpointRequest{ExecutionARN: testARN, Token: "a"}); err != nil {
			t.Fatal(err)
		}
	}
	if len(tokens) != 3 || tokens[1] != tokens[2] || *attempts != 2 {
		t.Errorf("the service saw client tokens %v in %d attempts, want three requests in two, the last two the same", tokens, *attempts)
	}
}

// Proxies are for other machines only, and see requests as they are signed.
func TestLambdaClientProxy(t *testing.T) {
	if os.Getenv("PERDURE_TEST_PROXY") != "" { // the environment is read once in a process
		reply, err := ourClient(t).State(t.Context(), &protocol.StateRequest{ExecutionARN: testARN, Token: "a"})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("marker:", reply.NextMarker)
		return
	}
	answer := func(marker string) *httptest.Server {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, `{"NextMarker":"%s %s"}`, marker, r.Host)
		}))
		t.Cleanup(srv.Close)
		return srv
	}
	proxy, direct := answer("proxy"), answer("direct")
	host := strings.TrimPrefix(direct.URL, "http://")
	for endpoint, want := range map[string]string{
		"http://lambda.example": "proxy lambda.example",
		direct.URL:              "direct " + host,
		"http://" + strings.Replace(host, "127.0.0.1", "localhost", 1): "direct localhost",
	} {
		lambdaEnvironment(t, endpoint)
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestLambdaClientProxy$")
		cmd.Env = append(os.Environ(), "PERDURE_TEST_PROXY=1", "HTTP_PROXY="+proxy.URL, "http_proxy="+proxy.URL, "NO_PROXY=", "no_proxy=")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "marker: "+want) {
			t.Errorf("%s: got %s %v, want %q", endpoint, out, err, want)
		}
	}
}

// Regions resolve as in the AWS SDK, in every partition.
func TestLambdaClientEndpoint(t *testing.T) {
	for _, region := range []string{
		"us-east-1", "eu-central-2", "ap-southeast-7", "il-central-1", "mx-central-1", "cn-north-1", "us-gov-west-1",
		"us-iso-east-1", "us-isob-east-1", "us-isof-south-1", "eu-isoe-west-1", "eusc-de-east-1", "xx-new-9",
	} {
		lambdaEnvironment(t, "")
		t.Setenv("AWS_REGION", region)
		resolved, err := lambda.NewDefaultEndpointResolverV2().ResolveEndpoint(t.Context(), lambda.EndpointParameters{Region: &region})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := transport.Endpoint(ourClient(t)), resolved.URI.String(); got != want {
			t.Errorf("%s: got %s, want %s", region, got, want)
		}
	}
	for set, want := range map[string]string{
		"http://127.0.0.1:9500": "http://127.0.0.1:9500", "http://h:80/": "http://h", "https://h:443/a/": "https://h/a",
		"https://h:80": "https://h:80", "http://[::1]:80": "http://[::1]", "http://[::1]": "http://[::1]",
	} {
		lambdaEnvironment(t, set)
		if got := transport.Endpoint(ourClient(t)); got != want {
			t.Errorf("%s: got %s, want %s", set, got, want)
		}
	}
}

// The Lambda API on the port of the Runtime API is the engine that started this process: its door needs no signature.
// On another port, and on AWS, nothing is assumed.
func TestLambdaClientDoor(t *testing.T) {
	for name, door := range map[string]bool{"": false, "SECRET": true} {
		t.Run(name, func(t *testing.T) {
			_, seen := lambdaAPI(t, `ServiceException|{"message":"try again"}`,
				`{"CheckpointToken":"b","NewExecutionState":{"Operations":[],"NextMarker":"m"}}`,
				`{"NextMarker":"","Operations":[{"Id":"e","Type":"WAIT","Status":"STARTED"}]}`,
				`InvalidParameterValueException|{"message":"Invalid checkpoint token"}`)
			endpoint := os.Getenv("AWS_ENDPOINT_URL_LAMBDA")
			t.Setenv("AWS_ENDPOINT_URL_LAMBDA", endpoint+"/function/KEY/")
			t.Setenv("AWS_LAMBDA_RUNTIME_API", strings.TrimPrefix(endpoint, "http://")+"/"+name)
			connected, err := transport.Connect()
			if err != nil {
				t.Fatal(err)
			}
			client := transport.Hurried(connected)
			reply, err := client.Checkpoint(t.Context(), &protocol.CheckpointRequest{ExecutionARN: testARN, Token: "a"})
			if err != nil || reply.Token != "b" || len(reply.Operations) != 1 {
				t.Fatalf("got %+v %v", reply, err)
			}
			_, err = client.Checkpoint(t.Context(), &protocol.CheckpointRequest{ExecutionARN: testARN, Token: "b"})
			if want := "CheckpointDurableExecution: InvalidParameterValueException: Invalid checkpoint token " +
				"(HTTP 400 Bad Request)"; err == nil || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
			const path = "/function/KEY/2025-12-01/durable-executions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000" +
				"%3Afunction%3Af%3A%24LATEST%2Fdurable-execution%2Fn%2Fexec/"
			for i, want := range []apiRequest{
				{Method: "POST", Path: path + "checkpoint"},
				{Method: "POST", Path: path + "checkpoint"},
				{Method: "GET", Path: path + "state", Query: "CheckpointToken=b&Marker=m&MaxItems=1000"},
				{Method: "POST", Path: path + "checkpoint"},
			} {
				got := (*seen)[i]
				got.Body, want.Signed = nil, !door
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("request %d (-want +got):\n%s", i+1, diff)
				}
			}
		})
	}
}
