package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/api/lambdaapi"
	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/internal/api/server"
	"github.com/perdure/perdure/internal/client"
	"github.com/perdure/perdure/internal/core/store/pgstore"
	"github.com/perdure/perdure/internal/function/inprocess"
	"github.com/perdure/perdure/protocol"
)

// api is a client of one node. It does not retry: the tests do, and know why.
type api struct {
	client.Client
	name   string
	lambda *lambda.Client
}

func newAPI(name, address string) *api {
	transport := &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute}
	return &api{
		name: name, Client: client.Client{Endpoint: "http://" + address, Transport: transport},
		lambda: lambda.New(lambda.Options{
			BaseEndpoint: aws.String("http://" + address), Region: "us-east-1", RetryMaxAttempts: 1,
			HTTPClient: &http.Client{Transport: transport},
			Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "any", SecretAccessKey: "any"}, nil
			}),
		}),
	}
}

// checkpoint records a step that succeeded, as the function's SDK would, and returns the next token.
func (a *api) checkpoint(ctx context.Context, arn, token, clientToken, step string) (next string, err error) {
	out, err := a.lambda.CheckpointDurableExecution(ctx, &lambda.CheckpointDurableExecutionInput{
		DurableExecutionArn: &arn, CheckpointToken: &token, ClientToken: &clientToken,
		Updates: []types.OperationUpdate{
			{Id: &step, Name: &step, Type: types.OperationTypeStep, Action: types.OperationActionStart},
			{Id: &step, Name: &step, Type: types.OperationTypeStep, Action: types.OperationActionSucceed},
		},
	})
	if err != nil {
		return "", refusal(err)
	}
	return aws.ToString(out.CheckpointToken), nil
}

// node is an engine in this process, with a server, over a store of its own handle.
type node struct {
	*api
	engine *engine.Engine
	store  engine.Store
	server *httptest.Server
}

// nodeOptions say how a node in this process is.
type nodeOptions struct {
	name     string
	store    engine.Store
	register func(t *testing.T, e *engine.Engine)
}

func openNode(t *testing.T, o *nodeOptions) *node {
	t.Helper()
	log := nodeLog(t, o.name)
	e, err := engine.Open(t.Context(), o.store, &engine.Options{
		Logger: log, Node: engine.NodeOptions{Name: o.name, Version: "test", Lease: lease},
	})
	if err != nil {
		t.Fatalf("opening %s: %v", o.name, err)
	}
	n := &node{engine: e, store: o.store}
	n.server = httptest.NewServer(server.New([]*route.Face{
		lambdaapi.New(e, e.Functions(), &lambdaapi.Options{Logger: log}),
		adminapi.New(e, e.Functions(), &adminapi.Options{Logger: log}),
	}, &server.Options{Logger: log, Ready: e.Ready}).Handler())
	n.api = newAPI(o.name, n.server.Listener.Addr().String())
	o.register(t, e)
	t.Cleanup(func() { n.close(t) })
	return n
}

func (n *node) close(t *testing.T) {
	n.server.CloseClientConnections()
	n.server.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := n.engine.Close(ctx); err != nil {
		t.Errorf("closing %s: %v", n.name, err)
		return
	}
	n.store.Close()
}

// nodeLog writes what a node says to a file of its own.
func nodeLog(t *testing.T, name string) *slog.Logger {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(keptDir(t), name+".log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return slog.New(slog.NewTextHandler(f, nil))
}

// register makes handler a durable function of e.
func register[In, Out any](t *testing.T, e *engine.Engine, name string, handler func(durable.Context, In) (Out, error)) {
	t.Helper()
	registerInvoker(t, e, name, inprocess.Invoker{
		Handler: durable.NewHandler(handler, durable.WithClient(inprocess.Client{Engine: e})),
	})
}

func registerInvoker(t *testing.T, e *engine.Engine, name string, invoker engine.Invoker) {
	t.Helper()
	if err := e.Functions().Register(engine.Function{
		Name: name, Timeout: 15 * time.Minute, Concurrency: 1000, Invoker: invoker,
		Durable: &engine.DurableConfig{ExecutionTimeout: 24 * time.Hour},
	}); err != nil {
		t.Fatal(err)
	}
}

// hands is a function that a test plays by hand, by making its checkpoints: it hears of an invocation, which goes on
// until the test ends it, or its engine.
type hands func(arn, token string) (end <-chan error)

// play is one invocation.
func (h hands) play(ctx context.Context, payload []byte) ([]byte, error) {
	var in struct{ DurableExecutionArn, CheckpointToken string }
	if err := json.Unmarshal(payload, &in); err != nil {
		return nil, err
	}
	select {
	case err := <-h(in.DurableExecutionArn, in.CheckpointToken):
		return []byte(`{"Status":"PENDING"}`), err
	case <-ctx.Done():
		return nil, fmt.Errorf("its engine ended it: %w", ctx.Err())
	}
}

// Invoke implements [engine.Invoker].
func (h hands) Invoke(ctx context.Context, inv *engine.Invocation) engine.Outcome {
	answer, err := h.play(ctx, inv.Payload)
	if err != nil {
		return engine.Outcome{Error: &protocol.ErrorObject{ErrorMessage: err.Error()}}
	}
	return engine.Outcome{Payload: answer}
}

// openStore is a node's own handle to a database.
func openStore(t *testing.T, address string) engine.Store {
	t.Helper()
	s, err := pgstore.Open(t.Context(), address, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
