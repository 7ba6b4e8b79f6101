package top

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
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
)

// world is an engine with functions behind a port that can go away.
type world struct {
	t       *testing.T
	engine  *engine.Engine
	address string
	server  *http.Server

	listener net.Listener
}

// keys let in who operates and who reads.
type keys struct{}

func (keys) Find(id string) (credentials.Credential, bool) {
	access := map[string]credentials.Access{"OPERATOR": credentials.Full, "READER": credentials.Read}[id]
	return credentials.Credential{Name: id, KeyID: id, Secret: "secret", Access: access}, access != ""
}

func newWorld(t *testing.T) *world {
	t.Helper()
	e, err := engine.Open(t.Context(), memstore.New(), nil)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, engine: e, address: freeport.For(t)}
	w.appear()
	t.Cleanup(func() { w.vanish(); e.Close(context.Background()) })
	return w
}

// appear opens the port, which stays the same.
func (w *world) appear() {
	w.t.Helper()
	l, err := net.Listen("tcp", w.address)
	if err != nil {
		w.t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	faces := []*route.Face{
		lambdaapi.New(w.engine, w.engine.Functions(), &lambdaapi.Options{Logger: quiet}),
		adminapi.New(w.engine, w.engine.Functions(), &adminapi.Options{Logger: quiet, Version: "v9"}),
	}
	s := server.New(faces, &server.Options{Logger: quiet, Credentials: keys{}})
	w.listener, w.server = l, &http.Server{Handler: s.Handler()}
	go w.server.Serve(l)
}

// vanish closes the port, also if the server has not come to know it yet.
func (w *world) vanish() {
	w.listener.Close()
	w.server.Close()
}

func (w *world) client(key string) *client.Client {
	return &client.Client{
		Endpoint: "http://" + w.address, Key: sign.Credentials{KeyID: key, Secret: "secret"},
		Transport: &http.Transport{DisableKeepAlives: true},
	}
}

func (w *world) options(key string) *Options {
	return &Options{Client: w.client(key), Interval: 100 * time.Millisecond, Word: func(err error) error {
		if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
			return errors.New("no engine at " + w.address)
		}
		return err
	}}
}

// register adds a durable function.
func register[I, O any](w *world, name string, f func(durable.Context, I) (O, error)) {
	w.t.Helper()
	handler := durable.NewHandler(f, durable.WithClient(inprocess.Client{Engine: w.engine}))
	err := w.engine.Functions().Register(engine.Function{Name: name, Timeout: time.Minute,
		Invoker: inprocess.Invoker{Handler: handler}, Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour}})
	if err != nil {
		w.t.Fatal(err)
	}
}

// ask waits for a callback, and decline fails.
func ask(ctx durable.Context, _ any) (string, error) {
	cb, err := durable.CreateCallback[string](ctx, "approval")
	if err != nil {
		return "", err
	}
	return cb.Result(ctx)
}

type declined struct{}

func (declined) Error() string { return "the card \x1b[2Jis declined" }

func decline(durable.Context, any) (string, error) { return "", declined{} }

// start starts an execution, and waits for its end, or for its callback.
func (w *world) start(function, name string, ends bool) string {
	w.t.Helper()
	started, err := w.engine.Start(w.t.Context(), &engine.InvokeRequest{Function: function, Name: name, Payload: []byte("1")})
	if err != nil {
		w.t.Fatal(err)
	}
	for e, err := range w.client("OPERATOR").Watch(w.t.Context(), started.ARN) {
		if err != nil {
			w.t.Fatal(err)
		}
		if e.CallbackID != "" && !ends {
			break
		}
	}
	return started.ARN
}
