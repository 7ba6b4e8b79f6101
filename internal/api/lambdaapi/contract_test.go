package lambdaapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store/memstore"
	"github.com/perdure/perdure/protocol"
)

// contract is what AWS documents of one operation: how it is called, and which
// errors it may answer. The table is in contracts_test.go.
type contract struct {
	// call makes a request, with AWS's client where that knows the operation.
	call func(c *caller, s *subject) error
	// subject is one with which the call succeeds.
	subject func(w *world) *subject
	// refused has, for each documented error, a subject with which the call
	// fails so, and a piece of the message.
	refused map[protocol.Code]refused
	// never has the documented errors that cannot come up here, and why.
	never map[protocol.Code]string
}

type refused struct {
	text    string
	subject func(w *world) *subject
}

// subject is what a call is about. Each operation reads the members that it has.
type subject struct {
	arn, token, callback                    string
	function, qualifier, alias, version     string
	name, payload, marker, revision, reason string
	kind                                    types.InvocationType
}

// TestEveryOperation calls every operation of the route table, with AWS's
// client and a real engine.
func TestEveryOperation(t *testing.T) {
	for name, c := range eachContract(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if err := c.call(w.caller(), c.subject(w)); err != nil {
				t.Errorf("got error %v", err)
			}
		})
	}
}

// TestEveryDocumentedError provokes every error that AWS documents of every
// operation, or knows why it cannot come up.
func TestEveryDocumentedError(t *testing.T) {
	for name, c := range eachContract(t) {
		for _, code := range documentedErrors[name] {
			if reason := c.never[code]; reason != "" {
				continue
			}
			t.Run(name+"/"+string(code), func(t *testing.T) {
				t.Parallel()
				r, ok := c.refused[code]
				if !ok {
					t.Fatalf("the contract of %s says neither how %s comes up nor why it never does", name, code)
				}
				w := newWorld(t)
				checkError(t, c.call(w.caller(), r.subject(w)), code, r.text)
			})
		}
	}
}

// TestEveryErrorReachesTheClient has the engine refuse every operation with
// every documented error, the ones included that it never has.
func TestEveryErrorReachesTheClient(t *testing.T) {
	sample := &subject{
		arn: testARN, token: testToken, callback: testID, function: "shop", qualifier: "1", alias: "live", version: "1",
		payload: "{}", kind: types.InvocationTypeEvent,
	}
	for name, c := range eachContract(t) {
		for _, code := range documentedErrors[name] {
			t.Run(name+"/"+string(code), func(t *testing.T) {
				e := &refusing{err: protocol.Errorf(code, "why not")}
				to := &caller{t: t, url: newServer(t, New(e, e, &Options{Logger: quiet})).URL}
				checkError(t, c.call(to, sample), code, "why not")
			})
		}
	}
}

// eachContract returns the contracts of all operations that are served, and
// fails the test if one has none or a contract has no operation.
func eachContract(t *testing.T) map[string]contract {
	t.Helper()
	all := map[string]contract{}
	for _, r := range new(api).routes() {
		c, ok := contracts[r.Operation]
		if !ok {
			t.Errorf("%s has no entry in contracts: every operation is tested with a client of AWS's, and each of its documented errors",
				r.Operation)
			continue
		}
		all[r.Operation] = c
	}
	for name := range contracts {
		if _, ok := all[name]; !ok {
			t.Errorf("%s has a contract, but is not in the route table", name)
		}
	}
	return all
}

func checkError(t *testing.T, err error, code protocol.Code, text string) {
	t.Helper()
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok || api.ErrorCode() != string(code) || !strings.Contains(api.ErrorMessage(), text) {
		t.Errorf("got %v, want %s: …%s…", err, code, text)
	}
	if status, ok := errors.AsType[interface {
		error
		HTTPStatusCode() int
	}](err); !ok || status.HTTPStatusCode() != statuses[code] {
		t.Errorf("got status of %v, want %d", err, statuses[code])
	}
}

// caller calls one endpoint.
type caller struct {
	t   *testing.T
	url string
}

func (c *caller) sdk() *lambda.Client { return sdkClient(c.url) }

// raw makes a request that AWS's client for Go does not know. Its error is like
// those of that client.
func (c *caller) raw(method, path, body string) error {
	got := request(c.t, c.url, method, path, body)
	if got.status/100 == 2 {
		return nil
	}
	var doc struct{ Message string }
	if err := json.Unmarshal([]byte(strings.Replace(got.body, `"message"`, `"-"`, 1)), &doc); err != nil {
		return fmt.Errorf("answer %d %s: %w", got.status, got.body, err)
	}
	return &rawError{smithy.GenericAPIError{Code: got.header.Get("x-amzn-ErrorType"), Message: doc.Message}, got.status}
}

type rawError struct {
	smithy.GenericAPIError
	status int
}

func (e *rawError) HTTPStatusCode() int { return e.status }

// execution is the path of an execution, as clients escape it.
func (s *subject) execution(suffix string) string {
	return executions + url.PathEscape(s.arn) + suffix
}

// world is a real engine behind the API, with functions of every kind:
//
//	shop    durable; version 1 is published, the alias live points to it
//	manual  durable; its invocations end when the test says how
//	slow    plain; its calls do not end
type world struct {
	t      *testing.T
	url    string
	store  *memstore.Store
	engine *engine.Engine
	api    atomic.Pointer[http.Handler]
	made   *releases
	began  chan *held
}

func newWorld(t *testing.T) *world {
	w := &world{
		t: t, store: memstore.New(), began: make(chan *held, 10),
		made: &releases{made: map[string]release{"red": {name: "red"}}},
	}
	w.open(true)
	t.Cleanup(func() { w.engine.Close(context.Background()) })
	w.url = newServer(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		(*w.api.Load()).ServeHTTP(rw, r)
	})).URL
	ctx := t.Context()
	_, err := w.engine.Functions().PublishVersion(ctx, &engine.PublishRequest{Function: "shop"})
	w.must(err)
	_, err = w.engine.Functions().CreateAlias(ctx, &engine.AliasChange{Function: "shop", Name: "live", Version: aws.String("1")})
	w.must(err)
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// open puts an engine behind the API. Without versions nothing can run those
// that were published.
func (w *world) open(versions bool) {
	var err error
	w.engine, err = engine.Open(w.t.Context(), w.store, nil)
	w.must(err)
	if versions {
		w.must(w.engine.Functions().RunVersions(w.t.Context(), w.made))
	}
	durable := &engine.DurableConfig{ExecutionTimeout: time.Hour}
	w.must(w.engine.Functions().Register(engine.Function{Name: "shop", Invoker: w.made.made["red"], Durable: durable}))
	w.must(w.engine.Functions().Register(engine.Function{Name: "manual", Invoker: manual{w}, Durable: durable, Timeout: time.Minute}))
	w.must(w.engine.Functions().Register(engine.Function{Name: "slow", Invoker: release{"slow", make(chan struct{})},
		Timeout: time.Minute}))
	var h http.Handler = New(w.engine, w.engine.Functions(), &Options{Logger: quiet})
	w.api.Store(&h)
}

// reopen is what a restart of the service does.
func (w *world) reopen(versions bool) {
	w.must(w.engine.Close(context.Background()))
	w.open(versions)
}

// lose takes the store away from a new engine, which has nothing in memory.
func (w *world) lose() {
	w.reopen(true)
	w.must(w.store.Close())
}

func (w *world) caller() *caller { return &caller{t: w.t, url: w.url} }

// manual is the invoker of the function of this name.
type manual struct{ w *world }

func (m manual) Invoke(ctx context.Context, inv *engine.Invocation) engine.Outcome {
	var in protocol.InvocationInput
	if err := json.Unmarshal(inv.Payload, &in); err != nil {
		m.w.t.Error(err)
	}
	h := &held{arn: inv.ExecutionARN, token: in.CheckpointToken, answer: make(chan string, 1), over: make(chan struct{})}
	defer close(h.over)
	m.w.began <- h
	select {
	case answer := <-h.answer:
		return engine.Outcome{Payload: []byte(answer)}
	case <-ctx.Done():
		return engine.Outcome{Error: &protocol.ErrorObject{ErrorType: "Held"}}
	}
}

// held is an invocation of manual.
type held struct {
	arn, token string
	answer     chan string
	over       chan struct{}
}

// hold starts an execution whose invocation is in flight.
func (w *world) hold() *held {
	w.t.Helper()
	_, err := w.engine.Start(w.t.Context(), &engine.InvokeRequest{Function: "manual"})
	w.must(err)
	return <-w.began
}

// closed is an execution that has succeeded, with the token that it had.
func (w *world) closed() *held {
	w.t.Helper()
	h := w.hold()
	h.answer <- `{"Status":"SUCCEEDED","Result":"1"}`
	_, err := w.engine.Wait(w.t.Context(), h.arn)
	w.must(err)
	return h
}

// callback is an open callback of an execution that waits for it.
func (w *world) callback() (id, arn string) {
	w.t.Helper()
	h := w.hold()
	reply, err := w.engine.Checkpoint(w.t.Context(), &engine.CheckpointRequest{ARN: h.arn, Token: h.token,
		Updates: []protocol.Update{{ID: "1", Type: protocol.TypeCallback, Action: protocol.ActionStart}}})
	w.must(err)
	h.answer <- `{"Status":"PENDING"}`
	return reply.Operations[0].CallbackID, h.arn
}

// refusing is an engine that does nothing but refuse. It knows one function.
type refusing struct {
	Engine
	Functions
	err error
}

func (r *refusing) Here(context.Context, string, string) error { return r.err }
func (r *refusing) Lookup(context.Context, string, string) (engine.Function, string, error) {
	return engine.Function{Name: "shop", Version: "1", Durable: &engine.DurableConfig{ExecutionTimeout: time.Minute}}, shopARN, nil
}

func (r *refusing) Configurations(context.Context, string) ([]*engine.Configuration, error) {
	return nil, r.err
}

func (r *refusing) Configuration(context.Context, string, string) (*engine.Configuration, error) {
	return nil, r.err
}
func (r *refusing) DeleteFunction(context.Context, string, string) (bool, error) { return false, r.err }
func (r *refusing) PublishVersion(context.Context, *engine.PublishRequest) (*engine.Configuration, error) {
	return nil, r.err
}

func (r *refusing) Alias(context.Context, string, string) (*engine.Alias, error) { return nil, r.err }

func (r *refusing) Aliases(context.Context, string, string) ([]*engine.Alias, error) {
	return nil, r.err
}

func (r *refusing) CreateAlias(context.Context, *engine.AliasChange) (*engine.Alias, error) {
	return nil, r.err
}

func (r *refusing) UpdateAlias(context.Context, *engine.AliasChange) (*engine.Alias, error) {
	return nil, r.err
}

func (r *refusing) DeleteAlias(context.Context, string, string) error { return r.err }

func (r *refusing) Start(context.Context, *engine.InvokeRequest) (*engine.Started, error) {
	return nil, r.err
}

func (r *refusing) Checkpoint(context.Context, *engine.CheckpointRequest) (*engine.CheckpointReply, error) {
	return nil, r.err
}

func (r *refusing) State(context.Context, string, string, string, int) ([]*protocol.Operation, string, error) {
	return nil, "", r.err
}

func (r *refusing) Describe(context.Context, string) (*engine.Description, error) { return nil, r.err }

func (r *refusing) History(context.Context, *engine.HistoryRequest) ([]*protocol.Event, string, error) {
	return nil, "", r.err
}

func (r *refusing) List(context.Context, *engine.ListRequest) ([]engine.Summary, string, error) {
	return nil, "", r.err
}

func (r *refusing) Stop(context.Context, *engine.StopRequest) (protocol.Timestamp, error) {
	return 0, r.err
}
func (r *refusing) Pause(context.Context, *engine.PauseRequest) error                 { return r.err }
func (r *refusing) Resume(context.Context, *engine.ResumeRequest) error               { return r.err }
func (r *refusing) Delete(context.Context, string) (protocol.Timestamp, error)        { return 0, r.err }
func (r *refusing) SucceedCallback(context.Context, string, []byte) error             { return r.err }
func (r *refusing) FailCallback(context.Context, string, *protocol.ErrorObject) error { return r.err }
func (r *refusing) HeartbeatCallback(context.Context, string) error                   { return r.err }
