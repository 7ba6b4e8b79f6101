package protocol_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/perdure/perdure/protocol"
)

// FuzzReader compares the reader with encoding/json: they accept the same
// texts and read the same strings.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{
		``, ` {} `, `[1,-0,0.5,1e9,1E-2,01,1.,-]`, `{"a":"b","a":[true,false,null]}`, `"\ud834\udd1e\ud834\u0041\u00e9"`,
		`[1,]`, `{,}`, `{"a"}`, "\"\x7f\x1f\"", `tru`, `nul`, `"\x"`, "\"\xff\"", `{} {}`, `[[]`, `[]]`, "\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := protocol.NewReader(data)
		d.Skip()
		d.End()
		if want := json.Valid(data) && utf8.Valid(data); want != (d.Err() == nil) && !nestsTooDeep(d.Err()) {
			t.Fatalf("got %v, want accepted: %v", d.Err(), want)
		}
		var want string
		if d.Err() != nil || json.Unmarshal(data, &want) != nil || first(data) != '"' {
			return
		}
		if got := protocol.NewReader(data).Text(); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

func nestsTooDeep(err error) bool { return err != nil && strings.Contains(err.Error(), "too deep") }

// first is the first byte of data that is no white space.
func first(data []byte) byte { return protocol.NewReader(data).Peek() }

// Events that the engine writes must come back as they were.
func TestReadEventReadsWhatTheEngineWrites(t *testing.T) {
	text, reason := `{"a":1}`, &protocol.ErrorObject{ErrorType: "E", ErrorMessage: "m", StackTrace: []string{"at x"}}
	at := protocol.Timestamp(1_795_000_000_123)
	for _, want := range []*protocol.Event{
		{Type: protocol.EventExecutionStarted, ID: 1, Time: at, OpID: "id", Name: "n", Payload: &text, ExecutionTimeout: 60},
		{Type: protocol.EventStepStarted, ID: 2, Time: at, OpID: "1", Name: "s", ParentID: "p", SubType: "Step"},
		{Type: protocol.EventStepFailed, ID: 3, Time: at, OpID: "1", Error: reason, CurrentAttempt: 2, NextAttemptDelay: 5},
		{Type: protocol.EventStepSucceeded, ID: 4, Time: at, OpID: "1", Payload: &text, CurrentAttempt: 3},
		{Type: protocol.EventWaitStarted, ID: 5, Time: at, OpID: "2", Duration: 5, ScheduledEnd: at + 5000},
		{Type: protocol.EventCallbackStarted, ID: 6, Time: at, OpID: "3", CallbackID: "cb", Timeout: 9, HeartbeatTimeout: 3},
		{Type: protocol.EventChainedInvokeStarted, ID: 7, Time: at, OpID: "4", FunctionName: "f", ExecutedVersion: "1",
			DurableExecutionARN: "arn", Payload: &text},
		{Type: protocol.EventInvocationCompleted, ID: 8, Time: at, RequestID: "r", Start: at - 10, End: at, Error: reason},
		{Type: protocol.EventExecutionPaused, ID: 9, Time: at, OpID: "id", Name: "n", Requested: at - 5, TimeoutPaused: true,
			Payload: &text},
		{Type: protocol.EventExecutionResumed, ID: 9, Time: at, OpID: "id", Name: "n", Requested: at - 5},
		{Type: protocol.EventExecutionFailed, ID: 9, Time: at, OpID: "id", Name: "n", Error: reason},
	} {
		got, err := protocol.ReadEvent(protocol.AppendEvent(nil, want, true))
		if err != nil {
			t.Fatalf("%s: %v", want.Type, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", want.Type, diff)
		}
	}
}

func TestReadEventOfNewerEngine(t *testing.T) {
	got, err := protocol.ReadEvent([]byte(`{"EventType":"MoonRose","EventId":4,"EventTimestamp":1.5,"MoonRoseDetails":{"Phase":"full"}}`))
	want := &protocol.Event{Type: "MoonRose", ID: 4, Time: 1500}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	for _, bad := range []string{``, `[]`, `{"EventId":"x"}`, `{"EventType":"StepStarted","StepStartedDetails":3}`} {
		if _, err := protocol.ReadEvent([]byte(bad)); err == nil {
			t.Errorf("ReadEvent(%q): got no error", bad)
		}
	}
}

func FuzzReadEvent(f *testing.F) {
	f.Add([]byte(`{"EventType":"StepFailed","EventId":3,"EventTimestamp":1.5,"StepFailedDetails":{"Error":{"Payload":{"ErrorType":"E"}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if e, err := protocol.ReadEvent(data); (e == nil) == (err == nil) {
			t.Errorf("got event %v and error %v", e, err)
		}
	})
}

// FuzzReadOutput: what is accepted is JSON, and reads the same when written again.
func FuzzReadOutput(f *testing.F) {
	for _, seed := range []string{
		`{"Status":"SUCCEEDED","Result":"\"1\""}`, `{"Status":"FAILED","Error":{"ErrorType":"E","StackTrace":["a",null]}}`,
		`{"Status":null,"Result":null,"Error":null}`, `null`, `[]`, `{"Status":1}`, `{"x":{"Status":"PENDING"}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := protocol.ReadOutput(data)
		if err != nil {
			return
		}
		if !json.Valid(data) {
			t.Fatalf("accepted %q as %+v", data, got)
		}
		again, err := protocol.ReadOutput(must(json.Marshal(got)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, again, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%q (-first +second):\n%s", data, diff)
		}
	})
}
