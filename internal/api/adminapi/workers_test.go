package adminapi_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/function/attached"
	"github.com/perdure/perdure/protocol"
)

func wantNotFound(t *testing.T, what string, err error) {
	t.Helper()
	if refused, ok := errors.AsType[*protocol.Error](err); !ok || refused.Code != protocol.CodeNotFound {
		t.Errorf("%s: got %v, want %s", what, err, protocol.CodeNotFound)
	}
}

// A worker hears with its next beat that an execution was killed; its outcome counts no more, and it takes the next one.
func TestKillAtAWorker(t *testing.T) {
	w := newWorld(t)
	err := w.engine.Functions().Register(engine.Function{
		Name: "far", Timeout: time.Minute, Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour}, Concurrency: 1,
		Invoker: w.workers.Function(attached.Settings{Name: "far", Version: "$LATEST", Timeout: time.Minute}),
	})
	if err != nil {
		t.Fatal(err)
	}
	start := func(name string) string {
		s, err := w.engine.Start(t.Context(), &engine.InvokeRequest{Function: "far", Name: name, Payload: []byte(`1`)})
		if err != nil {
			t.Fatal(err)
		}
		return s.ARN
	}
	c := w.client
	joined, err := c.Join(t.Context(), "far", "here")
	if err != nil {
		t.Fatal(err)
	}
	killed := start("killed")
	inv, err := c.Next(t.Context(), joined.Worker)
	if err != nil || inv.ExecutionArn != killed {
		t.Fatalf("got %+v, %v, want %s", inv, err, killed)
	}
	next := start("next")
	if err := c.StopAll(t.Context(), killed, &adminapi.Stop{Kill: true}); err != nil {
		t.Fatal(err)
	}
	second, err := c.Next(t.Context(), joined.Worker) // which waits until the first has let go of its place
	if err != nil || second.ExecutionArn != next {
		t.Fatalf("got %+v, %v, want %s", second, err, next)
	}
	running := &adminapi.WorkerBeat{Running: []string{inv.RequestID, second.RequestID}}
	cancelled, err := c.Beat(t.Context(), joined.Worker, running)
	if err != nil || len(cancelled) != 1 || cancelled[0] != inv.RequestID {
		t.Errorf("got %q, %v, want that %s is cancelled", cancelled, err, inv.RequestID)
	}
	outcome := func(id string) *adminapi.WorkerOutcome {
		return &adminapi.WorkerOutcome{RequestID: id, Payload: []byte(`{"Status":"SUCCEEDED","Result":"42"}`)}
	}
	wantNotFound(t, "the outcome of a killed one", c.Finish(t.Context(), joined.Worker, outcome(inv.RequestID)))
	if err := c.Finish(t.Context(), joined.Worker, outcome(second.RequestID)); err != nil {
		t.Fatal(err)
	}
	for arn, want := range map[string]protocol.ExecutionStatus{
		killed: protocol.ExecutionStopped, next: protocol.ExecutionSucceeded,
	} {
		if r, err := w.engine.Wait(t.Context(), arn); err != nil || r.Status != want {
			t.Errorf("%s: got %+v, %v, want %s", arn, r, err, want)
		}
	}
}

func TestWorker(t *testing.T) {
	w := newWorld(t)
	err := w.engine.Functions().Register(engine.Function{
		Name: "far", Timeout: time.Minute, Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour},
		Invoker: w.workers.Function(attached.Settings{Name: "far", Version: "$LATEST", Timeout: time.Minute, MemoryMB: 256,
			Region: "us-east-1", Account: "000000000000"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.register(t, "other", `{"Status":"SUCCEEDED"}`)
	start := func(function string) string {
		s, err := w.engine.Start(t.Context(), &engine.InvokeRequest{Function: function, Payload: []byte(`1`)})
		if err != nil {
			t.Fatal(err)
		}
		return s.ARN
	}
	mine, others := start("far"), start("other")

	c := w.client
	_, err = c.Join(t.Context(), "nobody", "here")
	wantNotFound(t, "join", err)
	joined, err := c.Join(t.Context(), "far", "here")
	if err != nil {
		t.Fatal(err)
	}
	want := &adminapi.Joined{Worker: joined.Worker, Version: "$LATEST", TimeoutMs: 60_000, MemoryMB: 256, Region: "us-east-1",
		Account: "000000000000"}
	if diff := cmp.Diff(want, joined); diff != "" {
		t.Errorf("joined (-want +got):\n%s", diff)
	}
	inv, err := c.Next(t.Context(), joined.Worker)
	if err != nil || inv == nil || inv.ExecutionArn != mine || inv.TimeoutMs != 60_000 || len(inv.Payload) == 0 {
		t.Fatalf("got %+v, %v", inv, err)
	}
	line := adminapi.WorkerLine{Time: time.Now(), ExecutionArn: mine, RequestID: inv.RequestID, Stream: "stdout", Text: "hello"}
	stolen := line
	stolen.ExecutionArn, stolen.Text = others, "not mine"
	odd, long := line, line // the bounds of a log are those of its text
	odd.Stream, long.RequestID = strings.Repeat("x", 1<<20), strings.Repeat("x", 1<<20)
	if _, err := c.Beat(t.Context(), joined.Worker,
		&adminapi.WorkerBeat{Running: []string{inv.RequestID}, Lines: []adminapi.WorkerLine{line, stolen, odd, long}}); err != nil {
		t.Fatal(err)
	}
	outcome := &adminapi.WorkerOutcome{RequestID: inv.RequestID, Payload: []byte(`{"Status":"SUCCEEDED","Result":"42"}`)}
	if err := c.Finish(t.Context(), joined.Worker, outcome); err != nil {
		t.Fatal(err)
	}
	wantNotFound(t, "a second outcome", c.Finish(t.Context(), joined.Worker, outcome))
	if r, err := w.engine.Wait(t.Context(), mine); err != nil || r.Payload == nil || *r.Payload != "42" {
		t.Errorf("got %+v, %v; want 42", r, err)
	}
	for arn, want := range map[string]int{mine: 1, others: 0} {
		if lines, err := c.Log(t.Context(), arn, 0); err != nil || len(lines) != want {
			t.Errorf("got %d lines, %v; want %d", len(lines), err, want)
		}
	}
	if err := c.Leave(t.Context(), joined.Worker); err != nil {
		t.Error(err)
	}
	_, err = c.Next(t.Context(), joined.Worker)
	wantNotFound(t, "next after leave", err)
	_, err = c.Beat(t.Context(), joined.Worker, &adminapi.WorkerBeat{})
	wantNotFound(t, "beat after leave", err)
}
