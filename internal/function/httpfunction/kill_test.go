package httpfunction_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store/memstore"
	"github.com/perdure/perdure/internal/function/httpfunction"
	"github.com/perdure/perdure/protocol"
)

// endpoint is a function behind HTTP that says when it is asked, and when the engine has hung up.
type endpoint struct{ asked, left chan struct{} }

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if !strings.Contains(string(body), "hang") {
		io.WriteString(w, `{"Status":"SUCCEEDED","Result":"1"}`)
		return
	}
	e.asked <- struct{}{}
	<-r.Context().Done()
	io.WriteString(w, `{"Status":"SUCCEEDED","Result":"2"}`) // too late
	e.left <- struct{}{}
}

// TestKill: the endpoint of an execution that is killed sees that its caller is gone, what it answers then counts no
// more, and it has a place for the next one.
func TestKill(t *testing.T) {
	asked := &endpoint{make(chan struct{}, 1), make(chan struct{}, 1)}
	server := httptest.NewServer(asked)
	defer server.Close()
	e, err := engine.Open(t.Context(), memstore.New(), &engine.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(context.Background())
	f, err := httpfunction.New(httpfunction.Config{URL: server.URL, Timeout: time.Hour, Concurrency: 1})
	if err != nil {
		t.Fatal(err)
	}
	err = e.Functions().Register(engine.Function{Name: "far", Timeout: time.Hour, Concurrency: 1, Invoker: f,
		Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	start := func(name, input string) string {
		s, err := e.Start(t.Context(), &engine.InvokeRequest{Function: "far", Name: name, Payload: []byte(input)})
		if err != nil {
			t.Fatal(err)
		}
		return s.ARN
	}
	hanging := start("hanging", `"hang"`)
	<-asked.asked
	next := start("next", `1`)
	if _, err := e.Stop(t.Context(), &engine.StopRequest{ARN: hanging, Kill: true}); err != nil {
		t.Fatal(err)
	}
	<-asked.left
	if r, err := e.Wait(t.Context(), next); err != nil || r.Status != protocol.ExecutionSucceeded {
		t.Errorf("the next one: got %+v, %v, want %s", r, err, protocol.ExecutionSucceeded)
	}
	d, err := e.Describe(t.Context(), hanging)
	if err != nil || d.Status != protocol.ExecutionStopped || d.Result != nil {
		t.Errorf("got %+v, %v, want one that was stopped", d, err)
	}
}
