package emulator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/emulator"
	"github.com/perdure/perdure/internal/api/lambdaapi"
	"github.com/perdure/perdure/internal/core/store/memstore"
	"github.com/perdure/perdure/protocol"
)

// world is an engine with an emulator, on a store that outlives it.
type world struct {
	*engine.Engine
	t        *testing.T
	store    *memstore.Store
	emulator *emulator.Emulator
	server   *httptest.Server // the emulator's routes, and the Lambda API
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, store: memstore.New()}
	w.open()
	t.Cleanup(w.close)
	return w
}

func (w *world) open() {
	w.t.Helper()
	var err error
	if w.Engine, err = engine.Open(context.Background(), w.store, nil); err != nil {
		w.t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	w.emulator = emulator.New(w.Engine, w.Functions(), w.store, &emulator.Options{Logger: quiet, Dial: dial})
	if err = w.emulator.Recall(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	lambda := lambdaapi.New(w.Engine, w.Functions(), &lambdaapi.Options{Logger: quiet})
	w.server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == emulator.StartPath || r.URL.Path == emulator.EndpointPath {
			w.emulator.Face().ServeHTTP(rw, r)
			return
		}
		lambda.ServeHTTP(rw, r)
	}))
}

func (w *world) close() {
	w.server.Close()
	if err := w.Close(context.Background()); err != nil {
		w.t.Error(err)
	}
}

// restart is what an end of the engine and a new start do.
func (w *world) restart() {
	w.close()
	w.open()
}

// dial invokes what is at a URL, in the plainest way.
func dial(url string) (engine.Invoker, error) { return remote(url), nil }

type remote string

func (r remote) Invoke(_ context.Context, inv *engine.Invocation) engine.Outcome {
	resp, err := http.Post(string(r), "application/json", bytes.NewReader(inv.Payload))
	if err != nil {
		return engine.Outcome{Unstarted: true, Error: &protocol.ErrorObject{ErrorMessage: err.Error()}}
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return engine.Outcome{Payload: body}
}

// container is an endpoint with a function that waits once, if it is to, and
// then answers with the container's name and the event.
func (w *world) container(name string, wait bool) (url string) {
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/2015-03-31/functions/function/invocations" {
			http.NotFound(rw, r)
			return
		}
		var in protocol.InvocationInput
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			w.t.Error(err)
		}
		ops := in.InitialExecutionState.Operations
		if wait && len(ops) == 1 {
			_, err := w.Checkpoint(r.Context(), &engine.CheckpointRequest{ARN: in.DurableExecutionArn, Token: in.CheckpointToken,
				Updates: []protocol.Update{
					{ID: "1", Type: protocol.TypeWait, SubType: "Wait", Action: protocol.ActionStart,
						WaitOptions: &protocol.WaitOptions{WaitSeconds: 1}},
				}})
			if err != nil {
				w.t.Error(err)
			}
			io.WriteString(rw, `{"Status":"PENDING"}`)
			return
		}
		event := "nothing"
		if ops[0].Payload != nil {
			event = *ops[0].Payload
		}
		result, _ := json.Marshal(name + ": " + event)
		text, _ := json.Marshal(string(result))
		fmt.Fprintf(rw, `{"Status":"SUCCEEDED","Result":%s}`, text)
	}))
	w.t.Cleanup(srv.Close)
	return srv.URL
}

// post sends a request to one of the emulator's routes.
func (w *world) post(method, path, body string) (status int, answer string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(text))
}

// sam is what SAM sends: the same account and function, whatever is invoked.
func sam(name, event, endpoint string) string {
	input, _ := json.Marshal(event)
	return fmt.Sprintf(`{"AccountId": "123456789012", "FunctionName": "function", "FunctionQualifier": "$LATEST", "ExecutionName": %s,
		"ExecutionTimeoutSeconds": 300, "ExecutionRetentionPeriodDays": 7, "Input": %s, "LambdaEndpoint": %q}`, name, input, endpoint)
}

// start starts as SAM does, and returns the ARN.
func (w *world) start(body string) string {
	w.t.Helper()
	status, answer := w.post("POST", emulator.StartPath, body)
	var started struct{ ExecutionArn string }
	if err := json.Unmarshal([]byte(answer), &started); err != nil || status != http.StatusCreated || started.ExecutionArn == "" {
		w.t.Fatalf("got %d %s, want 201 and an ARN", status, answer)
	}
	return started.ExecutionArn
}

func (w *world) want(arn, result string) {
	w.t.Helper()
	r, err := w.Wait(w.t.Context(), arn)
	if err != nil {
		w.t.Fatal(err)
	}
	if r.Payload == nil || *r.Payload != result {
		w.t.Errorf("got %+v, want %s", r, result)
	}
}

// TestStartAsSAM: every execution runs in the container that it was started with.
func TestStartAsSAM(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.start(sam(`"first"`, `{"id": 1}`, w.container("a", true)))
	second := w.start(sam(`null`, `not JSON`, w.container("b", false)+"/"))
	w.want(second, `"b: \"not JSON\""`)
	w.want(first, `"a: {\"id\": 1}"`)
	if !strings.HasPrefix(first, "arn:aws:lambda:us-east-1:000000000000:function:function:$LATEST/durable-execution/first/") {
		t.Errorf("got ARN %s", first)
	}
	d, err := w.Describe(t.Context(), first)
	if err != nil || d.ExecutionTimeout != 300 || d.RetentionDays != 7 {
		t.Errorf("got %+v, %v, want a timeout of 300 s and 7 days", d, err)
	}
	status, answer := w.post("GET", "/2025-12-01/durable-executions", "")
	if status != 200 || strings.Count(answer, `"DurableExecutionArn"`) != 2 {
		t.Errorf("got %d %s, want both executions", status, answer)
	}
	if status, answer = w.post("GET", "/2025-12-01/durable-executions?DurableExecutionName=first", ""); strings.Count(answer,
		`"DurableExecutionArn"`) != 1 {
		t.Errorf("got %d %s, want one execution", status, answer)
	}
}

// TestRestart: executions go on in their containers when the engine comes back.
func TestRestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	arn := w.start(sam(`"first"`, `1`, w.container("a", true)))
	done := w.start(sam(`"done"`, `2`, w.container("b", false)))
	w.want(done, `"b: 2"`)
	w.restart()
	w.want(arn, `"a: 1"`)
	w.restart()
	docs, err := w.store.Documents(t.Context(), "emulator-endpoint", "", 10)
	if err != nil || len(docs) != 0 {
		t.Errorf("got %v, %v, want no endpoint of an execution that has ended", docs, err)
	}
}

// TestSharedEndpoint is how the emulator is used with a local Lambda service.
func TestSharedEndpoint(t *testing.T) {
	w := newWorld(t)
	start := `{"AccountId":"1","FunctionName":"function","FunctionQualifier":"$LATEST","ExecutionName":"x","ExecutionTimeoutSeconds":300,"ExecutionRetentionPeriodDays":7}`
	if status, answer := w.post("POST", emulator.StartPath, start); status != 400 ||
		!strings.Contains(answer, "There is no LambdaEndpoint") {
		t.Errorf("got %d %s, want a refusal", status, answer)
	}
	status, answer := w.post("PUT", emulator.EndpointPath,
		fmt.Sprintf(`{"EndpointUrl":%q,"RegionName":"us-west-2"}`, w.container("a", false)))
	if status != 200 || answer != `{"message":"Lambda endpoint updated successfully"}` {
		t.Errorf("got %d %s", status, answer)
	}
	w.want(w.start(start), `"a: nothing"`)
	w.restart()
	w.want(w.start(strings.Replace(start, `"x"`, `"y"`, 1)), `"a: nothing"`)
}

// TestNames: the name of an execution means the same as everywhere, and a start
// that is refused moves nothing.
func TestNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.container("a", true)
	arn := w.start(sam(`"first"`, `1`, a))
	if again := w.start(sam(`"first"`, `1`, a)); again != arn {
		t.Errorf("got %s, want %s", again, arn)
	}
	status, answer := w.post("POST", emulator.StartPath, sam(`"first"`, `2`, w.container("b", true)))
	if status != 409 || !strings.Contains(answer, "Execution already started") {
		t.Errorf("got %d %s, want a refusal", status, answer)
	}
	w.want(arn, `"a: 1"`)
}

// TestFunctionsOfTheEngine can be started by the emulator's route, too.
func TestFunctionsOfTheEngine(t *testing.T) {
	w := newWorld(t)
	err := w.Functions().Register(engine.Function{
		Name: "own", Durable: &engine.DurableConfig{ExecutionTimeout: time.Minute},
		Invoker: answering(`{"Status":"SUCCEEDED","Result":"7"}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.want(w.start(`{"FunctionName":"own"}`), `7`)
	if status, answer := w.post("POST", emulator.StartPath,
		`{"FunctionName":"own","LambdaEndpoint":"http://localhost:1"}`); status != 400 || !strings.Contains(answer, "itself") {
		t.Errorf("got %d %s, want a refusal", status, answer)
	}
}

type answering string

func (a answering) Invoke(context.Context, *engine.Invocation) engine.Outcome {
	return engine.Outcome{Payload: []byte(a)}
}

func TestRefusals(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		method, path, body string
		status             int
		text               string
	}{
		{"POST", emulator.StartPath, `{`, 400, "The request body is not as expected"},
		{"POST", emulator.StartPath, `{}`, 400, "Missing required field: FunctionName"},
		{"POST", emulator.StartPath, `{"FunctionName":7}`, 400, "The request body is not as expected"},
		{"POST", emulator.StartPath, `{"FunctionName":"../x","LambdaEndpoint":"http://localhost:1"}`, 400, "a name is 1 to 64 letters"},
		{"POST", emulator.StartPath, sam(`"a b"`, `1`, "http://localhost:1"), 400, "Value 'a b' at 'executionName' failed"},
		{"POST", emulator.StartPath, sam(`"a"`, `1`, "file:///etc/passwd"), 400, "is not the URL of an endpoint"},
		{"POST", emulator.StartPath, strings.Repeat(" ", 13<<20), 413, "The JSON is too large"},
		{"POST", emulator.StartPath, `{"FunctionName":"f","Input":"` + strings.Repeat("x", 7<<20) + `"}`, 413, "The input must be smaller"},
		{"PUT", emulator.EndpointPath, `{}`, 400, "EndpointUrl is required"},
		{"PUT", emulator.EndpointPath, `{"EndpointUrl":"localhost:1"}`, 400, "is not the URL of an endpoint"},
		{"GET", emulator.StartPath, ``, 400, "is not a route of the emulator"},
	} {
		status, answer := w.post(test.method, test.path, test.body)
		if status != test.status || !strings.Contains(answer, test.text) {
			t.Errorf("%s %s %.100s: got %d %s, want %d %s", test.method, test.path, test.body, status, answer, test.status, test.text)
		}
	}
}

// TestUnreachable: a container that is gone is no failure of the function.
func TestUnreachable(t *testing.T) {
	w := newWorld(t)
	arn := w.start(sam(`"a"`, `1`, "http://127.0.0.1:1"))
	if _, err := w.Stop(t.Context(), &engine.StopRequest{ARN: arn}); err != nil {
		t.Error(err)
	}
	var refusal *protocol.Error
	if _, err := w.Describe(t.Context(), arn+"x"); !errors.As(err, &refusal) {
		t.Errorf("got %v", err)
	}
}
