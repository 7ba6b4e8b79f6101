package adminapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/internal/client"
	"github.com/perdure/perdure/internal/core/store/memstore"
	"github.com/perdure/perdure/internal/function/attached"
	"github.com/perdure/perdure/protocol"
)

// world is an engine on a memory store behind the API.
type world struct {
	engine  *engine.Engine
	client  *client.Client
	url     string
	workers *attached.Hub
}

func newWorld(t *testing.T) *world {
	t.Helper()
	e, err := engine.Open(t.Context(), memstore.New(), nil)
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	workers := &attached.Hub{}
	server := httptest.NewServer(adminapi.New(e, e.Functions(), &adminapi.Options{Logger: quiet, Version: "v1", Workers: workers}))
	t.Cleanup(func() {
		server.Close()
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return &world{e, &client.Client{Endpoint: server.URL}, server.URL, workers}
}

// register adds a durable function that answers every invocation with answer.
func (w *world) register(t *testing.T, name string, answer string) {
	t.Helper()
	err := w.engine.Functions().Register(engine.Function{
		Name: name, Invoker: invoker(func(*engine.Invocation) engine.Outcome { return engine.Outcome{Payload: []byte(answer)} }),
		Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour},
	})
	if err != nil {
		t.Fatal(err)
	}
}

type invoker func(*engine.Invocation) engine.Outcome

func (f invoker) Invoke(_ context.Context, inv *engine.Invocation) engine.Outcome { return f(inv) }

func TestAbout(t *testing.T) {
	w := newWorld(t)
	w.register(t, "order", `{"Status":"SUCCEEDED"}`)
	got, err := w.client.About(t.Context())
	want := &adminapi.About{Name: "perdure", Version: "v1",
		Functions: []adminapi.FunctionVersion{{Name: "order", Version: "$LATEST", Durable: true}}}
	if age := time.Since(protocol.Timestamp(got.Timestamp).Time()); age < 0 || age > time.Minute {
		t.Errorf("got the time %d", got.Timestamp)
	}
	got.Timestamp = 0
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
}

// TestAboutTellsReaders: whoever may only look is told so, and can be offered nothing else.
func TestAboutTellsReaders(t *testing.T) {
	w := newWorld(t)
	face := adminapi.New(w.engine, w.engine.Functions(), nil)
	for want, access := range map[bool]route.Access{true: route.Readers, false: route.Readers | route.Operators} {
		req := route.By(&route.Caller{Access: access}, httptest.NewRequest("GET", "/perdure/about", nil))
		answer := httptest.NewRecorder()
		face.ServeHTTP(answer, req)
		var got adminapi.About
		if err := json.Unmarshal(answer.Body.Bytes(), &got); err != nil || got.ReadOnly != want {
			t.Errorf("access %b: got %s, %v, want ReadOnly %v", access, answer.Body, err, want)
		}
	}
}

func TestRefusalsAreTheLambdaAPIs(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		method, path string
		status       int
		code         protocol.Code
	}{
		{"GET", "/perdure/nonsense", 404, protocol.CodeNotFound},
		{"POST", "/perdure/about", 400, protocol.CodeInvalidParameter},
	} {
		req, err := http.NewRequestWithContext(t.Context(), test.method, w.url+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if code := protocol.Code(resp.Header.Get("X-Amzn-Errortype")); resp.StatusCode != test.status || code != test.code {
			t.Errorf("%s %s: got %d %s, want %d %s", test.method, test.path, resp.StatusCode, code, test.status, test.code)
		}
	}
}

func TestClientOfSomethingElse(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	_, err := (&client.Client{Endpoint: server.URL}).About(t.Context())
	if refused, ok := errors.AsType[*protocol.Error](err); err == nil || ok {
		t.Errorf("got %v (refusal %v), want an error that is no refusal of an engine", err, refused)
	}
}

// refusedBody is a body that the server takes no more of.
type refusedBody struct{}

func (refusedBody) Read([]byte) (int, error) {
	return 0, protocol.Errorf(protocol.CodeRequestTimeout, "The body of the request did not keep arriving.")
}

// TestRefusedBody: what the server says of a body reaches the client as it is.
func TestRefusedBody(t *testing.T) {
	w := newWorld(t)
	answer := httptest.NewRecorder()
	adminapi.New(w.engine, w.engine.Functions(), nil).ServeHTTP(answer,
		httptest.NewRequest("POST", "/perdure/executions/arn/skip", refusedBody{}))
	if got := answer.Header().Get("X-Amzn-Errortype"); got != string(protocol.CodeRequestTimeout) {
		t.Errorf("got %d %s, want %s", answer.Code, got, protocol.CodeRequestTimeout)
	}
}
