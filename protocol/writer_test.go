package protocol_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/protocol"
)

const start, later = protocol.Timestamp(1_767_225_600_000), protocol.Timestamp(1_767_225_605_040)

func str(s string) *string { return &s }

// The JSON of every operation type, in both dialects. The envelope's is given;
// in the API's the timestamps are seconds.
func TestAppendOperation(t *testing.T) {
	failure := &protocol.ErrorObject{ErrorMessage: "no", ErrorType: "Oops", ErrorData: "{}", StackTrace: []string{"a", "b"}}
	const failureJSON = `{"ErrorMessage":"no","ErrorType":"Oops","ErrorData":"{}","StackTrace":["a","b"]}`
	tests := []struct {
		op   protocol.Operation
		want string
	}{
		{
			protocol.Operation{ID: "e", Type: protocol.TypeExecution, Status: protocol.StatusStarted, Name: "order", Start: start,
				Payload: str(`{"a":1}`)},
			`{"Id":"e","Type":"EXECUTION","Name":"order","Status":"STARTED","StartTimestamp":START,"ExecutionDetails":{"InputPayload":"{\"a\":1}"}}`,
		},
		{
			protocol.Operation{ID: "e", Type: protocol.TypeExecution, Status: protocol.StatusStarted, Start: start},
			`{"Id":"e","Type":"EXECUTION","Status":"STARTED","StartTimestamp":START,"ExecutionDetails":{}}`,
		},
		{
			protocol.Operation{ID: "c", Type: protocol.TypeContext, Status: protocol.StatusSucceeded, ParentID: "p", Name: "n",
				SubType: "Map", Start: start, End: later, Payload: str("")},
			`{"Id":"c","Type":"CONTEXT","ParentId":"p","Name":"n","SubType":"Map","Status":"SUCCEEDED","StartTimestamp":START,"EndTimestamp":LATER,"ContextDetails":{"Result":""}}`,
		},
		{
			protocol.Operation{ID: "c", Type: protocol.TypeContext, Status: protocol.StatusSucceeded, Start: start, End: later,
				ReplayChildren: true},
			`{"Id":"c","Type":"CONTEXT","Status":"SUCCEEDED","StartTimestamp":START,"EndTimestamp":LATER,"ContextDetails":{"ReplayChildren":true}}`,
		},
		{
			protocol.Operation{ID: "s", Type: protocol.TypeStep, Status: protocol.StatusPending, Start: start, Attempt: 2,
				NextAttempt: later, Payload: str("1")},
			`{"Id":"s","Type":"STEP","Status":"PENDING","StartTimestamp":START,"StepDetails":{"Attempt":2,"NextAttemptTimestamp":LATER,"Result":"1"}}`,
		},
		{
			protocol.Operation{ID: "s", Type: protocol.TypeStep, Status: protocol.StatusFailed, Start: start, End: later, Attempt: 1,
				Error: failure},
			`{"Id":"s","Type":"STEP","Status":"FAILED","StartTimestamp":START,"EndTimestamp":LATER,"StepDetails":{"Attempt":1,"Error":` +
				failureJSON + `}}`,
		},
		{
			protocol.Operation{ID: "s", Type: protocol.TypeStep, Status: protocol.StatusStarted, Start: start},
			`{"Id":"s","Type":"STEP","Status":"STARTED","StartTimestamp":START,"StepDetails":{"Attempt":0}}`,
		},
		{
			protocol.Operation{ID: "w", Type: protocol.TypeWait, Status: protocol.StatusStarted, Start: start, ScheduledEnd: later},
			`{"Id":"w","Type":"WAIT","Status":"STARTED","StartTimestamp":START,"WaitDetails":{"ScheduledEndTimestamp":LATER}}`,
		},
		{
			protocol.Operation{ID: "k", Type: protocol.TypeCallback, Status: protocol.StatusTimedOut, Start: start, End: later,
				CallbackID: "id", Error: &protocol.ErrorObject{}},
			`{"Id":"k","Type":"CALLBACK","Status":"TIMED_OUT","StartTimestamp":START,"EndTimestamp":LATER,"CallbackDetails":{"CallbackId":"id","Error":{}}}`,
		},
		{
			protocol.Operation{ID: "i", Type: protocol.TypeChainedInvoke, Status: protocol.StatusSucceeded, Start: start, End: later,
				Payload: str("1")},
			`{"Id":"i","Type":"CHAINED_INVOKE","Status":"SUCCEEDED","StartTimestamp":START,"EndTimestamp":LATER,"ChainedInvokeDetails":{"Result":"1"}}`,
		},
		// Members of other types do not leak.
		{
			protocol.Operation{ID: "w", Type: protocol.TypeWait, Status: protocol.StatusCancelled, Start: start, Payload: str("1"),
				Error: failure, Attempt: 1, CallbackID: "id", ReplayChildren: true},
			`{"Id":"w","Type":"WAIT","Status":"CANCELLED","StartTimestamp":START,"WaitDetails":{}}`,
		},
	}
	for _, test := range tests {
		for _, dialect := range []protocol.Dialect{protocol.Envelope, protocol.API} {
			want := strings.NewReplacer("START", "1767225600000", "LATER", "1767225605040")
			if dialect == protocol.API {
				want = strings.NewReplacer("START", "1767225600", "LATER", "1767225605.040")
			}
			// The statuses contain START; protect them.
			text := strings.ReplaceAll(test.want, `"STARTED"`, `"\x00"`)
			text = strings.ReplaceAll(want.Replace(text), `"\x00"`, `"STARTED"`)
			got := string(protocol.AppendOperation([]byte("prefix"), &test.op, dialect))
			if diff := cmp.Diff("prefix"+text, got); diff != "" {
				t.Errorf("dialect %v (-want +got):\n%s", dialect, diff)
			}
			if !json.Valid([]byte(got[len("prefix"):])) {
				t.Errorf("not JSON: %s", got)
			}
		}
		if got, want := string(must(json.Marshal(&test.op))),
			string(protocol.AppendOperation(nil, &test.op, protocol.Envelope)); got != want {
			t.Errorf("got %s from json.Marshal, want %s", got, want)
		}
	}
}

func TestAppendOperations(t *testing.T) {
	op := &protocol.Operation{ID: "w", Type: protocol.TypeWait, Status: protocol.StatusStarted, Start: start}
	one := string(protocol.AppendOperation(nil, op, protocol.API))
	for n, want := range []string{"[]", "[" + one + "]", "[" + one + "," + one + "]"} {
		if got := string(protocol.AppendOperations(nil, []*protocol.Operation{op, op}[:n], protocol.API)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// The JSON of every event type, with and without data. The members that all
// events have are in front of Details.
func TestAppendEvent(t *testing.T) {
	failure := &protocol.ErrorObject{ErrorType: "Oops"}
	tests := []struct {
		event      protocol.Event
		data, bare string // the details
	}{
		{protocol.Event{Type: protocol.EventExecutionStarted, Payload: str("1"), ExecutionTimeout: 60},
			`{"Input":{"Payload":"1","Truncated":false},"ExecutionTimeout":60}`, `{"Input":{"Truncated":true},"ExecutionTimeout":60}`},
		{protocol.Event{Type: protocol.EventExecutionStarted}, `{"Input":{"Truncated":false},"ExecutionTimeout":0}`,
			`{"Input":{"Truncated":true},"ExecutionTimeout":0}`},
		{protocol.Event{Type: protocol.EventExecutionSucceeded, Payload: str("")}, `{"Result":{"Payload":"","Truncated":false}}`,
			`{"Result":{"Truncated":true}}`},
		{protocol.Event{Type: protocol.EventExecutionFailed, Error: failure},
			`{"Error":{"Payload":{"ErrorType":"Oops"},"Truncated":false}}`, `{"Error":{"Truncated":true}}`},
		{protocol.Event{Type: protocol.EventExecutionStopped, Error: &protocol.ErrorObject{}}, `{"Error":{"Payload":{},"Truncated":false}}`,
			`{"Error":{"Truncated":true}}`},
		{protocol.Event{Type: protocol.EventExecutionTimedOut}, `{}`, `{}`},
		{protocol.Event{Type: protocol.EventExecutionTimedOut, Error: failure},
			`{"Error":{"Payload":{"ErrorType":"Oops"},"Truncated":false}}`, `{"Error":{"Truncated":true}}`},
		{protocol.Event{Type: protocol.EventContextStarted}, `{}`, `{}`},
		{protocol.Event{Type: protocol.EventContextSucceeded, Payload: str("1")}, `{"Result":{"Payload":"1","Truncated":false}}`,
			`{"Result":{"Truncated":true}}`},
		{protocol.Event{Type: protocol.EventContextFailed, Error: failure}, `{"Error":{"Payload":{"ErrorType":"Oops"},"Truncated":false}}`,
			`{"Error":{"Truncated":true}}`},
		{protocol.Event{Type: protocol.EventWaitStarted, Duration: 5, ScheduledEnd: later},
			`{"Duration":5,"ScheduledEndTimestamp":1767225605.040}`, `{"Duration":5,"ScheduledEndTimestamp":1767225605.040}`},
		{protocol.Event{Type: protocol.EventWaitSucceeded, Duration: 5}, `{"Duration":5}`, `{"Duration":5}`},
		{protocol.Event{Type: protocol.EventWaitCancelled}, `{}`, `{}`},
		{protocol.Event{Type: protocol.EventWaitCancelled, Error: failure}, `{"Error":{"Payload":{"ErrorType":"Oops"},"Truncated":false}}`,
			`{"Error":{"Truncated":true}}`},
		{protocol.Event{Type: protocol.EventStepStarted}, `{}`, `{}`},
		{protocol.Event{Type: protocol.EventStepSucceeded, Payload: str("1"), CurrentAttempt: 1},
			`{"Result":{"Payload":"1","Truncated":false},"RetryDetails":{"CurrentAttempt":1}}`,
			`{"Result":{"Truncated":true},"RetryDetails":{"CurrentAttempt":1}}`},
		{protocol.Event{Type: protocol.EventStepFailed, Error: failure, CurrentAttempt: 2, NextAttemptDelay: 4},
			`{"Error":{"Payload":{"ErrorType":"Oops"},"Truncated":false},"RetryDetails":{"CurrentAttempt":2,"NextAttemptDelaySeconds":4}}`,
			`{"Error":{"Truncated":true},"RetryDetails":{"CurrentAttempt":2,"NextAttemptDelaySeconds":4}}`},
		{protocol.Event{Type: protocol.EventCallbackStarted, CallbackID: "id"}, `{"CallbackId":"id"}`, `{"CallbackId":"id"}`},
		{protocol.Event{Type: protocol.EventCallbackStarted, CallbackID: "id", Timeout: 60, HeartbeatTimeout: 5},
			`{"CallbackId":"id","Timeout":60,"HeartbeatTimeout":5}`, `{"CallbackId":"id","Timeout":60,"HeartbeatTimeout":5}`},
		{protocol.Event{Type: protocol.EventCallbackSucceeded}, `{"Result":{"Truncated":false}}`, `{"Result":{"Truncated":true}}`},
		{protocol.Event{Type: protocol.EventCallbackFailed, Error: failure}, `{"Error":{"Payload":{"ErrorType":"Oops"},"Truncated":false}}`,
			`{"Error":{"Truncated":true}}`},
		{protocol.Event{Type: protocol.EventCallbackTimedOut, Error: failure},
			`{"Error":{"Payload":{"ErrorType":"Oops"},"Truncated":false}}`, `{"Error":{"Truncated":true}}`},
		{protocol.Event{Type: protocol.EventChainedInvokeStarted, FunctionName: "f"}, `{"FunctionName":"f"}`, `{"FunctionName":"f"}`},
		{
			protocol.Event{Type: protocol.EventChainedInvokeStarted, FunctionName: "f", TenantID: "t", Payload: str("1"),
				ExecutedVersion: "2", DurableExecutionARN: "arn"},
			`{"FunctionName":"f","TenantId":"t","Input":{"Payload":"1","Truncated":false},"ExecutedVersion":"2","DurableExecutionArn":"arn"}`,
			`{"FunctionName":"f","TenantId":"t","Input":{"Truncated":true},"ExecutedVersion":"2","DurableExecutionArn":"arn"}`,
		},
		{protocol.Event{Type: protocol.EventChainedInvokeSucceeded, Payload: str("1")}, `{"Result":{"Payload":"1","Truncated":false}}`,
			`{"Result":{"Truncated":true}}`},
		{protocol.Event{Type: protocol.EventChainedInvokeFailed, Error: failure},
			`{"Error":{"Payload":{"ErrorType":"Oops"},"Truncated":false}}`, `{"Error":{"Truncated":true}}`},
		{protocol.Event{Type: protocol.EventChainedInvokeTimedOut, Error: failure},
			`{"Error":{"Payload":{"ErrorType":"Oops"},"Truncated":false}}`, `{"Error":{"Truncated":true}}`},
		{protocol.Event{Type: protocol.EventChainedInvokeStopped}, `{"Error":{"Payload":{},"Truncated":false}}`,
			`{"Error":{"Truncated":true}}`},
		{protocol.Event{Type: protocol.EventInvocationCompleted, RequestID: "r", Start: start, End: later},
			`{"StartTimestamp":1767225600,"EndTimestamp":1767225605.040,"RequestId":"r"}`,
			`{"StartTimestamp":1767225600,"EndTimestamp":1767225605.040,"RequestId":"r"}`},
		{
			protocol.Event{Type: protocol.EventInvocationCompleted, RequestID: "r", Start: start, End: later, Error: failure},
			`{"StartTimestamp":1767225600,"EndTimestamp":1767225605.040,"RequestId":"r","Error":{"Payload":{"ErrorType":"Oops"},"Truncated":false}}`,
			`{"StartTimestamp":1767225600,"EndTimestamp":1767225605.040,"RequestId":"r","Error":{"Truncated":true}}`,
		},
	}
	seen := map[protocol.EventType]bool{}
	for _, test := range tests {
		ev := test.event
		seen[ev.Type] = true
		ev.ID, ev.Time = 7, start
		head := `{"EventType":"` + string(ev.Type) + `","EventId":7,"EventTimestamp":1767225600,`
		details := `"` + string(ev.Type) + `Details":`
		for data, want := range map[bool]string{true: test.data, false: test.bare} {
			if diff := cmp.Diff(head+details+want+"}", string(protocol.AppendEvent(nil, &ev, data))); diff != "" {
				t.Errorf("data %t (-want +got):\n%s", data, diff)
			}
		}
		ev.OpID, ev.Name, ev.ParentID, ev.SubType = "o", "n", "p", "s"
		head += `"Id":"o","Name":"n","ParentId":"p","SubType":"s",`
		if diff := cmp.Diff(head+details+test.data+"}", string(protocol.AppendEvent(nil, &ev, true))); diff != "" {
			t.Errorf("with all members (-want +got):\n%s", diff)
		}
	}
	if len(seen) != 24 {
		t.Errorf("got tests of %d event types, want 24", len(seen))
	}
}

func TestAppendInput(t *testing.T) {
	op := &protocol.Operation{ID: "e", Type: protocol.TypeExecution, Status: protocol.StatusStarted, Start: start}
	in := &protocol.InvocationInput{
		DurableExecutionArn: "arn", CheckpointToken: "token",
		InitialExecutionState: protocol.InitialState{Operations: []*protocol.Operation{op}, NextMarker: "7"},
		UpdatedOperationIds:   []string{"e", "f"},
	}
	want := `{"DurableExecutionArn":"arn","CheckpointToken":"token","InitialExecutionState":{"Operations":[` +
		string(protocol.AppendOperation(nil, op, protocol.Envelope)) + `],"NextMarker":"7"},"UpdatedOperationIds":["e","f"]}`
	if diff := cmp.Diff(want, string(protocol.AppendInput(nil, in))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var back protocol.InvocationInput
	if err := json.Unmarshal(protocol.AppendInput(nil, in), &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(in, &back); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	want = `{"DurableExecutionArn":"","CheckpointToken":"","InitialExecutionState":{"Operations":[],"NextMarker":""},"UpdatedOperationIds":[]}`
	if got := string(protocol.AppendInput(nil, &protocol.InvocationInput{})); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestErrorObjectSize(t *testing.T) {
	var none *protocol.ErrorObject
	for _, e := range []*protocol.ErrorObject{{}, {ErrorMessage: "a\"b\n", StackTrace: []string{"é", "\x01"}}} {
		if got, want := e.Size(), len(protocol.AppendErrorObject(nil, e)); got != want {
			t.Errorf("got size %d, want %d", got, want)
		}
	}
	if none.Size() != 0 || string(protocol.AppendErrorObject(nil, none)) != "{}" {
		t.Errorf("got %d and %s of no error", none.Size(), protocol.AppendErrorObject(nil, none))
	}
}

// FuzzString compares strings with encoding/json, which escapes a little more
// but must read the same.
func FuzzString(f *testing.F) {
	for _, s := range []string{"", "plain", "\"\\\n\r\t\x00\x1f\x7f<>&", "é\u2028\u2029😀", "\xff\xc3", "a\xed\xa0\x80b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ours := protocol.AppendString([]byte("x"), s)[1:]
		if len(ours) != protocol.StringSize(s) {
			t.Errorf("got size %d of %s, want %d", protocol.StringSize(s), ours, len(ours))
		}
		var got, want string
		if err := json.Unmarshal(ours, &got); err != nil {
			t.Fatalf("%s: %v", ours, err)
		}
		if err := json.Unmarshal(must(json.Marshal(s)), &want); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// FuzzOperation reads arbitrary JSON. What is understood comes back from its
// own JSON as it was.
func FuzzOperation(f *testing.F) {
	f.Add([]byte(`{"Id":"s","Type":"STEP","Status":"PENDING","StartTimestamp":1,"EndTimestamp":2,"StepDetails":{"Attempt":2,"NextAttemptTimestamp":3,"Result":"1","Error":{"StackTrace":["a"]}}}`))
	f.Add([]byte(`{"Type":"CONTEXT","ContextDetails":{"ReplayChildren":true,"Result":""},"WaitDetails":{"ScheduledEndTimestamp":1},"New":{}}`))
	f.Add([]byte(`{"Type":"CALLBACK","CallbackDetails":{"CallbackId":"x","Error":{}}}`))
	f.Add([]byte(`{"Type":"EXECUTION","ExecutionDetails":{"InputPayload":"x"}}`))
	f.Add([]byte(`{"Type":"CHAINED_INVOKE","ChainedInvokeDetails":null}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var first, second protocol.Operation
		if json.Unmarshal(data, &first) != nil {
			return
		}
		// Members of another type's details are lost on the way; after that
		// nothing is.
		once := protocol.AppendOperation(nil, &first, protocol.Envelope)
		if err := json.Unmarshal(once, &second); err != nil {
			t.Fatalf("%s: %v", once, err)
		}
		if twice := protocol.AppendOperation(nil, &second, protocol.Envelope); string(twice) != string(once) {
			t.Errorf("got %s, want %s", twice, once)
		}
		if !json.Valid(protocol.AppendOperation(nil, &first, protocol.API)) {
			t.Errorf("not JSON: %s", protocol.AppendOperation(nil, &first, protocol.API))
		}
	})
}

func BenchmarkAppendOperation(b *testing.B) {
	op := &protocol.Operation{
		ID: "1-2", Type: protocol.TypeStep, Status: protocol.StatusSucceeded, Name: "process_payment", SubType: "Step", ParentID: "1",
		Start: start, End: later, Attempt: 1, Payload: str(strings.Repeat(`{"id":"p-1"}`, 10)),
	}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = protocol.AppendOperation(buf[:0], op, protocol.API)
	}
}
