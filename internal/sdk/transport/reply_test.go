package transport

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/perdure/perdure/protocol"
)

// Replies read back as what the service appended.
func TestReadReply(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := &protocol.StateReply{NextMarker: rapid.String().Draw(t, "marker"),
			Operations: rapid.SliceOfN(rapid.Custom(drawOperation), 0, 3).Draw(t, "operations")}
		if len(want.Operations) == 0 {
			want.Operations = nil
		}
		state := protocol.AppendOperations([]byte(`{"Operations":`), want.Operations, protocol.API)
		state = append(protocol.AppendString(append(state, `,"Unknown":[{}],"NextMarker":`...), want.NextMarker), '}')
		got, err := readStateReply(state)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Fatalf("%s: %v\n(-want +got):\n%s", state, err, diff)
		}
		reply, marker, err := readCheckpointReply([]byte(`{"NewExecutionState":` + string(state) + `,"CheckpointToken":"t"}`))
		if diff := cmp.Diff(&protocol.CheckpointReply{Token: "t", Operations: want.Operations}, reply); diff != "" || err != nil ||
			marker != want.NextMarker {
			t.Fatalf("%s: %q %v\n(-want +got):\n%s", state, marker, err, diff)
		}
	})
}

func TestReadTimes(t *testing.T) {
	for in, want := range map[string]protocol.Timestamp{
		"0": 0, "null": 0, "1": 1000, "1700000000": 1700000000000, "1700000000.5": 1700000000500, "1700000000.123": 1700000000123,
		"1700000000.0009": 1700000000001, "1.7e9": 1700000000000, "1.700000000001E9": 1700000000001, "-1.5": -1500,
	} {
		reply, err := readStateReply([]byte(`{"Operations":[{"Id":"1","StartTimestamp": ` + in + ` }]}`))
		if err != nil || reply.Operations[0].Start != want {
			t.Errorf("%s: got %+v %v, want %d", in, reply, err, want)
		}
	}
	for _, in := range []string{"", "-", "1.", ".5", "01", "+1", "1e400", "1e30", "0x1", "inf", `"1"`, "true", "1-2"} {
		if reply, err := readStateReply([]byte(`{"Operations":[{"Id":"1","StartTimestamp":` + in + `}]}`)); err == nil {
			t.Errorf("%s: got %+v, want an error", in, reply.Operations[0])
		}
	}
}

// Nothing but a reply is a reply, and bytes that are not UTF-8 are no reason to
// lose one.
func TestReadOddReplies(t *testing.T) {
	for _, in := range []string{"", "null", "[]", "<html>", "{", `{"Operations":[null]}`, `{"Operations":[{]}`, `{"Operations":[],}`,
		`{"CheckpointToken":1}`, `{} x`} {
		if reply, _, err := readCheckpointReply([]byte(in)); err == nil && in != `{"Operations":[null]}` {
			t.Errorf("%s: got %+v, want an error", in, reply)
		}
		if reply, err := readStateReply([]byte(in)); err == nil && in != `{"CheckpointToken":1}` {
			t.Errorf("%s: got %+v, want an error", in, reply)
		}
	}
	for _, in := range []string{`{}`, ` {"NewExecutionState":null,"CheckpointToken":null} `,
		`{"NewExecutionState":{"Operations":null,"NextMarker":null}}`} {
		reply, marker, err := readCheckpointReply([]byte(in))
		if diff := cmp.Diff(&protocol.CheckpointReply{}, reply); diff != "" || marker != "" || err != nil {
			t.Errorf("%s: got %+v, %q, %v", in, reply, marker, err)
		}
	}
	reply, err := readStateReply([]byte("{\"NextMarker\":\"a\xffb\"}"))
	if err != nil || reply.NextMarker != "a\ufffdb" {
		t.Errorf("got %+v %v", reply, err)
	}
}

// Whatever comes, the readers end, and what they accept is JSON.
func FuzzReadReply(f *testing.F) {
	f.Add([]byte(`{"CheckpointToken":"t","NewExecutionState":{"NextMarker":null,"Operations":[{"Id":"1","StartTimestamp":1.5e0,"StepDetails":{"Attempt":1,"Result":"\"\\u00e9\\n\""}}]}}`))
	f.Add([]byte(`{"Operations":[{"EndTimestamp":-0.1}],"NextMarker":""}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if reply, _, err := readCheckpointReply(data); err == nil && !json.Valid(data) {
			t.Errorf("accepted %q as %+v", data, reply)
		}
		if reply, err := readStateReply(data); err == nil && !json.Valid(data) {
			t.Errorf("accepted %q as %+v", data, reply)
		}
	})
}
