package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/engine/memstore"
	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/api/credentials"
	"github.com/perdure/perdure/internal/api/lambdaapi"
	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/internal/api/server"
	"github.com/perdure/perdure/internal/client"
	"github.com/perdure/perdure/internal/freeport"
	"github.com/perdure/perdure/internal/function/inprocess"
	"github.com/perdure/perdure/internal/sdk/sign"
	"github.com/perdure/perdure/protocol"
)

// key is the only one that the server of these tests lets in.
type key struct{}

func (key) Find(id string) (credentials.Credential, bool) {
	return credentials.Credential{Name: "deploy", KeyID: "AKID", Secret: "a secret", Access: credentials.Full}, id == "AKID"
}

// plain is a function that is not durable.
type plain struct{}

func (plain) Invoke(_ context.Context, inv *engine.Invocation) engine.Outcome {
	if bytes.Contains(inv.Payload, []byte("fail")) {
		return engine.Outcome{Error: &protocol.ErrorObject{ErrorType: "Oops", ErrorMessage: "it failed"}}
	}
	return engine.Outcome{Payload: append([]byte("1"), inv.Payload...)}
}

// approval waits for somebody.
func approval(ctx durable.Context, what string) (string, error) {
	cb, err := durable.CreateCallback[string](ctx, "approval")
	if err != nil {
		return "", err
	}
	who, err := cb.Result(ctx)
	return what + " by " + who, err
}

// open serves an engine that has a durable function "ask" and a plain one, to
// those who sign with the key.
func open(t *testing.T) *client.Client {
	t.Helper()
	e, err := engine.Open(t.Context(), memstore.New(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close(context.Background()) })
	handler := durable.NewHandler(approval, durable.WithClient(inprocess.Client{Engine: e}))
	for _, f := range []engine.Function{
		{Name: "ask", Timeout: time.Minute, Invoker: inprocess.Invoker{Handler: handler},
			Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour}},
		{Name: "plain", Timeout: time.Minute, Invoker: plain{}},
	} {
		if err := e.Functions().Register(f); err != nil {
			t.Fatal(err)
		}
	}
	quiet := slog.New(slog.DiscardHandler)
	s := server.New([]*route.Face{
		lambdaapi.New(e, e.Functions(), &lambdaapi.Options{Logger: quiet}),
		adminapi.New(e, e.Functions(), &adminapi.Options{Logger: quiet}),
	}, &server.Options{Logger: quiet, Credentials: key{}})
	l := httptest.NewServer(s.Handler())
	t.Cleanup(l.Close)
	return &client.Client{Endpoint: l.URL, Key: sign.Credentials{KeyID: "AKID", Secret: "a secret"}}
}

// An execution's whole life, each request signed.
func TestExecution(t *testing.T) {
	c, ctx := open(t), t.Context()
	started, err := c.Invoke(ctx, &client.Invocation{Function: "ask", Name: "a-1", Event: []byte(`"a holiday"`)})
	if err != nil || started.ARN == "" {
		t.Fatalf("got %+v, %v", started, err)
	}
	_, err = c.Invoke(ctx, &client.Invocation{Function: "ask", Name: "a-1", Event: []byte(`"a car"`)})
	if !protocol.HasCode(err, protocol.CodeAlreadyStarted) {
		t.Errorf("another event: got %v", err)
	}
	var id string
	for e, err := range c.Watch(ctx, started.ARN) {
		if err != nil {
			t.Fatal(err)
		}
		if e.CallbackID != "" {
			id = e.CallbackID
			break
		}
	}
	if err := c.HeartbeatCallback(ctx, id); err != nil {
		t.Error(err)
	}
	if err := c.Pause(ctx, started.ARN, "lunch & more", false); err != nil {
		t.Error(err)
	}
	if err := c.SucceedCallback(ctx, id, []byte("the boss")); err != nil {
		t.Error(err)
	}
	x, err := c.Execution(ctx, started.ARN)
	if err != nil || x.Pause == nil || x.Pause.Reason != "lunch & more" || !json.Valid(x.JSON) {
		t.Errorf("got %+v, %v, want a pause", x, err)
	}
	if err := c.Resume(ctx, started.ARN, ""); err != nil {
		t.Error(err)
	}
	var types []string
	for e, err := range c.Watch(ctx, started.ARN) {
		if err != nil {
			t.Fatal(err)
		}
		types = append(types, string(e.Type))
	}
	if last := types[len(types)-1]; last != "ExecutionSucceeded" {
		t.Errorf("it ended with %s, after %v", last, types)
	}
	if x, err = c.Execution(ctx, started.ARN); err != nil || *x.Result != `"a holiday by the boss"` || x.Closed < x.Started {
		t.Errorf("got %+v, %v", x, err)
	}
	found := 0
	for _, err := range c.Find(ctx, engine.ListRequest{Filter: engine.Filter{Function: "ask", Name: "a-*"}, MaxItems: 1}) {
		if found++; err != nil {
			t.Fatal(err)
		}
	}
	if found != 1 {
		t.Errorf("found %d executions, want 1", found)
	}
	if _, err := c.Delete(ctx, started.ARN); err != nil {
		t.Error(err)
	}
	if _, err := c.Execution(ctx, started.ARN); !protocol.HasCode(err, protocol.CodeNotFound) {
		t.Errorf("after the deletion: got %v", err)
	}
}

func TestPlainFunction(t *testing.T) {
	c, ctx := open(t), t.Context()
	f, err := c.Function(ctx, "plain")
	if err != nil || f.DurableConfig != nil {
		t.Errorf("got %+v, %v", f, err)
	}
	out, err := c.Invoke(ctx, &client.Invocation{Function: "plain", Event: []byte("2"), Wait: true})
	if err != nil || string(out.Answer) != "12" || out.Failed {
		t.Errorf("got %+v, %v, want 12", out, err)
	}
	out, err = c.Invoke(ctx, &client.Invocation{Function: "plain", Event: []byte(`"fail"`), Wait: true})
	if err != nil || !out.Failed || !strings.Contains(string(out.Answer), "it failed") {
		t.Errorf("got %+v, %v, want a failure", out, err)
	}
}

func TestQualified(t *testing.T) {
	for in, want := range map[string]string{
		"order": "order:$LATEST", "order:7": "order:7",
		"arn:aws:lambda:us-east-1:000000000000:function:order":   "arn:aws:lambda:us-east-1:000000000000:function:order:$LATEST",
		"arn:aws:lambda:us-east-1:000000000000:function:order:7": "arn:aws:lambda:us-east-1:000000000000:function:order:7",
	} {
		if got := client.Qualified(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

// Whoever does not answer as an engine is no refusal, and neither is nobody.
func TestNoEngine(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("hello")) }))
	defer other.Close()
	for _, url := range []string{other.URL, "http://" + freeport.For(t)} {
		_, err := (&client.Client{Endpoint: url}).Execution(t.Context(), "arn")
		if _, refused := errors.AsType[*protocol.Error](err); err == nil || refused {
			t.Errorf("%s: got %v, want an error of the way there", url, err)
		}
	}
	wrong := open(t)
	wrong.Key.Secret = "a guess"
	if _, err := wrong.About(t.Context()); !protocol.HasCode(err, protocol.CodeInvalidSignature) {
		t.Errorf("a wrong secret: got %v", err)
	}
}
