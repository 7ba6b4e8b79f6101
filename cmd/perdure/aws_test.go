package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/perdure/perdure/internal/cli"
)

const awsARN = "arn:aws:lambda:eu-west-1:123456789012:function:order:3/durable-execution/A-1/0195c2"

// lambda answers as AWS Lambda does: it pages, throttles, and adds a URL to types of errors.
type lambda struct {
	t         *testing.T
	events    int // of the history
	throttled int // requests to refuse before one is answered
	refuse    string
	seen      []string
}

func (l *lambda) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	auth := r.Header.Get("Authorization")
	if !strings.Contains(auth, "Credential=AKIDWORK/") || !strings.Contains(auth, "/eu-west-1/lambda/aws4_request") ||
		r.Header.Get("X-Amz-Security-Token") != "session" {
		l.t.Errorf("it is signed with %s", auth)
	}
	fail := func(status int, code string) {
		w.Header().Set("X-Amzn-Errortype", code+":http://internal.amazon.com/coral/com.amazonaws.lambda/")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"message":"no %s"}`, code)
	}
	if l.throttled > 0 {
		l.throttled--
		fail(429, "TooManyRequestsException")
		return
	}
	if l.refuse != "" {
		fail(403, l.refuse)
		return
	}
	q := r.URL.Query()
	l.seen = append(l.seen, r.URL.Path+" "+q.Get("Qualifier")+" "+q.Get("Statuses"))
	if !strings.HasSuffix(r.URL.Path, "/history") {
		if q.Get("Statuses") != "RUNNING" {
			fmt.Fprint(w, `{"DurableExecutions":[],"NextMarker":""}`)
		} else {
			fmt.Fprintf(w, `{"DurableExecutions":[{"DurableExecutionArn":%q,"Status":"RUNNING"}]}`, awsARN)
		}
		return
	}
	if q.Get("IncludeExecutionData") != "true" {
		l.t.Error("the history is asked for without data")
	}
	from := 1
	fmt.Sscan(q.Get("Marker"), &from)
	to := min(from+999, l.events)
	var page []json.RawMessage
	for n := from; n <= to; n++ {
		page = append(page, awsEvent(n))
	}
	answer := map[string]any{"Events": page}
	if to < l.events {
		answer["NextMarker"] = fmt.Sprint(to + 1)
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func awsEvent(n int) json.RawMessage {
	if n == 1 {
		return json.RawMessage(`{"EventType":"ExecutionStarted","EventId":1,"EventTimestamp":1.795e9,"Id":"0195c2","Name":"A-1",` +
			`"ExecutionStartedDetails":{"Input":{"Payload":"{}","Truncated":false},"ExecutionTimeout":60}}`)
	}
	return fmt.Appendf(nil, `{"EventType":"StepSucceeded","SubType":"Step","EventId":%d,"EventTimestamp":1.795e9,"Id":"%d",`+
		`"Name":"a","StepSucceededDetails":{"Result":{"Payload":"1","Truncated":false},"RetryDetails":{"CurrentAttempt":1}}}`, n, n-1)
}

// fromAWS is a service with the environment of the AWS CLI.
func fromAWS(t *testing.T, l *lambda, env map[string]string) (service, error) {
	t.Helper()
	server := httptest.NewServer(l)
	t.Cleanup(server.Close)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"config":      "# mine\n[default]\nregion=us-west-2\n\n[profile  work]\nregion = eu-west-1\n",
		"credentials": "[work]\nAWS_ACCESS_KEY_ID = AKIDWORK\naws_secret_access_key = s=cret\naws_session_token=session\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
		"AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL"} {
		t.Setenv(name, env[name])
	}
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(dir, "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, "credentials"))
	t.Setenv("AWS_ENDPOINT_URL_LAMBDA", server.URL)
	return (&replayVerb{}).dialAWS()
}

// TestAWS: executions are found, page by page, with the credentials and the region of the AWS CLI, however often AWS
// throttles.
func TestAWS(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"a profile": {"AWS_PROFILE": "work"},
		"variables": {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKIDWORK", "AWS_SECRET_ACCESS_KEY": "s=cret",
			"AWS_SESSION_TOKEN": "session"},
	} {
		t.Run(name, func(t *testing.T) {
			l := &lambda{t: t, events: 2500}
			from, err := fromAWS(t, l, env)
			if err != nil {
				t.Fatal(err)
			}
			var arns []string
			for arn, err := range from.open(t.Context(), "order:3") {
				if err != nil {
					t.Fatal(err)
				}
				arns = append(arns, arn)
			}
			if want := []string{awsARN}; !slices.Equal(arns, want) {
				t.Errorf("got %v, want %v", arns, want)
			}
			if want := "/2025-12-01/functions/order/durable-executions 3 PAUSED"; !slices.Contains(l.seen, want) {
				t.Errorf("got %q, want in it %s", l.seen, want)
			}
			rec, err := from.recording(t.Context(), awsARN)
			if err != nil {
				t.Fatal(err)
			}
			if got := len(rec.Operations); got != 2500 || rec.Name() != "A-1 of function order:3" {
				t.Errorf("got %d operations of %s", got, rec.Name())
			}
		})
	}
}

// TestAWSRefuses: what AWS says is told with what to do.
func TestAWSRefuses(t *testing.T) {
	l := &lambda{t: t, events: 1, refuse: "UnrecognizedClientException"}
	from, err := fromAWS(t, l, map[string]string{"AWS_PROFILE": "work"})
	if err != nil {
		t.Fatal(err)
	}
	for code, want := range map[string]string{
		"UnrecognizedClientException": "AWS does not let us in: no UnrecognizedClientException",
		"AccessDeniedException":       "AWS refused: AccessDeniedException: no AccessDeniedException",
	} {
		l.refuse = code
		_, err := from.recording(t.Context(), awsARN)
		if problem, ok := err.(*cli.Problem); !ok || problem.Message != want || problem.Status != cli.StatusFault {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// TestThrottled: a request that AWS throttles is made again, five times in all.
func TestThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for throttled, want := range map[int]int{0: 200, 4: 200, 5: 429} {
			left := throttled
			carry := again{carrier(func(*http.Request) (*http.Response, error) {
				status := 200
				if left > 0 {
					left, status = left-1, 429
				}
				return &http.Response{StatusCode: status, Body: http.NoBody}, nil
			})}
			req := httptest.NewRequest(http.MethodGet, "http://x/", nil)
			if resp, err := carry.RoundTrip(req); err != nil || resp.StatusCode != want {
				t.Errorf("throttled %d times: got %v, %v, want %d", throttled, resp.StatusCode, err, want)
			}
		}
	})
}

type carrier func(*http.Request) (*http.Response, error)

func (c carrier) RoundTrip(req *http.Request) (*http.Response, error) { return c(req) }
