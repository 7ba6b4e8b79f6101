package page

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// coldFunction answers after the start of a process, which takes a part of its time.
type coldFunction struct{}

func (coldFunction) Invoke(context.Context, *engine.Invocation) engine.Outcome {
	time.Sleep(3 * time.Millisecond)
	return engine.Outcome{Init: 2 * time.Millisecond, Payload: []byte(`{"Status":"SUCCEEDED"}`)}
}

// TestColdStartsAreShown: on the lane, in words, in the history, and on the function's page.
func TestColdStartsAreShown(t *testing.T) {
	f := newFixture(t)
	err := f.engine.Functions().Register(engine.Function{Name: "cold", Invoker: coldFunction{},
		Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	started, err := f.engine.Start(t.Context(), &engine.InvokeRequest{Function: "cold"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.engine.Wait(t.Context(), started.ARN); err != nil {
		t.Fatal(err)
	}
	at := "/ui/execution?" + url.Values{"arn": {started.ARN}, "inv": {"1"}}.Encode()
	want(t, f.get(at, 200), "(1 cold start, 2 ms)", `<g class="part cold"><title>cold start, 2 ms, from `,
		`fill="url(#p-cold)"`, "</svg> cold start</li>", "invocation 1, cold start, 2 ms ✕")
	want(t, f.get(at+"&view=history", 200), ", cold start, 2 ms</span>")
	want(t, f.get("/ui/function?name=cold", 200), "1 of 1 was a cold start, 2 ms of it")
}

// TestWarmInvocationsHaveNoColdStart: nothing is said of what did not happen.
func TestWarmInvocationsHaveNoColdStart(t *testing.T) {
	s := &scene{record: recorded(
		protocol.Event{Type: protocol.EventInvocationCompleted, Start: at(0), End: at(1), Init: 400 * time.Millisecond},
		protocol.Event{Type: protocol.EventInvocationCompleted, Start: at(2), End: at(3)},
		protocol.Event{Type: protocol.EventInvocationCompleted, Start: at(4), End: at(5), Init: time.Hour},
	), all: span{began, at(10)}}
	s.runs = s.record.invocations
	lanes := s.draw(parsePlace(nil), s.record.operations()).Invocations
	if lanes[0].Cold == nil || lanes[0].Cold.X != "0.00%" || lanes[0].Cold.Width != "4.00%" {
		t.Errorf("of 0.4 s of 10 got %+v", lanes[0].Cold)
	}
	if lanes[1].Cold != nil {
		t.Errorf("of a ready process got %+v", lanes[1].Cold)
	}
	if lanes[2].Cold == nil || lanes[2].Cold.Width != "10.00%" {
		t.Errorf("of a start that took longer than its invocation got %+v, want no more than that", lanes[2].Cold)
	}
}
