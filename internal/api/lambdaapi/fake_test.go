package lambdaapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

const (
	testARN   = "arn:aws:lambda:us-east-1:000000000000:function:order:$LATEST/durable-execution/first/0b1c"
	testToken = "dG9rZW4="
	testID    = "Y2FsbC9iYWNrKw+/" // every character that needs escaping in a path
)

// fakeEngine answers with whatever a test puts into it. A method that the test
// does not expect panics.
type fakeEngine struct {
	Engine
	Functions
	lookup     func(function, qualifier string) (engine.Function, error)
	start      func(*engine.InvokeRequest) (*engine.Started, error)
	wait       func(ctx context.Context, arn string) (*engine.Result, error)
	call       func(*engine.InvokeRequest) (*engine.Result, error)
	logTail    string
	checkpoint func(*engine.CheckpointRequest) (*engine.CheckpointReply, error)
	state      func(arn, token, marker string, maxItems int) ([]*protocol.Operation, string, error)
	describe   func(arn string) (*engine.Description, error)
	history    func(*engine.HistoryRequest) ([]*protocol.Event, string, error)
	list       func(*engine.ListRequest) ([]engine.Summary, string, error)
	stop       func(arn string, reason *protocol.ErrorObject) (protocol.Timestamp, error)
	pause      func(*engine.PauseRequest) error
	resume     func(*engine.ResumeRequest) error
	delete     func(arn string) (protocol.Timestamp, error)
	succeed    func(id string, result []byte) error
	fail       func(id string, reason *protocol.ErrorObject) error
	heartbeat  func(id string) error
}

func (f *fakeEngine) Lookup(_ context.Context, function, qualifier string) (engine.Function, string, error) {
	fn, err := f.lookup(function, qualifier)
	return fn, "arn:aws:lambda:us-east-1:000000000000:function:" + fn.Name + ":" + fn.Version, err
}

func (f *fakeEngine) Here(context.Context, string, string) error { return nil }

func (f *fakeEngine) Start(_ context.Context, req *engine.InvokeRequest) (*engine.Started, error) {
	return f.start(req)
}

func (f *fakeEngine) Wait(ctx context.Context, arn string) (*engine.Result, error) {
	return f.wait(ctx, arn)
}

func (f *fakeEngine) Call(_ context.Context, req *engine.InvokeRequest) (*engine.Result, error) {
	return f.call(req)
}

func (f *fakeEngine) LogTail(context.Context, string) (string, error) { return f.logTail, nil }

func (f *fakeEngine) Checkpoint(_ context.Context, req *engine.CheckpointRequest) (*engine.CheckpointReply, error) {
	return f.checkpoint(req)
}

func (f *fakeEngine) State(_ context.Context, arn, token, marker string, maxItems int) ([]*protocol.Operation, string, error) {
	return f.state(arn, token, marker, maxItems)
}

func (f *fakeEngine) Describe(_ context.Context, arn string) (*engine.Description, error) {
	return f.describe(arn)
}

func (f *fakeEngine) History(_ context.Context, req *engine.HistoryRequest) ([]*protocol.Event, string, error) {
	return f.history(req)
}

func (f *fakeEngine) List(_ context.Context, req *engine.ListRequest) ([]engine.Summary, string, error) {
	return f.list(req)
}

func (f *fakeEngine) Stop(_ context.Context, req *engine.StopRequest) (protocol.Timestamp, error) {
	return f.stop(req.ARN, req.Reason)
}

func (f *fakeEngine) Pause(_ context.Context, req *engine.PauseRequest) error { return f.pause(req) }

func (f *fakeEngine) Resume(_ context.Context, req *engine.ResumeRequest) error { return f.resume(req) }

func (f *fakeEngine) Delete(_ context.Context, arn string) (protocol.Timestamp, error) {
	return f.delete(arn)
}

func (f *fakeEngine) SucceedCallback(_ context.Context, id string, result []byte) error {
	return f.succeed(id, result)
}

func (f *fakeEngine) FailCallback(_ context.Context, id string, reason *protocol.ErrorObject) error {
	return f.fail(id, reason)
}

func (f *fakeEngine) HeartbeatCallback(_ context.Context, id string) error { return f.heartbeat(id) }

// durableFunction is a lookup that knows one durable function.
func durableFunction(config engine.DurableConfig) func(string, string) (engine.Function, error) {
	return func(string, string) (engine.Function, error) {
		return engine.Function{Name: "order", Version: "7", Durable: &config}, nil
	}
}

func plainFunction(string, string) (engine.Function, error) {
	return engine.Function{Name: "plain", Version: protocol.LatestVersion}, nil
}

// serve starts the API on a loopback port. Faults are logged to the buffer.
func serve(t testing.TB, e Engine, opts *Options) (url string, logged *bytes.Buffer) {
	t.Helper()
	if opts == nil {
		opts = &Options{}
	}
	logged = &bytes.Buffer{}
	opts.Logger = slog.New(slog.NewTextHandler(logged, nil))
	functions, fake := e.(Functions)
	if !fake {
		functions = e.(*engine.Engine).Functions()
	}
	return newServer(t, New(e, functions, opts)).URL, logged
}

func newServer(t testing.TB, h http.Handler) *httptest.Server {
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv
}

// sdkClient is AWS's own client, pointed at the API. It does not retry, so
// that faults are seen once.
func sdkClient(url string) *lambda.Client {
	return lambda.New(lambda.Options{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(url),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "secret"}, nil
		}),
		RetryMaxAttempts: 1,
	})
}

// answer is an HTTP response, read.
type answer struct {
	status int
	header http.Header
	body   string
}

// request sends one request by hand. The path is sent as it is.
func request(t testing.TB, url, method, path, body string, header ...string) answer {
	t.Helper()
	req, err := http.NewRequest(method, url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(b)}
}

var quiet = slog.New(slog.DiscardHandler)

// checkAnswer compares an answer with an expected status, error code and
// message, the last two empty for a success.
func checkAnswer(t *testing.T, got answer, status int, code, message string) {
	t.Helper()
	if got.status != status || got.header.Get("x-amzn-ErrorType") != code {
		t.Errorf("got %d %q, want %d %q; body %.300s", got.status, got.header.Get("x-amzn-ErrorType"), status, code, got.body)
	}
	if got.header.Get("x-amzn-RequestId") == "" {
		t.Error("got no request id")
	}
	if code == "" {
		return
	}
	var body struct{ Type, Lower, Message string }
	if err := json.Unmarshal([]byte(strings.Replace(got.body, `"message"`, `"Lower"`, 1)), &body); err != nil {
		t.Fatalf("the body is not JSON: %q", got.body)
	}
	if diff := cmp.Diff(message, body.Message); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
	if body.Lower != body.Message || body.Type == "" {
		t.Errorf("got body %.300s, want both messages and a type", got.body)
	}
}
