package history

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/protocol"
)

// fold takes events in, a second after each other.
func fold(events ...protocol.Event) *Fold {
	f := &Fold{}
	for i := range events {
		ev := &events[i]
		ev.ID, ev.Time = int64(i+1), protocol.Timestamp(1000*(i+1))
		f.Add(ev)
	}
	return f
}

// TestAttempts: a step is what its last event says, from attempt to attempt.
func TestAttempts(t *testing.T) {
	failure, result := &protocol.ErrorObject{ErrorType: "E"}, "1"
	events := []protocol.Event{
		{Type: protocol.EventStepStarted, OpID: "1", Name: "charge"},
		{Type: protocol.EventStepFailed, OpID: "1", CurrentAttempt: 1, NextAttemptDelay: 5, Error: failure},
		{Type: protocol.EventStepStarted, OpID: "1"},
		{Type: protocol.EventStepSucceeded, OpID: "1", CurrentAttempt: 2, Payload: &result},
	}
	base := protocol.Operation{ID: "1", Name: "charge", Type: protocol.TypeStep, Start: 1000}
	var want []Operation
	for i, change := range []func(o *Operation){
		func(o *Operation) { o.Status, o.Since = protocol.StatusStarted, 1000 },
		func(o *Operation) {
			o.Status, o.Since, o.Attempt, o.Error, o.NextAttempt = protocol.StatusPending, 2000, 1, failure, 7000
		},
		func(o *Operation) { o.Status, o.Since, o.Attempt, o.Error = protocol.StatusStarted, 3000, 1, failure },
		func(o *Operation) {
			o.Status, o.Since, o.Attempt, o.Payload, o.End = protocol.StatusSucceeded, 3000, 2, &result, 4000
		},
	} {
		o := Operation{Operation: base, Number: 1}
		change(&o)
		want = append(want, o)
		got := fold(events[:i+1]...).Operation("1")
		if diff := cmp.Diff(&want[i], got); diff != "" {
			t.Errorf("after event %d (-want +got):\n%s", i+1, diff)
		}
	}
	if got := fold(events[:2]...).Operation("1").Until(); got != 7000 {
		t.Errorf("the next attempt is due at %d, want 7000", got)
	}
	if got := fold(events...).Operation("1").Until(); got != 0 {
		t.Errorf("a step that has ended goes on at %d", got)
	}
}

// TestWhatIsNotOfAnOperation changes none.
func TestWhatIsNotOfAnOperation(t *testing.T) {
	f := &Fold{}
	for i, typ := range []protocol.EventType{protocol.EventExecutionStarted, protocol.EventInvocationCompleted, "SagaStarted"} {
		if o := f.Add(&protocol.Event{Type: typ, OpID: "id", Time: protocol.Timestamp(10 - i)}); o != nil {
			t.Errorf("%s: got operation %+v", typ, o)
		}
	}
	if f.Status != protocol.ExecutionRunning || f.First != 10 || f.Last != 10 || f.Begun != 0 || len(f.Operations()) != 0 {
		t.Errorf("got %+v", f)
	}
}

func TestTree(t *testing.T) {
	start := func(id, parent string) protocol.Event {
		return protocol.Event{Type: protocol.EventContextStarted, OpID: id, ParentID: parent}
	}
	f := fold(start("1", ""), start("2", ""), start("1-1", "1"), start("2-1", "2"), start("1-1-1", "1-1"), start("3", ""))
	show := func() string {
		var rows []string
		for depth, o := range Tree(f.Operations()) {
			rows = append(rows, fmt.Sprintf("%s%s", strings.Repeat(".", depth), o.ID))
		}
		return strings.Join(rows, " ")
	}
	if got, want := show(), "1 .1-1 ..1-1-1 2 .2-1 3"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	f.Forget(f.Operation("1-1"))
	if got, want := show(), "1 2 .2-1 1-1-1 3"; got != want {
		t.Errorf("without one in the middle: got %s, want %s", got, want)
	}
	if got := f.Operation("1-1-1").Depth; got != 2 {
		t.Errorf("depth: got %d, want 2", got)
	}
}
