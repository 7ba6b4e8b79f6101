package transport_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/internal/sdk/transport"
	"github.com/perdure/perdure/protocol"
)

// lambdaEnvironment is Lambda's, for a service at url.
func lambdaEnvironment(t testing.TB, url string) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "session",
		"AWS_ENDPOINT_URL_LAMBDA": url, "AWS_ENDPOINT_URL": "", "HTTP_PROXY": "", "http_proxy": "",
	} {
		t.Setenv(name, value)
	}
}

func ourClient(t testing.TB) durable.Client {
	t.Helper()
	c, err := transport.Connect()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The service cannot tell our requests from those of the AWS SDK, and we make
// of its answers what the AWS SDK does.
func TestLikeTheAWSSDK(t *testing.T) {
	type request struct {
		Method, Target, ContentType, Token, Scope string
		Body                                      map[string]any
	}
	var seen []request
	var status int
	var answer string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req := request{Method: r.Method, Target: r.RequestURI, ContentType: r.Header.Get("Content-Type"),
			Token: r.Header.Get("X-Amz-Security-Token")}
		if _, err := fmt.Sscanf(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=%s", &req.Scope); err != nil {
			t.Error(err)
		}
		if body, _ := io.ReadAll(r.Body); len(body) > 0 {
			if err := json.Unmarshal(body, &req.Body); err != nil {
				t.Error(err)
			}
			delete(req.Body, "ClientToken")
		}
		seen = append(seen, req)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("x-amzn-RequestId", "r1")
		w.WriteHeader(status)
		io.WriteString(w, answer)
	}))
	defer srv.Close()
	lambdaEnvironment(t, srv.URL)
	ours, theirs := ourClient(t), newAWSClient()

	payload := "\"<&>\"\u2028\x00é"
	checkpoint := func(updates ...protocol.Update) func(durable.Client) (any, error) {
		return func(c durable.Client) (any, error) {
			return c.Checkpoint(t.Context(), &protocol.CheckpointRequest{ExecutionARN: testARN, Token: "dG9r+/==", Updates: updates})
		}
	}
	state := func(c durable.Client) (any, error) {
		return c.State(t.Context(), &protocol.StateRequest{ExecutionARN: testARN + "/é ~%2F?#", Token: "dG9r+/==", Marker: "a b/c",
			MaxItems: 7})
	}
	const operations = `"Operations":[
		{"Id":"e","Type":"EXECUTION","Status":"STARTED","StartTimestamp":1.7E9,"ExecutionDetails":{"InputPayload":"{}"}},
		{"Id":"1","Type":"STEP","SubType":"Step","Name":"s","Status":"PENDING","StartTimestamp":1700000000.5,"New":{"a":[1]},
		 "StepDetails":{"Attempt":1,"NextAttemptTimestamp":1700000005.25,"Error":{"ErrorType":"T","ErrorMessage":"m","ErrorData":"d","StackTrace":["f"]}}},
		{"Id":"2","Type":"WAIT","ParentId":"1","Status":"STARTED","StartTimestamp":1700000000,"WaitDetails":{"ScheduledEndTimestamp":1700000007.001}},
		{"Id":"3","Type":"CALLBACK","Status":"SUCCEEDED","StartTimestamp":1,"EndTimestamp":2,"CallbackDetails":{"CallbackId":"c+/=","Result":"\"\\u00e9\""}},
		{"Id":"4","Type":"CONTEXT","Status":"SUCCEEDED","StartTimestamp":1,"ContextDetails":{"ReplayChildren":true,"Result":""}},
		{"Id":"5","Type":"CHAINED_INVOKE","Status":"FAILED","StartTimestamp":1,"ChainedInvokeDetails":{"Error":{"ErrorMessage":"m"}}}]`
	tests := map[string]struct {
		call   func(durable.Client) (any, error)
		status int
		answer string
	}{
		"poll": {checkpoint(), 200, `{"CheckpointToken":"b","NewExecutionState":{"Operations":[],"NextMarker":""}}`},
		"updates": {checkpoint(
			protocol.Update{ID: "1", Type: "CONTEXT", Action: "SUCCEED", Name: "c", SubType: "RunInChildContext", Payload: &payload,
				ContextOptions: &protocol.ContextOptions{ReplayChildren: true}},
			protocol.Update{ID: "2", ParentID: "1", Type: "STEP", Action: "RETRY",
				Error:       &protocol.ErrorObject{ErrorType: "T", ErrorMessage: "m", ErrorData: "d", StackTrace: []string{"f"}},
				StepOptions: &protocol.StepOptions{NextAttemptDelaySeconds: 5}},
			protocol.Update{ID: "3", Type: "WAIT", Action: "START", WaitOptions: &protocol.WaitOptions{WaitSeconds: 7}},
			protocol.Update{ID: "4", Type: "CALLBACK", Action: "START",
				CallbackOptions: &protocol.CallbackOptions{TimeoutSeconds: 7, HeartbeatTimeoutSeconds: 1}},
			protocol.Update{ID: "5", Type: "CALLBACK", Action: "START", CallbackOptions: &protocol.CallbackOptions{}},
			protocol.Update{ID: "6", Type: "CHAINED_INVOKE", Action: "START", Payload: &payload,
				ChainedInvokeOptions: &protocol.ChainedInvokeOptions{FunctionName: "f:1", TenantID: "t", XAmznTraceID: "x"}},
		), 200, `{"CheckpointToken":"b","NewExecutionState":{` + operations + `}}`},
		"the last checkpoint": {checkpoint(protocol.Update{ID: "x", Type: "EXECUTION", Action: "FAIL", Error: &protocol.ErrorObject{}}),
			200, `{"NewExecutionState":{"Operations":[]}}`},
		"state":     {state, 200, `{` + operations + `,"NextMarker":"m"}`},
		"last page": {state, 200, `{"Operations":[],"NextMarker":""}`},
		"stale token": {checkpoint(), 400,
			`{"__type":"InvalidParameterValueException","message":"Invalid checkpoint token","Type":"User"}`},
		"not modelled": {checkpoint(), 400,
			`{"code":"com.amazonaws#ValidationException:http://x","message":"1 validation error detected"}`},
		"no access": {state, 403, `{"__type":"AccessDeniedException","Message":"not allowed"}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			seen, status, answer = nil, tt.status, tt.answer
			want, wantErr := tt.call(theirs)
			got, gotErr := tt.call(ours)
			if diff := cmp.Diff(describe(wantErr), describe(gotErr)); diff != "" {
				t.Errorf("error (-AWS SDK +ours):\n%s", diff)
			}
			if diff := cmp.Diff(want, got, cmp.Transformer("slice", func(ops []*protocol.Operation) map[int]*protocol.Operation {
				m := make(map[int]*protocol.Operation) // nil and empty are the same
				for i, op := range ops {
					m[i] = op
				}
				return m
			})); diff != "" && wantErr == nil {
				t.Errorf("reply (-AWS SDK +ours):\n%s", diff)
			}
			if len(seen) != 2 {
				t.Fatalf("got %d requests, want one of each", len(seen))
			}
			if diff := cmp.Diff(seen[0], seen[1]); diff != "" {
				t.Errorf("request (-AWS SDK +ours):\n%s", diff)
			}
		})
	}
}

// describe is what of an error decides how it is judged.
func describe(err error) string {
	if err == nil {
		return ""
	}
	e, ok := errors.AsType[interface {
		error
		ErrorCode() string
		ErrorMessage() string
	}](err)
	if !ok {
		return err.Error()
	}
	h, _ := errors.AsType[interface {
		error
		HTTPStatusCode() int
	}](err)
	return fmt.Sprint(e.ErrorCode(), " ", e.ErrorMessage(), " ", h.HTTPStatusCode())
}
