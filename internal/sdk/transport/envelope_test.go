package transport

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/perdure/perdure/protocol"
)

// What the reader accepts is what encoding/json makes of it.
func TestReadInput(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := &protocol.InvocationInput{
			DurableExecutionArn: rapid.String().Draw(t, "arn"),
			CheckpointToken:     rapid.String().Draw(t, "token"),
			UpdatedOperationIds: rapid.SliceOfN(rapid.String(), 0, 3).Draw(t, "updated"),
		}
		in.InitialExecutionState.NextMarker = rapid.String().Draw(t, "marker")
		in.InitialExecutionState.Operations = rapid.SliceOfN(rapid.Custom(drawOperation), 0, 3).Draw(t, "operations")
		data := protocol.AppendInput(nil, in)
		if rapid.Bool().Draw(t, "spaced") {
			var v any
			if err := json.Unmarshal(data, &v); err != nil {
				t.Fatal(err)
			}
			data, _ = json.MarshalIndent(v, "", "\t") // escapes HTML and sorts members
		}
		var want protocol.InvocationInput
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatal(err)
		}
		got, err := protocol.ReadInput(data)
		if err != nil {
			t.Fatalf("refused %s: %v", data, err)
		}
		if diff := cmp.Diff(&want, got, cmp.Transformer("nonNil",
			func(s []string) []string { return append([]string{}, s...) })); diff != "" && len(want.InitialExecutionState.Operations) > 0 {
			t.Fatalf("%s\n(-want +got):\n%s", data, diff)
		}
	})
}

func drawOperation(t *rapid.T) *protocol.Operation {
	op := &protocol.Operation{
		ID: rapid.String().Draw(t, "id"), Name: rapid.String().Draw(t, "name"), ParentID: rapid.String().Draw(t, "parent"),
		Type: rapid.SampledFrom(protocol.OperationTypes).Draw(t, "type"), Status: protocol.StatusStarted,
		Start: protocol.Timestamp(rapid.Int64Range(0, 1<<45).Draw(t, "start")),
	}
	if rapid.Bool().Draw(t, "payload") {
		s := rapid.String().Draw(t, "result")
		op.Payload = &s
	}
	switch op.Type {
	case protocol.TypeStep:
		op.Attempt, op.NextAttempt = rapid.IntRange(0, 99).Draw(t, "attempt"), op.Start
		op.Error = &protocol.ErrorObject{ErrorMessage: rapid.String().Draw(t, "message"), StackTrace: []string{"f"}}
	case protocol.TypeWait:
		op.Payload, op.ScheduledEnd = nil, op.Start
	case protocol.TypeContext:
		op.ReplayChildren = rapid.Bool().Draw(t, "replay")
	case protocol.TypeCallback:
		op.CallbackID = rapid.String().Draw(t, "callback")
	}
	return op
}

// Whatever comes, the reader ends, and what it accepts is JSON.
func FuzzReadInput(f *testing.F) {
	f.Add([]byte(`{"DurableExecutionArn":"a","CheckpointToken":"t","X":[{"a":null}],"InitialExecutionState":{"NextMarker":null,"Operations":[{"Id":"1","StepDetails":{"Attempt":1,"Result":"\"\\u00e9\\n\""}}]}}`))
	f.Add([]byte(`{"UpdatedOperationIds":["a\u12"]}`))
	f.Add([]byte(`{"CheckpointToken":"\`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if in, err := protocol.ReadInput(data); err == nil && !json.Valid(bytes.ToValidUTF8(data, []byte("?"))) {
			t.Errorf("accepted %q as %+v", data, in)
		}
	})
}
