package lambdaapi

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/protocol"
)

// TestRouteSubjects sends ARNs and callback ids as clients escape them.
func TestRouteSubjects(t *testing.T) {
	escapedARN := strings.NewReplacer(":", "%3A", "$", "%24", "/", "%2F").Replace(testARN)
	escapedID := strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(testID)
	for _, test := range []struct{ method, path, operation, subject string }{
		{"GET", executions + testARN, "GetDurableExecution", testARN},
		{"GET", executions + escapedARN, "GetDurableExecution", testARN},
		{"GET", executions + strings.ReplaceAll(testARN, "$", "%24"), "GetDurableExecution", testARN},
		{"GET", executions + testARN + "/history", "GetDurableExecutionHistory", testARN},
		{"GET", executions + escapedARN + "/state", "GetDurableExecutionState", testARN},
		{"POST", executions + escapedARN + "/stop", "StopDurableExecution", testARN},
		{"POST", executions + escapedARN + "/pause", "PauseDurableExecution", testARN},
		{"POST", executions + testARN + "/resume", "ResumeDurableExecution", testARN},
		{"DELETE", executions + escapedARN, "DeleteDurableExecution", testARN},
		{"POST", executions + escapedARN + "/checkpoint", "CheckpointDurableExecution", testARN},
		{"GET", executions + "%2Fhistory", "GetDurableExecution", "/history"},
		{"GET", executions + "a//b/../history", "GetDurableExecutionHistory", "a//b/.."},
		{"POST", executions + "/checkpoint", "CheckpointDurableExecution", ""},
		{"POST", callbacks + testID + "/succeed", "SendDurableExecutionCallbackSuccess", testID},
		{"POST", callbacks + escapedID + "/fail", "SendDurableExecutionCallbackFailure", testID},
		{"POST", callbacks + strings.ToLower(escapedID) + "/heartbeat", "SendDurableExecutionCallbackHeartbeat", strings.ToLower(testID)},
		{"POST", "/2015-03-31/functions/order%3A7/invocations", "Invoke", "order:7"},
		{"GET", "/2015-03-31/functions/order", "GetFunction", "order"},
		{"DELETE", "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Aorder", "DeleteFunction",
			"arn:aws:lambda:us-east-1:000000000000:function:order"},
		{"GET", "/2015-03-31/functions/order/configuration", "GetFunctionConfiguration", "order"},
		{"POST", "/2015-03-31/functions/order/versions", "PublishVersion", "order"},
		{"GET", "/2015-03-31/functions/order/aliases", "ListAliases", "order"},
		{"PUT", "/2015-03-31/functions/order/aliases/live", "UpdateAlias", "order/aliases/live"},
		{"GET", "/2015-03-31/functions/order/aliases/versions", "GetAlias", "order/aliases/versions"},
		{"GET", "/2015-03-31/functions", "ListFunctions", ""},
		{"GET", "/2015-03-31/functions/", "ListFunctions", ""},
		{"GET", "/2025-12-01/functions/order:7/durable-executions", "ListDurableExecutionsByFunction", "order:7"},
		{"GET", "/health", "health", ""},
	} {
		operation, subject, err := routed(httptest.NewRequest(test.method, test.path, nil))
		if err != nil || operation != test.operation || subject != test.subject {
			t.Errorf("%s %s: got %s of %q, %v, want %s of %q", test.method, test.path, operation, subject, err, test.operation,
				test.subject)
		}
	}
}

// routed returns the operation that r names, and its subject, or the refusal.
func routed(r *http.Request) (operation, subject string, err error) {
	routes := new(api).routes()
	for i := range routes {
		name := routes[i].Operation
		routes[i].Serve = func(_ http.ResponseWriter, _ *http.Request, s string) error {
			operation, subject = name, s
			return nil
		}
	}
	face := route.New(route.Face{Routes: routes, Refuse: Refuse}, Shell(nil))
	err = face.Serve(nil, r)
	return operation, subject, err
}

func TestRouteRefusals(t *testing.T) {
	const served = " is not served here: of the Lambda API this endpoint serves functions with their versions and aliases, Invoke, " +
		"durable executions and their callbacks."
	for _, test := range []struct {
		method, path  string
		status        int
		code, message string
	}{
		{"POST", "/2015-03-31/functions", 404, "UnknownOperationException",
			"CreateFunction is not served here: a function is a directory or a program that the engine is started with: perdure serve " +
				"--function NAME=PATH."},
		{"PUT", "/2015-03-31/functions/order/code", 404, "UnknownOperationException",
			"UpdateFunctionCode is not served here: code is what stands in the function's directory: start the engine again, or let " +
				"perdure dev watch it."},
		{"PUT", "/2015-03-31/functions/order/configuration", 404, "UnknownOperationException",
			"UpdateFunctionConfiguration is not served here: settings come from the engine's command line or from the project's " +
				"template, and hold after the next start."},
		{"GET", "/2015-03-31/functions/order/url", 404, "UnknownOperationException", "GET /2015-03-31/functions/order/url" + served},
		{"GET", "/", 404, "UnknownOperationException", "GET /" + served},
		{"GET", "/healthy", 404, "UnknownOperationException", "GET /healthy" + served},
		{"GET", "/" + strings.Repeat("x", 300), 404, "UnknownOperationException", "GET /" + strings.Repeat("x", 199) + "…" + served},
		{"PUT", checkpointPath, 405, "MethodNotAllowedException", "PUT is not allowed on this path."},
		{"GET", checkpointPath, 405, "MethodNotAllowedException", "GET is not allowed on this path."},
		{"OPTIONS", executions + testARN, 405, "MethodNotAllowedException", "OPTIONS is not allowed on this path."},
		{"GET", "/health?" + strings.Repeat("x", route.MaxURL), 414, "RequestURITooLongException",
			"The path and query of a request must be shorter than 16384 bytes."},
	} {
		t.Run(test.method+" "+protocol.Clip(test.path, maxQuoted), func(t *testing.T) {
			url, _ := serve(t, &fakeEngine{}, nil)
			checkAnswer(t, request(t, url, test.method, test.path, ""), test.status, test.code, test.message)
		})
	}
	t.Run("HEAD", func(t *testing.T) {
		url, _ := serve(t, &fakeEngine{}, nil)
		if got := request(t, url, "HEAD", checkpointPath, ""); got.status != 405 || got.body != "" {
			t.Errorf("got %d %q, want 405 and no body", got.status, got.body)
		}
	})
}

func TestHealth(t *testing.T) {
	url, _ := serve(t, &fakeEngine{}, nil)
	got := request(t, url, "GET", "/health", "")
	checkAnswer(t, got, 200, "", "")
	if got.body != `{"status":"healthy"}` {
		t.Errorf("got %s", got.body)
	}
}

// TestShapesOfPathsAndQueries covers the members outside of bodies.
func TestShapesOfPathsAndQueries(t *testing.T) {
	const (
		one    = "1 validation error detected: "
		failed = " failed to satisfy constraint: "
		arns   = "Member must satisfy regular expression pattern: " +
			`arn:([a-zA-Z0-9-]+):lambda:([a-zA-Z0-9-]+):(\d{12}):function:([a-zA-Z0-9_-]+):(\$LATEST(?:\.PUBLISHED)?|[0-9]+)/durable-execution/([a-zA-Z0-9_-]+)/([a-zA-Z0-9_-]+)`
		list = "/2025-12-01/functions/order/durable-executions"
		arn  = executions + testARN
	)
	badID := func(id string) string {
		return one + "Value '" + id + "' at 'callbackId'" + failed + "Member must satisfy regular expression pattern: [A-Za-z0-9+/]+={0,2}"
	}
	for _, test := range []struct {
		method, path, body string
		strict             bool
		code, message      string
	}{
		{method: "GET", path: executions + "first", code: "ValidationException", message: one +
			"Value 'first' at 'durableExecutionArn'" + failed + arns},
		{method: "POST", path: executions + "first/stop", code: "ValidationException", message: one +
			"Value 'first' at 'durableExecutionArn'" + failed + arns},
		{method: "POST", path: executions + "first/stop", body: "{", code: "SerializationException",
			message: "The request body is not valid JSON at byte 1."},
		{method: "DELETE", path: executions + "first", code: "ValidationException", message: one +
			"Value 'first' at 'durableExecutionArn'" + failed + arns},
		{method: "POST", path: executions + "first/pause", code: "ValidationException", message: one +
			"Value 'first' at 'durableExecutionArn'" + failed + arns},
		{method: "POST", path: executions + "first/resume", code: "ValidationException", message: one +
			"Value 'first' at 'durableExecutionArn'" + failed + arns},
		{method: "POST", path: arn + "/pause", body: `{"Reason":1}`, code: "SerializationException",
			message: "NUMBER_VALUE can not be converted to a String"},
		{method: "POST", path: arn + "/pause", body: `{"ExecutionTimeoutPaused":"no"}`, code: "SerializationException",
			message: "STRING_VALUE can not be converted to a Boolean"},
		{method: "POST", path: arn + "/pause", body: `{"ClientToken":"a b"}`, code: "ValidationException", message: one +
			`Value 'a b' at 'clientToken'` + failed + `Member must satisfy regular expression pattern: [\x21-\x7E]+`},
		{method: "POST", path: arn + "/resume", body: `{"Reason":"` + strings.Repeat("x", 1025) + `"}`, code: "ValidationException",
			message: one + "Value at 'reason'" + failed + "Member must have length less than or equal to 1024"},
		{method: "POST", path: executions + "first/checkpoint", body: `{"CheckpointToken":"YQ=="}`, code: "ValidationException",
			message: one + "Value 'first' at 'durableExecutionArn'" + failed + arns},
		{method: "GET", path: arn + "/state", code: "ValidationException", message: one + "Value null at 'checkpointToken'" + failed +
			"Member must not be null"},
		{method: "GET", path: arn + "/state?CheckpointToken=a-b", code: "ValidationException", message: one +
			"Value 'a-b' at 'checkpointToken'" + failed + "Member must satisfy regular expression pattern: [A-Za-z0-9+/]+={0,2}"},
		{method: "GET", path: arn + "/state?CheckpointToken=a-b&MaxItems=x", code: "SerializationException",
			message: "'x' can not be converted to Integer"},
		{method: "GET", path: arn + "/history?MaxItems=1001", code: "ValidationException", message: one +
			"Value '1001' at 'maxItems'" + failed + "Member must have value less than or equal to 1000"},
		{method: "GET", path: arn + "/history?MaxItems=-1", code: "ValidationException", message: one +
			"Value '-1' at 'maxItems'" + failed + "Member must have value greater than or equal to 0"},
		{method: "GET", path: arn + "/history?MaxItems=", code: "SerializationException", message: "'' can not be converted to Integer"},
		{method: "GET", path: arn + "/history?ReverseOrder=yes", code: "SerializationException",
			message: "'yes' can not be converted to Boolean"},
		{method: "GET", path: list + "?StartedAfter=NaN", code: "SerializationException", message: "'NaN' can not be converted to Date"},
		{method: "GET", path: list + "?Statuses=RUNNING&Statuses=GONE", code: "ValidationException",
			message: one + "Value '[RUNNING, GONE]' at 'statuses'" + failed +
				"Member must satisfy constraint: [Member must satisfy enum value set: [SUCCEEDED, TIMED_OUT, DELETING, STOPPED, PAUSED, " +
				"PAUSING, FAILED, RUNNING]]"},
		{method: "GET", path: list + "?DurableExecutionName=", code: "ValidationException", message: "2 validation errors detected: " +
			"Value '' at 'durableExecutionName'" + failed + "Member must have length greater than or equal to 1; " +
			"Value '' at 'durableExecutionName'" + failed + "Member must satisfy regular expression pattern: [a-zA-Z0-9-_]+"},
		{method: "GET", path: list + "?Statuses=RUNNING&Statuses=FAILED", strict: true, code: "InvalidParameterValueException",
			message: "Cannot filter by more than one status"},
		{method: "POST", path: callbacks + "a-b/succeed", code: "ValidationException", message: badID("a-b")},
		{method: "POST", path: callbacks + "a-b/fail", code: "ValidationException", message: badID("a-b")},
		{method: "POST", path: callbacks + "a===/heartbeat", code: "ValidationException", message: badID("a===")},
		{method: "POST", path: callbacks + "YQ==/succeed", body: strings.Repeat("x", protocol.MaxPayload+1), code: "ValidationException",
			message: one + "Value at 'result'" + failed + "Member must have length less than or equal to 1048576"},
		{method: "POST", path: callbacks + "YQ==/fail", body: `{"ErrorData":"` + strings.Repeat("x", protocol.MaxPayload) + `"}`,
			code:    "InvalidParameterValueException",
			message: "Error object size must be less than or equal to 1048576 bytes."},
		{method: "POST", path: callbacks + "YQ==/fail", body: strings.Repeat(" ", maxErrorBody+1), code: "InvalidParameterValueException",
			message: "Error object size must be less than or equal to 1048576 bytes."},
		{method: "POST", path: callbacks + "YQ==/fail", body: `{"StackTrace":"x"}`, code: "SerializationException",
			message: "Unexpected field type"},
	} {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			url, _ := serve(t, &fakeEngine{}, &Options{Strict: test.strict})
			checkAnswer(t, request(t, url, test.method, test.path, test.body), 400, test.code, test.message)
		})
	}
}

func TestListTimestamps(t *testing.T) {
	for in, want := range map[string]protocol.Timestamp{
		"2026-01-02T03:04:05Z":                       1767323045000,
		"2026-01-02T03:04:05.678Z":                   1767323045678,
		url.QueryEscape("2026-01-02T04:04:05+01:00"): 1767323045000,
		"2026-01-02":                                 1767312000000,
		"1767323045":                                 1767323045000,
		"1767323045.5":                               1767323045500,
	} {
		q := newQuery(httptest.NewRequest("GET", "/?StartedAfter="+in, nil))
		if got := q.timestamp("StartedAfter"); got != want || q.err() != nil {
			t.Errorf("%s: got %d, %v, want %d", in, got, q.err(), want)
		}
	}
}

// TestFaultsAreHidden: the client learns nothing of the cause, the log does.
func TestFaultsAreHidden(t *testing.T) {
	for name, fail := range map[string]func(string) error{
		"error":        func(string) error { return errors.New("disk on fire") },
		"unknown code": func(string) error { return protocol.Errorf("NewException", "disk on fire") },
		"panic":        func(string) error { panic("disk on fire") },
	} {
		t.Run(name, func(t *testing.T) {
			url, logged := serve(t, &fakeEngine{heartbeat: fail}, nil)
			got := request(t, url, "POST", callbacks+"YQ==/heartbeat", "")
			checkAnswer(t, got, 500, "ServiceException", "Service encountered an unexpected error.")
			if strings.Contains(got.body, "fire") || !strings.Contains(logged.String(), "disk on fire") ||
				!strings.Contains(logged.String(), got.header.Get("x-amzn-RequestId")) {
				t.Errorf("got body %s, log %s", got.body, logged)
			}
		})
	}
}

func TestThrottling(t *testing.T) {
	e := &fakeEngine{describe: func(string) (*engine.Description, error) {
		return nil, protocol.Errorf(protocol.CodeTooManyRequests, "Rate Exceeded.")
	}}
	url, _ := serve(t, e, nil)
	got := request(t, url, "GET", executions+testARN, "")
	checkAnswer(t, got, 429, "TooManyRequestsException", "Rate Exceeded.")
	if got.header.Get("Retry-After") != "1" || !strings.Contains(got.body, `"Reason":"CallerRateLimitExceeded"`) {
		t.Errorf("got %v %s", got.header, got.body)
	}
}

// TestRawRequests sends what no HTTP client would.
func TestRawRequests(t *testing.T) {
	for _, test := range []struct{ name, request, status string }{
		{"HTTP/1.0 without host", "GET /health HTTP/1.0\r\n\r\n", "200 OK"},
		{"absolute URL", "GET http://localhost/health HTTP/1.1\r\nHost: localhost\r\n\r\n", "200 OK"},
		{"bad escape", "GET " + executions + "%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", "400 Bad Request"},
		{"body cut off", "POST " + checkpointPath + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{", "400 Bad Request"},
		{"announced too much", "POST " + checkpointPath +
			" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n", "413 Request Entity Too Large"},
	} {
		t.Run(test.name, func(t *testing.T) {
			url, _ := serve(t, &fakeEngine{}, nil)
			conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := conn.Write([]byte(test.request)); err != nil {
				t.Fatal(err)
			}
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(conn).ReadString('\n')
			if err != nil || !strings.Contains(line, test.status) {
				t.Errorf("got %q, %v, want %s", line, err, test.status)
			}
		})
	}
}
