package lambdaapi

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

func TestPauseAndResume(t *testing.T) {
	for _, test := range []struct {
		name, path, body string
		want             any
	}{
		{"no body", "/pause", "", engine.PauseRequest{ARN: testARN}},
		{"nulls", "/pause", `{"ClientToken":null,"Reason":null,"ExecutionTimeoutPaused":null,"Other":[1]}`,
			engine.PauseRequest{ARN: testARN}},
		{"all", "/pause", `{"ClientToken":"once","Reason":"später","ExecutionTimeoutPaused":false}`,
			engine.PauseRequest{ARN: testARN, ClientToken: "once", Reason: new("später"), KeepTimeout: true}},
		{"the longest reason", "/pause", `{"Reason":"` + strings.Repeat("ä", 1024) + `"}`,
			engine.PauseRequest{ARN: testARN, Reason: new(strings.Repeat("ä", 1024))}},
		{"resume", "/resume", `{"ClientToken":"once","Reason":""}`,
			engine.ResumeRequest{ARN: testARN, ClientToken: "once", Reason: new("")}},
		{"resume without a body", "/resume", "", engine.ResumeRequest{ARN: testARN}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got any
			url, _ := serve(t, &fakeEngine{
				pause:  func(req *engine.PauseRequest) error { got = *req; return nil },
				resume: func(req *engine.ResumeRequest) error { got = *req; return nil },
			}, nil)
			a := request(t, url, "POST", executions+testARN+test.path, test.body)
			checkAnswer(t, a, 202, "", "")
			if a.body != "" {
				t.Errorf("got body %q, want none", a.body)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPauseBodyIsBounded(t *testing.T) {
	url, _ := serve(t, &fakeEngine{}, nil)
	got := request(t, url, "POST", executions+testARN+"/pause", strings.Repeat(" ", maxPauseBody+1))
	checkAnswer(t, got, 413, "RequestTooLargeException", "Request must be smaller than 65536 bytes")
}

func TestDelete(t *testing.T) {
	url, _ := serve(t, &fakeEngine{delete: func(arn string) (protocol.Timestamp, error) { return testMillis, nil }}, nil)
	got := request(t, url, "DELETE", executions+testARN, "")
	checkAnswer(t, got, 202, "", "")
	if want := `{"DeletionRequestTimestamp":1760000000.123}`; got.body != want {
		t.Errorf("got %s, want %s", got.body, want)
	}
}

func TestDescribePaused(t *testing.T) {
	url, _ := serve(t, &fakeEngine{describe: func(arn string) (*engine.Description, error) {
		return &engine.Description{ARN: arn, Status: protocol.ExecutionPaused, TimesOut: testMillis + 1,
			Pause: &engine.Pause{Requested: testMillis, Since: testMillis, Reason: new("why"), TimeoutPaused: true}}, nil
	}}, nil)
	const details = `"PauseDetails":{"PauseRequestTimestamp":1760000000.123,"ExecutionTimeoutPaused":true`
	for query, want := range map[string]string{
		"":                            details + `,"Reason":"why"},"ExpectedExecutionTimeoutTimestamp":1760000000.124}`,
		"?IncludeExecutionData=false": details + `},"ExpectedExecutionTimeoutTimestamp":1760000000.124}`,
	} {
		if got := request(t, url, "GET", executions+testARN+query, ""); !strings.HasSuffix(got.body, want) {
			t.Errorf("got %s, want %s", got.body, want)
		}
	}
}
