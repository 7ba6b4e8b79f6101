package engine_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// TestRehearsal: it shows all of an execution, and can change nothing of it.
func TestRehearsal(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("order", order)
		arn := f.start("order", "", `{"id":1}`)
		synctest.Wait()
		before := f.history(arn)
		inv, err := f.Rehearsal(t.Context(), arn, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		var in protocol.InvocationInput
		if err := json.Unmarshal(inv.Payload, &in); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, op := range in.InitialExecutionState.Operations {
			got = append(got, string(op.Type)+" "+string(op.Status))
		}
		if want := "EXECUTION STARTED, STEP SUCCEEDED, STEP SUCCEEDED, WAIT STARTED"; strings.Join(got, ", ") != want {
			t.Errorf("got %s, want %s", strings.Join(got, ", "), want)
		}
		_, err = f.Checkpoint(t.Context(), &engine.CheckpointRequest{ARN: arn, Token: in.CheckpointToken})
		if err == nil {
			t.Error("its token was taken for a checkpoint")
		}
		if _, _, err := f.State(t.Context(), arn, in.CheckpointToken, "", 10); err == nil {
			t.Error("its token was taken for reading")
		}
		if after := f.history(arn); after != before {
			t.Errorf("the history was %s, and is %s", before, after)
		}
		f.result(arn)
		if inv, err := f.Rehearsal(t.Context(), arn, time.Second); inv != nil || err != nil {
			t.Errorf("of an execution that has closed: got %v, %v, want nothing", inv, err)
		}
	})
}
