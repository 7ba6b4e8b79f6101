package protocol_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/protocol"
)

// documented are the event types of AWS's API model, each with the members of
// its details. A question mark stands behind what may be absent. RequestedBy is our own.
const documented = `
ExecutionStarted Input ExecutionTimeout
ExecutionSucceeded Result
ExecutionFailed Error
ExecutionTimedOut Error?
ExecutionStopped Error RequestedBy?
ExecutionPaused PauseRequestTimestamp ExecutionTimeoutPaused Reason? RequestedBy?
ExecutionResumed ResumeRequestTimestamp Reason? RequestedBy?
ContextStarted
ContextSucceeded Result
ContextFailed Error
WaitStarted Duration ScheduledEndTimestamp
WaitSucceeded Duration
WaitCancelled Error?
StepStarted
StepSucceeded Result RetryDetails
StepFailed Error RetryDetails
ChainedInvokeStarted FunctionName TenantId? Input? ExecutedVersion? DurableExecutionArn?
ChainedInvokeSucceeded Result
ChainedInvokeFailed Error
ChainedInvokeTimedOut Error
ChainedInvokeStopped Error
CallbackStarted CallbackId Timeout? HeartbeatTimeout?
CallbackSucceeded Result
CallbackFailed Error
CallbackTimedOut Error
InvocationCompleted StartTimestamp EndTimestamp RequestId Error?
`

func TestMeaningsAreTheDocumentedEvents(t *testing.T) {
	want := map[string][]string{}
	for line := range strings.Lines(strings.TrimSpace(documented)) {
		words := strings.Fields(line)
		want[words[0]] = words[1:]
	}
	got := map[string][]string{}
	for t, m := range protocol.Meanings {
		got[string(t)] = append([]string{}, m.Details...)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-documented +table):\n%s", diff)
	}
}

// TestEachEventTypeHasAMeaning: a constant without a line in the table fails.
func TestEachEventTypeHasAMeaning(t *testing.T) {
	source, err := os.ReadFile("event.go")
	if err != nil {
		t.Fatal(err)
	}
	var got []protocol.EventType
	for _, m := range regexp.MustCompile(`(?m)^\tEvent\w+ +EventType = "(\w+)"`).FindAllSubmatch(source, -1) {
		got = append(got, protocol.EventType(m[1]))
	}
	slices.Sort(got)
	want := slices.Sorted(maps.Keys(protocol.Meanings))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("constants (-table +constants):\n%s", diff)
	}
}

// TestMeaningsFollowTheNames: the words that types are called by are the only
// second witness that there is.
func TestMeaningsFollowTheNames(t *testing.T) {
	operations := map[string]protocol.OperationType{
		"Context": protocol.TypeContext, "Wait": protocol.TypeWait, "Step": protocol.TypeStep,
		"ChainedInvoke": protocol.TypeChainedInvoke, "Callback": protocol.TypeCallback,
	}
	statuses := map[string]protocol.OperationStatus{
		"Started": protocol.StatusStarted, "Succeeded": protocol.StatusSucceeded, "Failed": protocol.StatusFailed,
		"TimedOut": protocol.StatusTimedOut, "Stopped": protocol.StatusStopped, "Cancelled": protocol.StatusCancelled,
	}
	executions := map[string]protocol.ExecutionStatus{
		"Started": protocol.ExecutionRunning, "Succeeded": protocol.ExecutionSucceeded, "Failed": protocol.ExecutionFailed,
		"TimedOut": protocol.ExecutionTimedOut, "Stopped": protocol.ExecutionStopped,
		"Paused": protocol.ExecutionPaused, "Resumed": protocol.ExecutionRunning,
	}
	name := regexp.MustCompile(`^(.+?)(Started|Succeeded|Failed|TimedOut|Stopped|Cancelled|Paused|Resumed|Completed)$`)
	for typ, got := range protocol.Meanings {
		words := name.FindStringSubmatch(string(typ))
		var want protocol.Meaning
		switch words[1] {
		case "Invocation":
		case "Execution":
			want.Execution = executions[words[2]]
		default:
			want.Operation, want.Status = operations[words[1]], statuses[words[2]]
		}
		want.Details = got.Details
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Errorf("%s (-name +table):\n%s", typ, diff)
		}
		if ends := (&protocol.Event{Type: typ}).EndsExecution(); ends != (words[1] == "Execution" && want.Execution.Closed()) {
			t.Errorf("%s ends the execution: got %t", typ, ends)
		}
		if want.Operation != "" {
			if got := protocol.EventOf(want.Operation, want.Status); got != typ {
				t.Errorf("EventOf(%s, %s): got %q, want %q", want.Operation, want.Status, got, typ)
			}
		}
	}
}

func TestWhatIsNotInTheTable(t *testing.T) {
	newer := &protocol.Event{Type: "SagaStarted", OpID: "1"}
	if m := newer.Type.Meaning(); !cmp.Equal(m, &protocol.Meaning{}) {
		t.Errorf("the meaning of a type of a newer service: got %+v, want an empty one", m)
	}
	if newer.EndsExecution() || newer.Status() != "" {
		t.Errorf("an event of a newer service: ends the execution: %t, status %q", newer.EndsExecution(), newer.Status())
	}
	if got := protocol.EventOf(protocol.TypeWait, protocol.StatusFailed); got != "" {
		t.Errorf("a wait does not fail; got %q", got)
	}
	retried := &protocol.Event{Type: protocol.EventStepFailed, NextAttemptDelay: 1}
	if got := retried.Status(); got != protocol.StatusPending {
		t.Errorf("a step to be repeated: got %s, want %s", got, protocol.StatusPending)
	}
}

// TestEventsReadBack: whatever the table has written of an event, the reader finds.
func TestEventsReadBack(t *testing.T) {
	payload, at := `{"a":"\u00e9\n"}`, protocol.Timestamp(1_795_000_000_123)
	for typ, m := range protocol.Meanings {
		full := &protocol.Event{
			Type: typ, ID: 7, Time: at, OpID: "1", Name: "n", ParentID: "p", SubType: "s",
			ExecutionTimeout: 1, Requested: at + 1, TimeoutPaused: true, CurrentAttempt: 2, NextAttemptDelay: 3,
			Duration: 4, ScheduledEnd: at + 2, CallbackID: "c", Timeout: 5, HeartbeatTimeout: 6,
			FunctionName: "f", TenantID: "t", ExecutedVersion: "8", DurableExecutionARN: "arn",
			RequestID: "r", Start: at + 3, End: at + 4, By: "who",
		}
		for _, d := range m.Details {
			switch strings.TrimSuffix(d, "?") {
			case "Input", "Result", "Reason":
				full.Payload = &payload
			case "Error":
				full.Error = &protocol.ErrorObject{ErrorType: "E", ErrorMessage: "m", ErrorData: "d", StackTrace: []string{"l"}}
			}
		}
		want := string(protocol.AppendEvent(nil, full, true))
		for _, d := range m.Details {
			if name := strings.TrimSuffix(d, "?"); !strings.Contains(want, `"`+name+`":`) {
				t.Errorf("%s: %s lacks %s", typ, want, name)
			}
		}
		back, err := protocol.ReadEvent([]byte(want))
		if err != nil {
			t.Fatalf("%s: %v", typ, err)
		}
		if got := string(protocol.AppendEvent(nil, back, true)); got != want {
			t.Errorf("%s: got %s, want %s", typ, got, want)
		}
	}
}
