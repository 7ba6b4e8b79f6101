package protocol_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/perdure/perdure/protocol"
)

// What is appended for a checkpoint reads back as what it was, and is what
// encoding/json makes of the same update.
func TestAppendCheckpoint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type request struct {
			CheckpointToken, ClientToken string
			Updates                      []protocol.Update
		}
		want := request{
			CheckpointToken: text(t, "token"), ClientToken: text(t, "client"),
			Updates: rapid.SliceOfN(rapid.Custom(drawUpdate), 0, 4).Draw(t, "updates"),
		}
		data := protocol.AppendCheckpoint([]byte("x"), want.CheckpointToken, want.ClientToken, want.Updates)
		var got request
		if err := json.Unmarshal(data[1:], &got); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s\n(-want +got):\n%s", data, diff)
		}
		ours, theirs := asMap(t, data[1:]), asMap(t, must(json.Marshal(want)))
		if diff := cmp.Diff(theirs, ours); diff != "" {
			t.Fatalf("(-encoding/json +ours):\n%s", diff)
		}
	})
}

func asMap(t *rapid.T, data []byte) (m map[string]any) {
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func must(data []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return data
}

// text is a string that survives JSON.
func text(t *rapid.T, label string) string { return rapid.String().Draw(t, label) }

func drawUpdate(t *rapid.T) protocol.Update {
	u := protocol.Update{
		ID: text(t, "id"), Name: text(t, "name"), ParentID: text(t, "parent"), SubType: text(t, "subtype"),
		Type:   rapid.SampledFrom(protocol.OperationTypes).Draw(t, "type"),
		Action: rapid.SampledFrom(protocol.Actions).Draw(t, "action"),
	}
	if s := text(t, "payload"); rapid.Bool().Draw(t, "has payload") {
		u.Payload = &s
	}
	if rapid.Bool().Draw(t, "has error") {
		u.Error = &protocol.ErrorObject{
			ErrorMessage: text(t, "message"), ErrorType: text(t, "error type"), ErrorData: text(t, "data"),
			StackTrace: rapid.SliceOfN(rapid.String(), 1, 3).Draw(t, "stack"),
		}
	}
	seconds := rapid.Int64Range(0, 1<<40).Draw(t, "seconds")
	switch rapid.IntRange(0, 5).Draw(t, "options") {
	case 1:
		u.ContextOptions = &protocol.ContextOptions{ReplayChildren: seconds > 1<<20}
	case 2:
		u.StepOptions = &protocol.StepOptions{NextAttemptDelaySeconds: seconds}
	case 3:
		u.WaitOptions = &protocol.WaitOptions{WaitSeconds: seconds}
	case 4:
		u.CallbackOptions = &protocol.CallbackOptions{TimeoutSeconds: seconds, HeartbeatTimeoutSeconds: seconds / 2}
	case 5:
		u.ChainedInvokeOptions = &protocol.ChainedInvokeOptions{FunctionName: text(t, "function"), TenantID: text(t, "tenant"),
			XAmznTraceID: text(t, "trace")}
	}
	return u
}
