package cli

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/protocol"
)

// Events that the engine writes must come back as they were.
func TestDecodeEventReadsWhatTheEngineWrites(t *testing.T) {
	text, reason := `{"a":1}`, &protocol.ErrorObject{ErrorType: "E", ErrorMessage: "m", StackTrace: []string{"at x"}}
	at := protocol.Timestamp(1_795_000_000_123)
	for _, want := range []*protocol.Event{
		{Type: protocol.EventExecutionStarted, ID: 1, Time: at, OpID: "id", Name: "n", Payload: &text, ExecutionTimeout: 60},
		{Type: protocol.EventStepStarted, ID: 2, Time: at, OpID: "1", Name: "s", ParentID: "p", SubType: "Step"},
		{Type: protocol.EventStepFailed, ID: 3, Time: at, OpID: "1", Error: reason, CurrentAttempt: 2, NextAttemptDelay: 5},
		{Type: protocol.EventStepSucceeded, ID: 4, Time: at, OpID: "1", Payload: &text, CurrentAttempt: 3},
		{Type: protocol.EventWaitStarted, ID: 5, Time: at, OpID: "2", Duration: 5, ScheduledEnd: at + 5000},
		{Type: protocol.EventCallbackStarted, ID: 6, Time: at, OpID: "3", CallbackID: "cb", Timeout: 9, HeartbeatTimeout: 3},
		{Type: protocol.EventChainedInvokeStarted, ID: 7, Time: at, OpID: "4", FunctionName: "f", ExecutedVersion: "1", DurableExecutionARN: "arn", Payload: &text},
		{Type: protocol.EventInvocationCompleted, ID: 8, Time: at, RequestID: "r", Start: at - 10, End: at, Error: reason},
		{Type: protocol.EventExecutionPaused, ID: 9, Time: at, OpID: "id", Name: "n", Requested: at - 5, TimeoutPaused: true, Payload: &text},
		{Type: protocol.EventExecutionResumed, ID: 9, Time: at, OpID: "id", Name: "n", Requested: at - 5},
		{Type: protocol.EventExecutionFailed, ID: 9, Time: at, OpID: "id", Name: "n", Error: reason},
	} {
		got, err := DecodeEvent(protocol.AppendEvent(nil, want, true))
		if err != nil {
			t.Fatalf("%s: %v", want.Type, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", want.Type, diff)
		}
	}
}

func TestDecodeEventOfNewerEngine(t *testing.T) {
	got, err := DecodeEvent([]byte(`{"EventType":"MoonRose","EventId":4,"EventTimestamp":1.5,"MoonRoseDetails":{"Phase":"full"}}`))
	want := &protocol.Event{Type: "MoonRose", ID: 4, Time: 1500}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	for _, bad := range []string{``, `[]`, `{"EventId":"x"}`, `{"EventType":"StepStarted","StepStartedDetails":3}`} {
		if _, err := DecodeEvent([]byte(bad)); err == nil {
			t.Errorf("DecodeEvent(%q): got no error", bad)
		}
	}
}

func FuzzDecodeEvent(f *testing.F) {
	f.Add([]byte(`{"EventType":"StepFailed","EventId":3,"EventTimestamp":1.5,"StepFailedDetails":{"Error":{"Payload":{"ErrorType":"E"}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if e, err := DecodeEvent(data); (e == nil) == (err == nil) {
			t.Errorf("got event %v and error %v", e, err)
		}
	})
}
